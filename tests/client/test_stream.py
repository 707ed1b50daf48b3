"""Five lines of Python that listen: each alert once, over every interruption, from a broker or an archive."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice

import fastavro
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.gateway.conftest import HALF, Served, archive, flow, served

import vobroker
from vobroker.client import remote
from vobroker.client.container import CURSORS, split
from vobroker.sources.simulator.wire import Container

__all__ = ["archive", "flow", "served"]  # fixtures


def ids(alerts: Iterator[vobroker.Alert]) -> list[str]:
    return [str(alert.alert_id) for alert in alerts]


def test_what_was_and_what_comes(served: Served, flow: Callable[[], list[str]]) -> None:
    before = flow()
    alerts = vobroker.stream("all", since="1h", at=served.address)
    found = ids(islice(alerts, len(before)))
    now = flow()
    assert found + ids(islice(alerts, len(now))) == before + now
    assert ids(vobroker.stream("all", since="beginning", at=served.address, follow=False)) == before + now


def test_an_alert_and_all_that_belongs_to_it(served: Served, flow: Callable[[], list[str]]) -> None:
    flow()
    for at in (served.address, served.archive):
        (alert, *_) = islice(vobroker.stream("all", since="beginning", at=at), 1)
        row = served.archive.query("SELECT * FROM alert WHERE alert_id = $1", [alert.alert_id]).to_pylist()[0]
        assert alert["mag"] == alert.mag == pytest.approx(row["mag"])
        assert (alert.object_id, alert.visit) == (row["object_id"], row["visit"])
        assert alert.created.tzinfo is not None
        curve = alert.light_curve
        assert curve.object_id == row["object_id"]
        assert row["mjd"] in curve.points["mjd"].to_pylist()
        assert curve.plot().axes
        assert alert.cutouts.show().axes
        assert set(alert.cutouts) >= {"science", "difference"}
        assert alert.to_voevent().ivorn == alert.ivorn
        assert str(row["alert_id"]) in repr(alert)
        with pytest.raises(AttributeError, match="its columns are survey"):
            _ = alert.magnitude


def test_packets_of_one_alert_after_the_other_come_in_pages(
    served: Served, flow: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    every = flow() + flow()
    asked: list[str] = []
    opened = remote.Remote._open
    monkeypatch.setattr(remote.Remote, "_open", lambda self, path: asked.append(path) or opened(self, path))
    found = list(vobroker.stream("all", since="beginning", at=served.address, follow=False))
    packets = [
        next(iter(fastavro.reader(io.BytesIO(alert.packet))))["diaSource"]["diaSourceId"] for alert in found
    ]
    assert [str(one) for one in packets] == every
    pages = [path for path in asked if "format=avro" in path]
    assert len(pages) == 4  # of 2, 4, 8 and what is left
    # The same bytes as from the archive, and as of the alert alone.
    here = list(vobroker.stream("all", since="beginning", at=served.archive))
    assert [alert.packet for alert in found] == [alert.packet for alert in here]
    assert (
        httpx.get(f"{served.address}/streams/all/at/{found[5].cursor}?format=avro").content == found[5].packet
    )


@given(st.binary(max_size=60))
def test_a_page_that_is_none_is_said_to_be_none(content: bytes) -> None:
    page = Container('"long"', {CURSORS: b"a b"}).file([b"\x02", b"\x04"])
    assert list(split(page)) == ["a", "b"]
    for damaged in (content, page[: len(content)], page[:4] + content, page[:-20] + content):
        with suppress(vobroker.StreamError):
            split(damaged)


def test_an_archive_is_read_the_same_way(served: Served, flow: Callable[[], list[str]]) -> None:
    every = [one for one in flow() if int(one) % 2 == 0]
    found = list(vobroker.stream("half", since="beginning", at=served.archive))
    assert ids(iter(found)) == every
    assert found[0].version == HALF.version
    # A cursor of the one is a cursor of the other.
    rest = vobroker.stream("half", since=found[0].cursor, at=served.address, follow=False)
    assert ids(rest) == every[1:]


def test_what_cannot_be_followed(served: Served) -> None:
    for name, since, at, said in (
        ("nothing", "", served.address, "There is no stream “nothing”."),
        ("all", "yesterday", served.address, "“since” is a cursor"),
        ("all", "", f"{served.address}/elsewhere", "There is nothing here."),
        ("nothing", "", served.archive, "has no alert of a stream nothing"),
        ("all", "", "/no/where", "there is no archive in /no/where"),
    ):
        with pytest.raises(vobroker.StreamError, match=said):
            next(vobroker.stream(name, since=since, at=at))


def test_interruptions_are_bridged(
    served: Served, flow: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    every = flow() + flow()
    monkeypatch.setattr(remote.time, "sleep", lambda _: None)
    host, port = served.address.removeprefix("http://").split(":")
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def cut_off() -> None:
            """Hand on a connection, and cut it after a while, each time later."""
            for size in (0, 300, 2_000, 5_000, 9_000, 10**9):
                taken, _ = listener.accept()
                with taken, socket.create_connection((host, int(port))) as onward:
                    onward.sendall(taken.recv(65_536))
                    left = size
                    while left > 0 and (data := onward.recv(min(left, 1_000))):
                        left -= len(data)
                        try:
                            taken.sendall(data)
                        except OSError:
                            return

        thread = threading.Thread(target=cut_off, daemon=True)
        thread.start()
        at = f"http://127.0.0.1:{listener.getsockname()[1]}"
        alerts = vobroker.stream("all", since="beginning", at=at)
        assert ids(islice(alerts, len(every))) == every
        alerts.close()
