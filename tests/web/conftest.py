"""A broker with real and simulated alerts, served on this machine, and a browser that looks at it."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import fastavro
import httpx
import pytest
import uvicorn
from playwright.sync_api import Browser, sync_playwright

from vobroker import tokens
from vobroker.alerts.origin import Origin
from vobroker.alerts.packets import RawBatch
from vobroker.alerts.schemas import default_schemas
from vobroker.archive import Archive, files_of, open_archive
from vobroker.filters import Filter, compile_filter, starter_filters
from vobroker.gateway.access import Rate
from vobroker.pipeline.river import run
from vobroker.roles import Roles, read_roles
from vobroker.sources import files
from vobroker.sources.simulator import as_raw_batches, simulate
from vobroker.tap import Jobs, Service
from vobroker.web import create_app
from vobroker.web.oidc import Provider

from .chromium import FLAGS, find_chromium

SCRIPT = "<script>alert(1)</script>"
HOSTILE_FILTER = f"""-- Brighter {SCRIPT}
-- <img src=x onerror=alert(1)> & "more"
SELECT alert_id FROM alert WHERE mag < 99
"""


@dataclass(frozen=True)
class Served:
    """A site under test: where it is, and the archive behind it."""

    address: str
    archive: Archive
    filters: Sequence[Filter]
    roles: Roles
    failures: Rate
    """How often an address may come with a token that does not hold."""

    def get(self, path: str, **options: object) -> httpx.Response:
        return httpx.get(self.address + path, timeout=30, **options)

    def token(self, name: str, role: str = "user", **options: object) -> str:
        """Make a token that holds at once."""
        assert self.roles.tokens.file is not None
        token, made = tokens.new_token(name, role, **options)
        tokens.add(self.roles.tokens.file, made)
        self.roles.tokens.look()
        return token

    @contextmanager
    def browser(
        self, token: str = "", headers: Mapping[str, str] = MappingProxyType({})
    ) -> Iterator[httpx.Client]:
        """Give a client that keeps cookies and says from where its forms come; with a token it signs in."""
        said = {"Origin": self.address, **headers}
        with httpx.Client(base_url=self.address, timeout=30, headers=said) as client:
            if token:
                assert client.post("/signin", data={"token": token}).status_code == 303
            yield client

    def post(
        self, path: str, headers: Mapping[str, str] = MappingProxyType({}), **data: str
    ) -> httpx.Response:
        """Send a form as a browser that keeps nothing."""
        return httpx.post(
            self.address + path, data=data, timeout=30, headers={"Origin": self.address, **headers}
        )

    def json(self, path: str) -> dict:
        return self.get(path, headers={"Accept": "application/json"}).raise_for_status().json()


@contextmanager
def serving(
    archive: Archive, filters: Sequence[Filter] = (), *, oidc: Provider | None = None
) -> Iterator[Served]:
    """Serve an archive from a thread, on a port of the system's choice."""
    listener = socket.create_server(("127.0.0.1", 0))
    roles = read_roles(tokens=files_of(archive.place) / "tokens")
    app = create_app(Service(archive, roles, Jobs(Path(archive.place) / "jobs")), filters=filters, oidc=oidc)
    config = uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=3)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        here = f"http://127.0.0.1:{listener.getsockname()[1]}"
        yield Served(here, archive, filters, roles, app.state.gateway.failures)
    finally:
        app.state.close()
        server.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture(scope="session")
def series(shared: Path) -> list[Path]:
    """Real ZTF packets: successive ones of one supernova."""
    return sorted((shared / "alerts/ztf/ZTF21abiuvdk_series").glob("*.avro"))


@pytest.fixture(scope="session")
def renamed(series: list[Path]) -> Callable[[str, int], bytes]:
    """Make a ZTF packet whose object is called otherwise."""

    def make(object_id: str, number: int) -> bytes:
        reader = fastavro.reader(io.BytesIO(series[0].read_bytes()))
        (alert,) = reader
        alert["objectId"] = object_id
        alert["candid"] = alert["candidate"]["candid"] = number
        packet = io.BytesIO()
        fastavro.writer(packet, reader.writer_schema, [alert])
        return packet.getvalue()

    return make


@pytest.fixture(scope="session")
def site(
    series: list[Path], renamed: Callable[[str, int], bytes], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A broker that has seen a supernova, simulated Rubin and ZTF visits, and inputs that mean harm."""
    folder = tmp_path_factory.mktemp("site")
    broken = folder / "inbox" / f"{SCRIPT.replace('/', '')}.avro"
    broken.parent.mkdir()
    broken.write_bytes(series[0].read_bytes()[:30_000])
    hostile = renamed(SCRIPT.replace("/", ""), 7)
    filters = [*starter_filters(), compile_filter("hostile", HOSTILE_FILTER)]
    with open_archive(folder / "archive") as archive:
        simulated = (
            simulate(survey, seed=3, visits=2, alerts_per_visit=24, history_nights=5)
            for survey in ("lsst", "ztf")
        )
        for source in (
            *map(as_raw_batches, simulated),
            files.read([broken.parent]),
            [RawBatch([hostile], [Origin("hostile")], {("hostile", 0): 1}, [])],
            files.read([series[0].parent]),
        ):
            run(source, archive, schemas=default_schemas(), filters=filters)
        with serving(archive, filters) as served:
            yield served


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real Chromium without a window; while it is there no other event loop can run in this thread."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        yield opened
        opened.close()
