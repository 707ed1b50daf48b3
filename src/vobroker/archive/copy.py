"""An archive from one place to another, whatever engines they are on, and proof that it is the same there.

What is read is summed up as it goes by, and held against what is read again from the new archive. Only then
is that one finished: a copy that is broken off anywhere is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from vobroker.archive import catalogues
from vobroker.archive.archive import Archive
from vobroker.archive.bulk import BulkReader, BulkWriter
from vobroker.archive.contents import PACKETS, contents
from vobroker.archive.errors import ArchiveError
from vobroker.archive.places import Place, Server
from vobroker.archive.sums import Sum
from vobroker.votypes.arrow import schema
from vobroker.votypes.columns import Table

BATCH_BYTES = 2**23
"""Rows are written in batches of about this size."""


@dataclass(slots=True)
class Step:
    """How far a copy is.

    Attributes
    ----------
    doing
        ``copying``, ``indexing``, ``verifying`` or ``copying catalogues``.
    table
        The table, or the catalogue, in hand.
    done, rows
        Rows of all tables so far, and in the end.
    size
        Bytes so far.
    """

    doing: str
    rows: int
    table: str = ""
    done: int = 0
    size: int = 0

    def on(self, table: Table, rows: pa.Table) -> Step:
        """Go on by some rows of a table."""
        self.table = table.name
        self.done += rows.num_rows
        self.size += rows.nbytes
        return self


@dataclass
class Copied:
    """What was copied, and found to be the same in its new place.

    Attributes
    ----------
    rows
        Number of rows by table.
    sizes
        Bytes by table, as Arrow has them; of packets compressed.
    ledger
        Alerts received, archived, duplicate and dead, as the new archive counts them.
    digest
        SHA-256 of all packets, as they are compressed, in order of arrival.
    replaced
        Texts with a character that the new engine cannot hold.
    catalogues
        Bytes by name of the catalogues, regions, maps and classifiers that were copied along.
    """

    rows: dict[str, int] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    ledger: dict[str, int] = field(default_factory=dict)
    digest: str = ""
    replaced: int = 0
    catalogues: dict[str, int] = field(default_factory=dict)


def copy(source: Archive, target: Place, *, watch: Callable[[Step], None] = lambda _: None) -> Copied:
    """Copy a whole archive, with the catalogues beside it.

    Parameters
    ----------
    source
        What is copied, as it is at this moment; others may go on writing to one on a server.
    target
        Where to: a place without an archive, or with an empty or an unfinished one.
    watch
        Called after each batch.

    Raises
    ------
    ArchiveError
        If the target holds an archive already, something cannot be read or written, or the copy turns out
        not to be the same. There is no archive in the target then.
    """
    copied = Copied()
    here, there = catalogues.store_of(source.place), catalogues.store_of(target)
    along = catalogues.to_copy(here, there)
    with source.bulk() as reader, _new(target, source) as writer:
        natives = reader.natives()
        writer.make(natives)
        sums = [Sum(table) for table in contents(natives)]
        step = Step("copying", sum(reader.count(found.table) for found in sums))
        for found in sums:
            for rows in _batches(found.table, reader):
                kept = writer.storable(rows)
                found.add(kept)
                writer.put(found.table, kept)
                watch(step.on(found.table, kept))
        watch(Step("indexing", 0))
        writer.index()
        step = Step("verifying", step.done)
        for found in sums:
            _verify(found, writer, step, watch)
            copied.rows[found.table.name] = found.rows
            copied.sizes[found.table.name] = found.size
        copied.ledger = reader.ledger()
        if writer.reader().ledger() != copied.ledger:
            raise ArchiveError("the copy of the ledger has other sums")
        copied.digest = sums[-1].digest
        copied.replaced = writer.replaced
        for name in along:
            step = Step("copying catalogues", 0, name)

            def show(size: int, step: Step = step) -> None:
                step.size += size
                watch(step)

            copied.catalogues[name] = catalogues.copied(here, there, name, show)
    return copied


def _new(target: Place, source: Archive) -> AbstractContextManager[BulkWriter]:
    if isinstance(target, Server):
        from vobroker.archive.postgresql.bulk import new_server

        return new_server(target)
    from vobroker.archive.folder_bulk import new_folder

    if target.resolve() == Path(source.place).resolve():
        raise ArchiveError(f"{target} is the archive that is to be copied; choose another place")
    return new_folder(target, source.place)


def _verify(sent: Sum, writer: BulkWriter, step: Step, watch: Callable[[Step], None]) -> None:
    """Read a table of the new archive again, and hold it against what was put into it."""
    found = Sum(sent.table)
    for rows in _batches(sent.table, writer.reader()):
        found.add(rows)
        watch(step.on(sent.table, rows))
    if not sent.same(found):
        raise ArchiveError(
            f"the copy of {sent.table.name} is not the same: {sent.rows} rows with the checksum"
            f" {sent.total:x} {sent.digest:.16} were written, {found.rows} with {found.total:x}"
            f" {found.digest:.16} read again"
        )


def _batches(table: Table, reader: BulkReader) -> Iterator[pa.Table]:
    """Give the rows of a table in batches of a size that is worth a statement."""
    return _sized(schema(table), reader.packets() if table == PACKETS else reader.rows(table))


def _sized(target: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    waiting: list[pa.RecordBatch] = []
    size = 0
    for batch in batches:
        waiting.append(batch)
        size += batch.nbytes
        if size >= BATCH_BYTES:
            yield pa.Table.from_batches(waiting, target)
            waiting, size = [], 0
    if waiting:
        yield pa.Table.from_batches(waiting, target)
