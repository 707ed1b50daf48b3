"""vobroker vtp send, publish and subscribe against a broker."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.voevent.vtp.peers import broker, ivorn, packet
from typer.testing import CliRunner

from vobroker.archive import open_archive
from vobroker.cli import app
from vobroker.voevent.vtp import Broker
from vobroker.voevent.vtp.dial import Place


def call(*arguments: object, status: int = 0) -> str:
    result = CliRunner().invoke(app(), ["vtp", *map(str, arguments)])
    assert result.exit_code == status, (result.output, result.exception)
    return " ".join(result.output.split())


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[Broker, Place, Place]]:
    """A broker in a thread of its own."""
    found: list[tuple[Broker, Place, Place]] = []
    ready, done = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with broker(tmp_path / "broker") as told:
            found.append(told)
            ready.set()
            await done.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(60)
    yield found[0]
    loop.call_soon_threadsafe(done.set)
    thread.join()
    loop.close()


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    found = [tmp_path / f"{number}.xml" for number in range(3)]
    for number, file in enumerate(found):
        file.write_bytes(packet(number))
    return found


def test_what_is_sent_is_received_saved_handed_on_and_archived(
    running: tuple[Broker, Place, Place], files: list[Path], tmp_path: Path
) -> None:
    _, authors, subscribers = running
    assert call("send", *files, "--to", authors) == "3 sent = 3 taken + 0 refused"
    command = f"tee -a {tmp_path / 'handed-on'}"
    options = ("--since", "beginning", "--count", 3, "--state", tmp_path / "state")
    told = call(
        *("subscribe", subscribers, "--save", tmp_path / "saved", "--exec", command),
        *("--archive", tmp_path / "archive", *options),
    )
    assert "3 received = 3 archived + 0 duplicates + 0 dead letters" in told
    assert {file.read_bytes() for file in (tmp_path / "saved").iterdir()} == {packet(n) for n in range(3)}
    assert (tmp_path / "handed-on").read_bytes() == b"".join(map(packet, range(3)))
    with open_archive(tmp_path / "archive", read_only=True) as archive:
        assert len(archive.query("SELECT * FROM voevent")) == 3


def test_a_second_run_goes_on_behind_the_first(
    running: tuple[Broker, Place, Place], files: list[Path], tmp_path: Path
) -> None:
    _, authors, subscribers = running
    call("send", *files, "--to", authors)
    options = ("--since", "beginning", "--state", tmp_path / "state")
    first = call("subscribe", subscribers, "--count", 2, *options)
    second = call("subscribe", subscribers, "--count", 1, *options)
    assert [(ivorn(n) in first, ivorn(n) in second) for n in range(3)] == [
        (True, False),
        (True, False),
        (False, True),
    ]


def test_what_is_not_taken_is_named_with_its_file(
    running: tuple[Broker, Place, Place], files: list[Path]
) -> None:
    files[1].write_bytes(b"nonsense")
    told = call("send", *files, "--to", running[1], status=1)
    assert f"warning: {files[1]} was not taken: the packet is not well-formed XML" in told
    assert "3 sent = 2 taken + 1 refused" in told


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["send", "absent.xml", "--to", "127.0.0.1:1"], 2, "cannot read absent.xml: No such file"),
        (["send", __file__, "--to", "a b"], 2, "'a b' is no place of a broker"),
        (["subscribe", "h:0"], 2, "'h:0' is no place of a broker"),
        (["send", __file__, "--to", "h", "--tls", "--ca", "absent"], 2, "cannot use the certificate absent"),
        (["publish", "--to", "127.0.0.1:1", "--archive", __file__], 1, "error: "),
    ],
    ids=["file", "place", "port", "certificate", "archive"],
)
def test_errors_are_one_sentence(arguments: list[str], status: int, sentence: str) -> None:
    assert sentence in call(*arguments, status=status)


def test_nobody_there_and_nobody_wanted(
    running: tuple[Broker, Place, Place], files: list[Path], tmp_path: Path
) -> None:
    told = call("send", *files, "--to", "127.0.0.1:1", "--patience", 0, status=1)
    assert "cannot connect to 127.0.0.1:1: Connection refused; 0 of 3 packets are known to be there" in told
    told = call("subscribe", running[2], "--xpath", "//[", "--state", tmp_path / "state", status=1)
    assert "lets us go: the XPath filter" in told
