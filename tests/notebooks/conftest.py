"""One JupyterLab for all notebooks, started as a user starts it, on nights that it has made itself."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from websockets.sync.client import connect

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Started:
    """A ``vobroker notebook`` that runs."""

    process: subprocess.Popen[str]
    said: str
    folder: Path

    @property
    def lab(self) -> str:
        """Address of JupyterLab."""
        return re.search(r"http://\S+?(?=/lab/)", self.said)[0]

    @property
    def token(self) -> str:
        return re.search(r"token=(\S+)", self.said)[1]

    @property
    def service(self) -> str:
        return re.search(r"service: +(\S+),", self.said)[1]

    @property
    def archive(self) -> Path:
        return self.folder / "vobroker-data"

    @property
    def work(self) -> Path:
        return self.folder / "notebooks"


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "vobroker", "notebook", *map(str, words)]


@pytest.fixture(scope="package")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    folder = tmp_path_factory.mktemp("notebooks")
    env = {**os.environ, "COLUMNS": "200"}
    with subprocess.Popen(
        command("--no-open"), cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        said = ""
        for line in process.stdout:
            said += line
            if "Ctrl-C" in line:
                break
        try:
            assert "Ctrl-C" in said, said
            yield Started(process, said, folder)
        finally:
            process.send_signal(signal.SIGINT)
            rest = process.communicate(timeout=120)[0]
    assert process.returncode == 128 + signal.SIGINT, rest


class Kernel:
    """A kernel of a Jupyter server, spoken to as its page does: JSON over a WebSocket."""

    def __init__(self, server: str, token: str) -> None:
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"token {token}"
        self._kernels = f"{server}/api/kernels"
        made = self._session.post(self._kernels, json={"name": "python3", "path": "x.ipynb"}, timeout=120)
        made.raise_for_status()
        self.id = made.json()["id"]
        address = self._kernels.replace("http://", "ws://")
        self._socket = connect(
            f"{address}/{self.id}/channels",
            additional_headers={"Authorization": f"token {token}"},
            max_size=None,
            open_timeout=120,
        )

    def run(self, code: str) -> list[dict[str, Any]]:
        """Run a cell; give its outputs as contents of messages."""
        asked = uuid.uuid4().hex
        header = {"msg_id": asked, "msg_type": "execute_request", "username": "", "session": asked}
        content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False}
        self._socket.send(
            json.dumps(
                {
                    "channel": "shell",
                    "header": header | {"date": "", "version": "5.4"},
                    "parent_header": {},
                    "metadata": {},
                    "content": content,
                }
            )
        )
        outputs: list[dict[str, Any]] = []
        waited = {"execute_reply", "idle"}
        while waited:
            message = json.loads(self._socket.recv(timeout=240))
            if message["parent_header"].get("msg_id") != asked:
                continue
            kind = message["msg_type"]
            if kind in ("stream", "display_data", "execute_result", "error"):
                outputs.append({"kind": kind} | message["content"])
            waited.discard(message["content"]["execution_state"] if kind == "status" else kind)
        return outputs

    def told(self, expression: str) -> Any:
        """Give the value of an expression, through JSON."""
        (output,) = self.run(f"import json, os, resource, sys; print(json.dumps({expression}))")
        return json.loads(output["text"])

    def close(self) -> None:
        self._socket.close()
        self._session.delete(f"{self._kernels}/{self.id}", timeout=60)
        self._session.close()


@pytest.fixture(scope="package")
def kernel(started: Started) -> Iterator[Kernel]:
    one = Kernel(started.lab, started.token)
    yield one
    one.close()
