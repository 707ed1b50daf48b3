"""A TAP service on real alerts, on each engine, and clients that speak to it over HTTP."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
import uvicorn
from tests.archive.postgresql.conftest import fresh_database

from vobroker.alerts.schemas import default_schemas
from vobroker.archive import Archive, open_archive
from vobroker.filters import starter_filters
from vobroker.pipeline.river import run
from vobroker.roles import Roles, read_roles
from vobroker.sources import files
from vobroker.tap import Fence, Jobs, Service
from vobroker.tokens import new_token
from vobroker.web import create_app

PACKETS = Path(__file__).parents[1] / "data" / "alerts"


@dataclass(frozen=True)
class Served:
    """A service under test."""

    address: str
    service: Service
    token: str = ""

    @property
    def archive(self) -> Archive:
        return self.service.archive

    def get(self, path: str, **options: object) -> httpx.Response:
        return httpx.get(f"{self.address}{path}", timeout=30, **options)

    def post(self, path: str, **options: object) -> httpx.Response:
        return httpx.post(f"{self.address}{path}", timeout=30, **options)

    def query(self, text: str, **parameters: object) -> httpx.Response:
        return self.post("/sync", data={"LANG": "ADQL", "QUERY": text, **parameters})

    def rows(self, text: str, **parameters: object) -> list[dict[str, object]]:
        answer = self.query(text, RESPONSEFORMAT="json", **parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()["rows"]

    def error(self, text: str, **parameters: object) -> str:
        """What a query that cannot be answered is told."""
        return told(self.query(text, **parameters))


def told(answer: httpx.Response, status: int = 400) -> str:
    """The sentence of an error document, which has the form that DALI wants."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/x-votable+xml")
    _, found, rest = answer.text.partition('<INFO name="QUERY_STATUS" value="ERROR">')
    assert found, answer.text
    return rest.partition("</INFO>")[0]


@contextmanager
def serving(archive: Archive, folder: Path, roles: Roles | None = None) -> Iterator[Served]:
    """Serve an archive from a thread, on a port of the system's choice."""
    token, line = new_token("ada", "user")
    (folder / "tokens").write_text(f"{line}\n")
    known = read_roles(None, folder / "tokens")
    if roles is not None:
        known = replace(known, limits=roles.limits)
    listener = socket.create_server(("127.0.0.1", 0))
    inside = f"127.0.0.1:{listener.getsockname()[1]}"
    service = Service(archive, known, Jobs(folder / "jobs"), Fence.of([inside]))
    config = uvicorn.Config(
        create_app(service),
        log_level="error",
        server_header=False,
        headers=[("Server", "vobroker")],
        timeout_graceful_shutdown=3,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield Served(f"http://{inside}/tap", service, token)
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@contextmanager
def filled(engine: str, folder: Path) -> Iterator[Archive]:
    """Make an archive of the real packets that travel with the source."""
    with ExitStack() as stack:
        where = folder / "archive" if engine == "duckdb" else stack.enter_context(fresh_database("q3c"))
        archive = stack.enter_context(open_archive(where))
        packets = files.read([PACKETS], resume=archive.position)
        run(
            packets,
            archive,
            schemas=default_schemas(),
            filters=starter_filters(),
            voevents=folder / "voevents",
        )
        yield archive


@pytest.fixture(scope="session", params=["duckdb", "postgresql"])
def tap(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service on each engine, with the same alerts."""
    folder = tmp_path_factory.mktemp(f"tap-{request.param}")
    with filled(request.param, folder) as archive, serving(archive, folder) as served:
        yield served


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Served]:
    """A service of its own for one test."""
    with filled("duckdb", tmp_path) as archive, serving(archive, tmp_path) as served:
        yield served
