"""Somebody is told of each alert, over failures and restarts, and can know that it came from the broker."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from tests.gateway.conftest import Served, archive, flow, served
from typer.testing import CliRunner

import vobroker
from vobroker.cli import app
from vobroker.client import notify

__all__ = ["archive", "flow", "served"]  # fixtures

SECRET = b"0123456789abcdef0123456789abcdef"


class Hook:
    """A web address that notes what is posted to it, and answers with the statuses it was given."""

    def __init__(self) -> None:
        self.posted: list[tuple[dict[str, str], bytes]] = []
        self.statuses: list[int] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = hook.statuses.pop(0) if hook.statuses else 200
                if status == 200:
                    hook.posted.append((dict(self.headers), body))
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"

    def ids(self) -> list[str]:
        told = [one for _, body in self.posted for one in json.loads(body)["alerts"]]
        return [one["alert"]["alert_id"] for one in told]


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hook]:
    monkeypatch.setattr(notify.time, "sleep", lambda _: None)
    made = Hook()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def tell(*arguments: object) -> str:
    done = CliRunner().invoke(app(), ["notify", "all", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    return done.output


def test_every_alert_over_failures_and_restarts(
    served: Served, flow: Callable[[], list[str]], hook: Hook, tmp_path: Path
) -> None:
    first = flow()
    (tmp_path / "secret").write_bytes(SECRET + b"\n")
    hook.statuses = [500, 503]
    asked = ("--at", served.address, "--webhook", hook.url, "--no-follow", "--keep", tmp_path / "kept")
    tell(*asked, "--since", "beginning", "--secret", tmp_path / "secret")
    assert hook.ids() == first
    second = flow()
    tell(*asked, "--since", "beginning")
    assert hook.ids() == first + second
    headers, body = hook.posted[0]
    assert notify.verified(SECRET, headers[notify.SIGNATURE], body)
    assert not notify.verified(SECRET, headers[notify.SIGNATURE], body + b" ")
    assert not notify.verified(b"another", headers[notify.SIGNATURE], body)
    assert not notify.verified(SECRET, headers[notify.SIGNATURE], body, now=2e9)
    assert not notify.verified(SECRET, "t=x,v1=y", body)
    assert notify.SIGNATURE not in hook.posted[-1][0]
    assert json.loads(body)["alerts"][0]["url"] == f"{served.address}/alerts/lsst/{first[0]}"


def test_an_address_that_is_gone_is_an_error_and_nothing_is_passed_over(
    served: Served, flow: Callable[[], list[str]], hook: Hook, tmp_path: Path
) -> None:
    every = flow()
    hook.statuses = [410]
    alerts = vobroker.stream("all", since="beginning", at=served.address, follow=False)
    with pytest.raises(vobroker.StreamError, match="nobody could be told"):
        notify.run(alerts, notify.webhook(hook.url), tmp_path / "kept", ended=lambda _: None)
    assert not (tmp_path / "kept").exists()
    alerts = vobroker.stream("all", since="beginning", at=served.address, follow=False)
    notify.run(alerts, notify.webhook(hook.url), tmp_path / "kept", ended=lambda _: None)
    assert hook.ids() == every


def test_texts_for_chats_and_alerts_for_tom(
    served: Served, flow: Callable[[], list[str]], hook: Hook, tmp_path: Path
) -> None:
    every = flow()
    asked = ("--at", served.address, "--no-follow", "--since", "beginning")
    tell(*asked, "--chat", hook.url, "--every", "1h", "--keep", tmp_path / "a")
    text = json.loads(hook.posted[0][1])["text"]
    assert text.startswith("all: 8 alerts\n")
    assert f"/alerts/lsst/{every[0]}" in text
    tell(*asked, "--webhook", hook.url, "--form", "tom", "--keep", tmp_path / "b")
    (one, *_) = json.loads(hook.posted[1][1])["alerts"]
    assert set(one) == {"timestamp", "url", "id", "name", "ra", "dec", "mag", "score"}


def test_a_digest_by_mail(served: Served, flow: Callable[[], list[str]], tmp_path: Path) -> None:
    every = flow()
    letters: list[str] = []

    class Box:
        async def handle_DATA(self, server: object, session: object, envelope: object) -> str:
            letters.append(envelope.content.decode())
            return "250 OK"

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    controller = Controller(Box(), hostname="127.0.0.1", port=port)
    controller.start()
    try:
        asked = ("--at", served.address, "--no-follow", "--since", "beginning", "--keep", tmp_path / "kept")
        tell(*asked, "--mail", "ada@example.org", "--smtp", f"127.0.0.1:{port}")
    finally:
        controller.stop()
    (letter,) = letters
    assert "Subject: all: 8 alerts" in letter
    assert all(f"/alerts/lsst/{one}" in letter.replace("=\r\n", "") for one in every)
