"""Streams through the gateway: every alert once, in each form, from any place, and nothing of the inside."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import fastavro
import httpx
import pytest
from astropy.io.votable import parse_single_table
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from vobroker import tokens
from vobroker.tokens import add, new_token, revoke
from vobroker.voevent import read

from .conftest import HOSTILE, Served, messages

Flow = Callable[[], list[str]]


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the file of tokens be looked at each time."""
    monkeypatch.setattr(tokens, "FRESH", 0.0)


def ids(found: list[dict]) -> list[str]:
    return [one["alert"]["alert_id"] for one in found]


def server_sent(lines: Iterator[str], number: int) -> list[tuple[str, str, str]]:
    """Take server-sent events: identifier, kind and data."""
    found: list[tuple[str, str, str]] = []
    fields: dict[str, list[str]] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            fields.setdefault(name, []).append(value.removeprefix(" "))
            continue
        if "data" in fields:
            found.append((fields["id"][0], fields["event"][0], "\n".join(fields["data"])))
        fields = {}
        if len(found) == number:
            break
    return found


def test_replay_flows_into_live_without_gap_or_duplicate(served: Served, flow: Flow) -> None:
    before = flow() + flow()
    with served.lines("/streams/all/lines?since=1h") as lines:
        found = messages(lines, len(before))
        now = flow()
        found += messages(lines, len(now))
    assert ids(found) == before + now
    last = found[-3]["cursor"]
    with served.lines(f"/streams/all/lines?since={last}") as lines:
        later = flow()
        assert ids(messages(lines, 2 + len(later))) == now[-2:] + later


def test_only_alerts_of_the_stream(served: Served, flow: Flow) -> None:
    every = flow() + flow()
    even = [one for one in every if int(one) % 2 == 0]
    assert ids(served.page("half", "beginning")["messages"]) == even


def test_server_sent_events_go_on_from_the_last_one(served: Served, flow: Flow) -> None:
    every = flow()
    with served.lines("/streams/all/events?since=beginning") as lines:
        assert next(lines) == "retry: 3000"
        found = server_sent(lines, 3)
    assert {kind for _, kind, _ in found} == {"json"}
    with served.lines("/streams/all/events", **{"Last-Event-ID": found[-1][0]}) as lines:
        found += server_sent(lines, len(every) - 3)
    assert [json.loads(data)["alert"]["alert_id"] for _, _, data in found] == every


def test_a_web_socket_carries_the_lines(served: Served, flow: Flow) -> None:
    before = flow()
    address = served.address.replace("http", "ws")
    with connect(f"{address}/streams/all/ws?since=beginning") as socket:
        found = [json.loads(socket.recv(30)) for _ in before]
        now = flow()
        found += [json.loads(socket.recv(30)) for _ in now]
    assert ids(found) == before + now
    with connect(f"{address}/streams/all/ws?since={found[-1]['cursor']}&format=voevent") as socket:
        (later, *_) = flow()
        assert read(json.loads(socket.recv(30))["voevent"].encode()).ivorn.endswith(f"#lsst-{later}")
    for path, status in (("nothing/ws", 404), ("all/ws?since=never", 422)):
        with pytest.raises(InvalidStatus) as refused, connect(f"{address}/streams/{path}"):
            pass
        assert refused.value.response.status_code == status


@pytest.mark.parametrize(
    ("said", "times", "code"), [("x" * 1000, 10_000, 1008), ("x" * 100_000, 1, 1009)], ids=["much", "long"]
)
def test_who_talks_on_a_web_socket_is_let_go(
    served: Served, flow: Flow, said: str, times: int, code: int
) -> None:
    flow()
    with connect(f"{served.address.replace('http', 'ws')}/streams/all/ws") as socket:
        with suppress(ConnectionClosed):
            for _ in range(times):
                socket.send(said)
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(60)
        assert closed.value.rcvd.code == code


