"""A gateway over a real archive, served on this machine."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import uvicorn

from vobroker.alerts.schemas import default_schemas
from vobroker.archive import Archive, open_archive
from vobroker.cli.serving import settings
from vobroker.filters import Filter, compile_filter
from vobroker.gateway import create_app, create_streams
from vobroker.pipeline.river import run
from vobroker.roles import Roles, read_roles
from vobroker.sources.simulator import as_raw_batches, simulate
from vobroker.tokens import new_token

HOSTILE = "<script>alert(1)</script>"
ALL = compile_filter("all", f"-- Everything {HOSTILE}\nSELECT alert_id, mag FROM alert")
HALF = compile_filter("half", "SELECT alert_id FROM alert WHERE MOD(alert_id, 2) = 0")


@dataclass(frozen=True)
class Served:
    """A gateway under test."""

    address: str
    archive: Archive
    audit: Path
    token: str
    tokens: Path
    close: Callable[[], None]

    def get(self, path: str, **headers: str) -> httpx.Response:
        return httpx.get(f"{self.address}{path}", headers=headers, timeout=60)

    def page(self, stream: str, since: str, **more: object) -> dict:
        asked = {"since": since, **more}
        found = httpx.get(f"{self.address}/streams/{stream}/page", params=asked, timeout=60)
        return found.raise_for_status().json()

    @contextmanager
    def lines(self, path: str, **headers: str) -> Iterator[Iterator[str]]:
        with httpx.stream("GET", f"{self.address}{path}", headers=headers, timeout=60) as response:
            assert response.status_code == 200, response.read()
            yield response.iter_lines()


@contextmanager
def serving(
    archive: Archive, roles: Roles, audit: Path, token: str = "", filters: Sequence[Filter] = (ALL, HALF)
) -> Iterator[Served]:
    """Serve a gateway from a thread, as the command does."""
    listener = socket.create_server(("127.0.0.1", 0))
    streams = create_streams(archive, roles, filters=filters, audit=audit, requests_a_minute=6000)
    server = uvicorn.Server(settings(create_app(streams)))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield Served(
            f"http://127.0.0.1:{listener.getsockname()[1]}",
            archive,
            audit,
            token,
            audit.with_name("tokens"),
            streams.state.close,
        )
    finally:
        streams.state.close()
        server.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with open_archive(tmp_path / "archive") as opened:
        yield opened


@pytest.fixture
def flow(archive: Archive) -> Callable[[], list[str]]:
    """Let a visit of eight alerts flow in; give their identifiers in the stream that all pass."""
    visits = as_raw_batches(simulate("lsst", seed=11, visits=30, alerts_per_visit=8, history_nights=2))

    def flow() -> list[str]:
        before = archive.query("SELECT coalesce(max(sequence), 0) AS n FROM event")["n"][0].as_py()
        run([next(visits)], archive, schemas=default_schemas(), filters=[ALL, HALF])
        return [str(row["alert_id"]) for row in archive.events("all", before)]

    return flow


@pytest.fixture
def served(archive: Archive, tmp_path: Path) -> Iterator[Served]:
    token, line = new_token("ada", "user")
    (tmp_path / "tokens").write_text(f"{line}\n")
    roles = read_roles(None, tmp_path / "tokens")
    with serving(archive, roles, tmp_path / "audit.jsonl", token) as found:
        yield found


def messages(lines: Iterator[str], number: int) -> list[dict]:
    """Take messages from lines of JSON; signs of life are passed over."""
    found = []
    while len(found) < number:
        if (line := next(lines)) and "alert" in (told := json.loads(line)):
            found.append(told)
    return found
