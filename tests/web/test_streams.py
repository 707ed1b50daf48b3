"""Streams of events over HTTP: every event once, from where one was, for as many as may listen."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import anyio
import httpx
import jsonschema
import pytest
from tests.archive.test_voevents import add, packet

from vobroker.alerts.origin import Origin
from vobroker.alerts.packets import RawBatch
from vobroker.alerts.schemas import default_schemas
from vobroker.archive import Archive, open_archive
from vobroker.filters import compile_filter
from vobroker.gateway import endless
from vobroker.gateway.access import Listener, Listeners
from vobroker.pipeline.river import run
from vobroker.publish.render import render
from vobroker.roles import read_roles
from vobroker.voevent import read

from .conftest import Served, serving

EVERYTHING = compile_filter("everything", "SELECT alert_id FROM alert")
NOTHING = compile_filter("nothing", "SELECT alert_id FROM alert WHERE mag < 0")


@dataclass
class Said:
    """A server-sent event."""

    id: str
    event: str
    data: str


def events(lines: Iterator[str], number: int) -> list[Said]:
    found: list[Said] = []
    fields: dict[str, list[str]] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            fields.setdefault(name, []).append(value.removeprefix(" "))
        elif "data" in fields:
            found.append(Said(fields["id"][0], fields["event"][0], "\n".join(fields["data"])))
            if len(found) == number:
                return found
            fields = {}
        else:
            fields = {}
    return found


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with open_archive(tmp_path / "archive") as opened:
        yield opened


@pytest.fixture
def served(archive: Archive) -> Iterator[Served]:
    with serving(archive, [EVERYTHING, NOTHING]) as found:
        yield found


@pytest.fixture
def flow(archive: Archive, series: list[Path]) -> Iterator[object]:
    rest = iter(enumerate(path.read_bytes() for path in series))

    def flow(number: int) -> list[str]:
        some = [next(rest) for _ in range(number)]
        origins = [Origin("test", 0, place) for place, _ in some]
        batch = RawBatch([data for _, data in some], origins, {("test", 0): some[-1][0] + 1}, [])
        before = archive.query("SELECT coalesce(max(sequence), 0) AS n FROM event")["n"][0].as_py()
        run([batch], archive, schemas=default_schemas(), filters=[EVERYTHING])
        return [row["ivorn"] for row in archive.events(after=before)]

    return flow


@contextmanager
def listening(served: Served, path: str, **headers: str) -> Iterator[httpx.Response]:
    with httpx.stream("GET", served.address + path, headers=headers, timeout=60) as response:
        assert response.status_code == 200, response.read()
        yield response


def test_events_come_as_they_pass_and_go_on_from_the_last_one(served, archive, flow) -> None:
    flow(2)
    with listening(served, "/events/everything/stream") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = response.iter_lines()
        assert next(lines) == "retry: 3000"
        first = flow(3)
        found = events(lines, 3)
        assert [one.id for one in found] == first
        for one in found:
            assert one.event == "voevent"
            assert one.data.encode() == render(archive, one.id).strip()
            assert read(one.data.encode()).ivorn == one.id
    missed = flow(2)
    last = {"Last-Event-ID": first[-1]}
    with listening(served, "/events/everything/stream?since=beginning", **last) as response:
        assert [one.id for one in events(response.iter_lines(), 2)] == missed


def test_lines_of_json_hold_the_packet_byte_for_byte(served, archive, flow, monkeypatch) -> None:
    monkeypatch.setattr("vobroker.gateway.hub.PAGE", 7)
    wanted = flow(20)
    lines = served.get("/events/stream.ndjson?since=beginning&follow=false").text.splitlines()
    told = [json.loads(line) for line in lines]
    assert [one["ivorn"] for one in told] == wanted
    assert told[7]["voevent"].encode() == render(archive, wanted[7])
    rest = served.get(f"/events/everything/stream.ndjson?follow=false&since={wanted[14].replace('#', '%23')}")
    assert [json.loads(line)["ivorn"] for line in rest.text.splitlines()] == wanted[15:]


def test_notices_follow_the_schema_that_they_name(served, archive, flow) -> None:
    (ivorn,) = flow(1)
    (line,) = served.get("/events/stream.ndjson?since=beginning&follow=false&form=gcn").text.splitlines()
    told = json.loads(line)
    schema = httpx.get(told["$schema"]).json()
    assert schema["$id"] == told["$schema"] == f"{served.address}/events/notice.schema.json"
    jsonschema.validate(told, schema)
    assert told["id"][0] == ivorn
    assert httpx.get(told["data_archive_page"]).status_code == 200
    event = archive.event(ivorn)
    assert served.json(f"/events/everything/ztf-{event['alert_id']}.json") == told
    with listening(served, "/events/stream?since=beginning&form=gcn") as response:
        (one,) = events(response.iter_lines(), 1)
        assert (one.event, json.loads(one.data)) == ("gcn", told)


def test_a_cursor_and_an_ivorn_are_names_of_one_place(served, archive, flow) -> None:
    wanted = flow(6)
    page = served.json("/streams/everything/page?since=beginning&limit=3")
    cursor, ivorn = page["cursor"], wanted[2].replace("#", "%23")
    assert page["messages"][-1]["ivorn"] == wanted[2]
    for since in (cursor, ivorn):
        page = served.json(f"/streams/everything/page?since={since}")
        assert [one["ivorn"] for one in page["messages"]] == wanted[3:]
        text = served.get(f"/events/everything/stream.ndjson?follow=false&since={since}").text
        assert [json.loads(line)["ivorn"] for line in text.splitlines()] == wanted[3:]
    # Listeners of both are counted as one kind.
    with listening(served, "/events/everything/stream"), listening(served, "/streams/everything/lines"):
        assert "vobroker_listeners 2.0" in served.get("/metrics").text


def test_a_time_is_a_place(served, archive, flow) -> None:
    wanted = flow(3)
    created = archive.event(wanted[0])["created"]
    for when, number in ((created, 3), (created + timedelta(days=1), 0)):
        text = served.get(f"/events/stream.ndjson?follow=false&since={when.isoformat()}").text
        assert len(text.splitlines()) == number


def test_what_comes_from_others_is_a_stream_too(served, archive) -> None:
    latin = packet(3)
    add(archive, packet(1))
    with listening(served, "/voevents/stream") as response:
        lines = response.iter_lines()
        next(lines)
        head = b'<?xml version="1.0" encoding="iso-8859-1"?>'
        content = latin.content.replace(b'<?xml version="1.0"?>', head).replace(b"bright", b"\xe9toile")
        add(archive, packet(2), replace(latin, content=content))
        found = events(lines, 2)
        assert [read(one.data.encode()).ivorn for one in found] == [one.id for one in found]
        assert "étoile" in found[1].data
    told = served.get("/voevents/stream.ndjson?follow=false&since=beginning&form=gcn").text.splitlines()
    assert [json.loads(line)["id"][0] for line in told][1:] == [one.id for one in found]


@pytest.mark.parametrize(
    ("path", "status", "sentence"),
    [
        ("/events/absent/stream", 404, "no stream"),
        ("/events/nothing/stream?since=ivo://a.b/c%231", 404, "no event ivo://a.b/c#1 to go on from"),
        ("/events/stream?since=yesterday", 422, "“since” is a cursor, the ivorn of an event"),
        ("/events/stream?form=avro", 422, "form"),
    ],
)
def test_what_cannot_be_followed_is_said_so(served, path: str, status: int, sentence: str) -> None:
    answer = served.get(path, headers={"Accept": "application/json"})
    assert (answer.status_code, sentence in answer.json()["sentence"]) == (status, True)


def test_unknown_tokens_are_refused(served) -> None:
    answer = served.get("/events/stream", headers={"Authorization": "Bearer nobody's"})
    assert answer.status_code == 401


def test_listeners_have_a_limit_and_leave_their_place(served, archive, monkeypatch) -> None:
    guest = served.roles.limits["guest"]
    monkeypatch.setitem(served.roles.limits, "guest", replace(guest, listeners=2))
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(listening(served, "/events/stream"))
        full = served.get("/events/stream.ndjson?follow=false")
        assert (full.status_code, full.headers["retry-after"]) == (503, "30")
    until = time.monotonic() + 60
    while served.get("/events/stream.ndjson?follow=false").status_code != 200:
        assert time.monotonic() < until
        time.sleep(0.05)


def test_signs_of_life_come_where_nothing_else_does(served, monkeypatch) -> None:
    monkeypatch.setattr("vobroker.gateway.endless.HEARTBEAT", 0.0)
    with listening(served, "/events/nothing/stream") as response:
        lines = response.iter_lines()
        assert [next(lines) for _ in range(3)] == ["retry: 3000", "", ":"]
    with listening(served, "/events/nothing/stream.ndjson") as response:
        assert next(response.iter_raw()) == b"\n"


def test_who_takes_nothing_is_let_go_and_leaves_his_place(monkeypatch) -> None:
    monkeypatch.setattr(endless, "SEND_SECONDS", 0.05)
    closed = []

    async def pieces() -> AsyncGenerator[bytes, None]:
        try:
            while True:
                yield b"more than he takes"
        finally:
            closed.append(True)

    async def never(*_: object) -> None:
        await anyio.sleep_forever()

    listeners, guest = Listeners(10), read_roles().guest
    guest = replace(guest, limits=replace(guest.limits, listeners=1))
    record = Listener("", "", "all", "json", 0)
    listener = listeners.one(guest, record)
    assert listener.__enter__()
    with listeners.one(guest, record) as another:
        assert not another
    answer = endless.Endless(pieces(), endless.EVENTS, listener, {})
    anyio.run(answer, {}, never, _stuck_after(2))
    assert closed == [True]
    with listeners.one(guest, record) as another:
        assert another


def _stuck_after(number: int) -> Callable[[object], Awaitable[None]]:
    rest = iter(range(number))

    async def send(_: object) -> None:
        if next(rest, None) is None:
            await anyio.sleep_forever()

    return send