def test_pages_in_each_form_lead_to_the_next(served: Served, flow: Flow) -> None:
    every = flow() + flow()
    found, cursor = [], "beginning"
    while page := served.page("all", cursor, limit=5)["messages"]:
        found += ids(page)
        cursor = page[-1]["cursor"]
    assert found == every

    packets, cursor = [], "beginning"
    while (answer := served.get(f"/streams/all/page?format=avro&limit=7&since={cursor}")).status_code == 200:
        packets += fastavro.reader(io.BytesIO(answer.content))
        cursor = answer.headers["cursor"]
        assert f"since={cursor}" in answer.headers["link"]
    assert answer.status_code == 204
    assert [str(packet["diaSource"]["diaSourceId"]) for packet in packets] == every

    answer = served.get("/streams/all/page?format=votable&since=beginning")
    table = parse_single_table(io.BytesIO(answer.content)).to_table()
    assert [str(one) for one in table["alert_id"]] == every
    assert table["mjd"].unit == "d"
    for form in ("voevent", "gcn"):
        (one, *_) = served.page("all", "beginning", format=form)["messages"]
        assert every[0] in json.dumps(one[form])


def test_a_page_waits_for_its_first_alert(served: Served, flow: Flow) -> None:
    cursor = served.page("all", "")["cursor"]
    assert served.page("all", cursor, wait=0.1)["messages"] == []
    with httpx.Client() as client:
        request = client.build_request("GET", f"{served.address}/streams/all/page?since={cursor}&wait=50")
        now = flow()
        assert ids(client.send(request).json()["messages"]) == now


def test_what_is_wrong_is_said_and_nothing_of_the_inside(served: Served) -> None:
    for path, status, said in (
        ("/streams/nothing/page", 404, "There is no stream “nothing”."),
        ("/streams/all/page?since=yesterday", 422, "“since” is a cursor"),
        ("/streams/all/page?since=" + "A" * 32, 422, "This cursor is not one of this stream."),
        ("/streams/all/page?limit=-1&format=xls", 422, "These parameters cannot be used: format, limit."),
        ("/streams/UPPER/page", 422, "These parameters cannot be used: name."),
        ("/streams/../../etc/passwd", 404, "There is nothing here."),
        ("/docs", 404, "There is nothing here."),
        ("/streams/docs", 404, "There is no stream “docs”."),
    ):
        answer = served.get(path)
        assert (answer.status_code, said in answer.json()["error"]) == (status, True), path


def test_streams_tell_what_they_are(served: Served) -> None:
    listed = served.get("/streams/").json()["streams"]
    assert [one["name"] for one in listed] == ["all", "half"]
    told = served.get("/streams/all").json()
    assert HOSTILE in told["title"]
    assert [column["name"] for column in told["columns"]] == ["alert_id", "mag"]
    assert served.get("/streams/all").headers["content-type"] == "application/json"
    for form in ("events", "lines", "page"):
        assert told[form] == f"{served.address}/streams/all/{form}"


def test_tokens(served: Served) -> None:
    assert served.get("/streams/", Authorization=f"Bearer {served.token}").status_code == 200
    for _ in range(5):
        answer = served.get("/streams/", Authorization="Bearer guessed")
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
    answer = served.get("/streams/", Authorization="Bearer guessed")
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    # Not even the right one helps who has guessed too often.
    assert served.get("/streams/", Authorization=f"Bearer {served.token}").status_code == 429
    written = [json.loads(line) for line in served.audit.read_text().splitlines()]
    assert [one["what"] for one in written].count("token") == 5
    assert "guessed" not in served.audit.read_text()


def test_a_token_holds_only_for_its_scope_and_time(served: Served) -> None:
    """What is refused sounds the same, whatever the reason."""
    (ended, past), (other, queries) = new_token("ben", "user"), new_token("cy", "user", scopes=["tap"])
    add(served.tokens, replace(past, until=datetime.now(UTC) - timedelta(seconds=1)))
    add(served.tokens, queries)
    answers = [served.get("/streams/", Authorization=f"Bearer {one}") for one in (ended, other, "guessed")]
    assert {(one.status_code, one.text) for one in answers} == {
        (401, '{"error":"This token does not hold here, or no more; leave it out to ask as a guest."}')
    }


