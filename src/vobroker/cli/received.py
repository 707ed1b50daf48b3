"""``vobroker voevent add``: put packets from elsewhere into the archive."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vobroker.cli.common import DEFAULT_ARCHIVE, ArchiveOption, fail, out, progress, shown, warn

if TYPE_CHECKING:
    from vobroker.archive import ReceivedPacket

LARGEST = 10_000_000
"""Longest file that is taken for a packet, in bytes."""

_BATCH = 500


def add(
    files: Annotated[list[Path], typer.Argument(help="Packets, or folders with *.xml.", metavar="FILE")],
    archive: ArchiveOption = DEFAULT_ARCHIVE,
) -> None:
    """Archive packets that came from elsewhere, so that they can be asked in ADQL."""
    from vobroker.archive import ArchiveError, open_archive

    counts: Counter[str] = Counter()
    paths = list(found_packets(files))
    try:
        with open_archive(archive) as store, progress() as bar:
            task = bar.add_task("adding", total=len(paths), note="")
            for some in _batches(_read(paths)):
                with store.transaction() as transaction:
                    counts.update(transaction.add_voevents(some))
                bar.update(task, completed=counts.total())
    except ArchiveError as error:
        fail(str(error))
    out.print(
        f"{counts.total()} received = {counts['archived']} archived + {counts['duplicate']} duplicates"
        f" + {counts['dead']} dead letters",
        highlight=False,
    )
    if counts["dead"]:
        warn(f"{counts['dead']} dead letters: vobroker deadletter list --archive {shown(archive)}")
    if counts.total() and counts["dead"] == counts.total():
        fail("none of the packets could be used")


def found_packets(files: Iterable[Path]) -> Iterator[Path]:
    """Give files, and those of folders."""
    for file in files:
        if file.is_dir():
            yield from sorted(file.rglob("*.xml"))
        else:
            yield file


def _read(paths: Iterable[Path]) -> Iterator[ReceivedPacket]:
    from vobroker.alerts.origin import Origin
    from vobroker.archive import ReceivedPacket

    for number, path in enumerate(paths):
        try:
            with path.open("rb") as opened:
                content = opened.read(LARGEST + 1)
        except OSError as error:
            fail(f"cannot read {path}: {error.strerror or error}", 2)
        if len(content) > LARGEST:
            fail(f"{path} is longer than {LARGEST:,} bytes; a VOEvent is not", 2)
        yield ReceivedPacket(content, Origin(str(path.parent), 0, number, f"/{path.name}"), datetime.now(UTC))


def _batches(packets: Iterator[ReceivedPacket]) -> Iterator[list[ReceivedPacket]]:
    while some := list(islice(packets, _BATCH)):
        yield some