def test_who_listens_is_let_go_with_the_token(served: Served, flow: Flow) -> None:
    flow()
    address = f"{served.address.replace('http', 'ws')}/streams/all/ws"
    headers = {"Authorization": f"Bearer {served.token}"}
    with (
        connect(address, additional_headers=headers) as socket,
        served.lines("/streams/all/lines?since=beginning", **headers) as lines,
    ):
        messages(lines, 8)
        revoke(served.tokens, "ada")
        now = flow()
        with pytest.raises(ConnectionClosed) as closed:
            messages((socket.recv(30) for _ in range(100)), 1)
        assert closed.value.rcvd.code == 1008
        assert not [line for line in lines if now[0] in line]
    assert served.get("/streams/", **headers).status_code == 401


def test_as_many_listeners_as_the_role_may_have(served: Served, flow: Flow) -> None:
    flow()
    headers = {"Authorization": f"Bearer {served.token}"}
    with ExitStack() as listeners:
        opened = [
            listeners.enter_context(served.lines("/streams/all/lines?since=beginning", **headers))
            for _ in range(20)
        ]
        for lines in opened:
            messages(lines, 1)
        refused = served.get("/streams/all/lines", **headers)
        assert refused.status_code == 503
        assert refused.headers["retry-after"]


INSIDE = re.compile(
    r"kafka|topic|partition|offset|duckdb|postgres|psycopg|uvicorn|starlette|fastapi|pydantic|python|h11|"
    r"traceback|\.py\b|/tmp|/home|/root|archive\.|site-packages|sequence|localhost|vobroker/\d|\bpid\b",
    re.IGNORECASE,
)
"""Names, ports, paths and versions of what is inside."""


def test_nothing_of_the_inside_shows(served: Served, flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    flow()
    paths = [
        "/streams/",
        "/streams/all",
        *(
            f"/streams/all/page?since=beginning&format={form}"
            for form in ("json", "voevent", "gcn", "votable")
        ),
        "/streams/all/page?since=beginning&format=avro&limit=1",
        "/streams/nothing/page",
        "/streams/all/page?since=x",
        "/streams/all/page?limit=x",
        "/nothing",
        "/health",
        "/ready",
        "/openapi.json",
        "/streams/openapi.json",
        "/streams/all/page?since=%00",
        "/streams/%2e%2e/page",
    ]
    answers = [served.get(path) for path in paths]
    answers.append(served.get("/metrics", **{"X-Forwarded-For": "203.0.113.5"}))
    answers += [
        httpx.request(method, f"{served.address}/streams/all/page") for method in ("POST", "DELETE", "TRACE")
    ]
    answers.append(httpx.get(f"{served.address}/streams/", headers={"Host": "evil.example"}))

    def broken(*_: object) -> None:
        raise RuntimeError("the archive /home/secret is at postgres://inside:5432")

    monkeypatch.setattr(type(served.archive), "events", broken)
    failed = served.get("/streams/unknown/page")
    assert failed.status_code == 500
    number = re.search(r"number (\w+)", failed.json()["error"])
    assert number
    assert number[1] in served.audit.read_text()
    assert served.get("/ready").status_code == 503
    for answer in (*answers, failed):
        text = answer.text if answer.headers.get("content-type") != "application/avro" else ""
        about = f"{dict(answer.headers)}\n{text}"
        assert not INSIDE.search(about.replace("_TAI", "")), (answer.url, INSIDE.search(about))
        assert "server" not in answer.headers or answer.headers["server"] == "vobroker"


def test_the_end_of_the_service_is_told(served: Served, flow: Flow) -> None:
    flow()
    address = f"{served.address.replace('http', 'ws')}/streams/all/ws"
    with connect(address) as socket, served.lines("/streams/all/lines?since=beginning") as lines:
        messages(lines, 8)
        served.close()
        with pytest.raises(ConnectionClosed) as closed:
            [socket.recv(30) for _ in range(100)]
        assert closed.value.rcvd.code == 1012
        assert not [line for line in lines if "alert" in line]  # and it ends
