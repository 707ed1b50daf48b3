"""A whole archive in a folder, read or made.

One that is being made says so in its table ``meta`` until it is done; nobody else can have it open meanwhile.
A copy that was killed is found by that mark, and made anew from nothing.
"""

# ruff: noqa: S608 -- what is put into the text are names out of the column table
from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb
import pyarrow as pa

from vobroker.alerts.columns import ALERT, PAYLOAD
from vobroker.archive import tables
from vobroker.archive.bulk import LEDGER_SUMS, BulkReader, BulkWriter
from vobroker.archive.contents import COMMON, FRAME, PACKETS
from vobroker.archive.errors import ArchiveError
from vobroker.archive.folder import CONFIG, READ_ONCE, sentence, why_not_opened
from vobroker.archive.reading import BATCH_ROWS
from vobroker.archive.segments import Segments
from vobroker.archive.tables import quote
from vobroker.votypes.arrow import schema
from vobroker.votypes.columns import Table

FRAME_BYTES = 2**23
"""Packets are read in batches of about this many bytes."""


class FolderReader(BulkReader):
    """Everything in an archive in a folder.

    Parameters
    ----------
    db
        Connection within a transaction, whose snapshot it reads.
    segments
        Where the packets are.
    """

    def __init__(self, db: duckdb.DuckDBPyConnection, segments: Segments) -> None:
        self._db = db
        self._segments = segments

    def natives(self) -> list[Table]:
        """Give the native tables."""
        return list(tables.native_tables(self._db).values())

    def count(self, table: Table) -> int:
        """Give the number of rows of a table."""
        ((number,),) = self._db.sql(f"SELECT count(*) FROM {quote(table.name)}").fetchall()
        return int(number)

    def ledger(self) -> dict[str, int]:
        """Give the sums of the ledger."""
        (row,) = self._db.sql(LEDGER_SUMS).to_arrow_table().to_pylist()
        return dict(row)

    def rows(self, table: Table) -> Iterator[pa.RecordBatch]:
        """Give the rows of a table as they were inserted, which DuckDB does unless told otherwise."""
        sql = f"SELECT {', '.join(map(quote, table.names))} FROM {quote(table.name)}"
        yield from self._stream(sql, schema(table))

    def packets(self, *, damaged: bool = False) -> Iterator[pa.RecordBatch]:
        """Give the packets, out of their segments."""
        sql = f"SELECT {', '.join(map(quote, PAYLOAD.names))} FROM {PAYLOAD.name}"
        for places in self._stream(sql, schema(PAYLOAD)):
            for part in _parts(places):
                frames = self._segments.frames(
                    *(part[name].to_pylist() for name in ("segment", "start", "length")), damaged=damaged
                )
                rows = part.drop_columns(["segment", "start"])
                yield rows.append_column(FRAME.name, pa.array(frames, pa.binary())).cast(schema(PACKETS))

    def _stream(self, sql: str, target: pa.Schema) -> Iterator[pa.RecordBatch]:
        try:
            for batch in self._db.sql(sql).to_arrow_reader(BATCH_ROWS):
                yield batch.cast(target)
        except duckdb.Error as error:
            raise ArchiveError(f"cannot read {self._segments.folder.parent}: {sentence(error)}") from error


def _parts(places: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Cut rows of ``payload`` where their packets get too many bytes for one batch."""
    start = size = 0
    for row, length in enumerate(places["length"].to_pylist()):
        if size and size + length > FRAME_BYTES:
            yield places.slice(start, row - start)
            start, size = row, 0
        size += length
    if start < len(places):
        yield places.slice(start)


class FolderWriter(BulkWriter):
    """An archive in a folder that is being made; see :func:`new_folder`.

    Parameters
    ----------
    db
        Connection to a database with the tables of an empty archive, without indexes.
    segments
        Where packets go.
    """

    def __init__(self, db: duckdb.DuckDBPyConnection, segments: Segments) -> None:
        super().__init__()
        self._db = db
        self._segments = segments

    def make(self, natives: Sequence[Table]) -> None:
        """Make the native tables."""
        for table in natives:
            tables.grow_native(self._db, table)

    def put(self, table: Table, rows: pa.Table) -> None:
        """Append rows to a table, packets with their bytes."""
        if table == PACKETS:
            frames = [memoryview(frame.as_buffer()) for frame in rows[FRAME.name]]
            rows = rows.drop_columns([FRAME.name])
            for name, values in zip(("segment", "start"), self._segments.keep(frames), strict=False):
                rows = rows.append_column(name, pa.array(values, pa.int64()))
        # By a name that no table has: a query would prefer one of the archive to ours.
        self._db.register("appended rows", rows)
        self._db.execute(f'INSERT INTO {quote(table.name)} BY NAME SELECT * FROM "appended rows"')
        self._db.unregister("appended rows")

    def index(self) -> None:
        """Make the indexes, with as much memory as DuckDB wants."""
        self._db.execute("RESET memory_limit")
        tables.index(self._db)

    def reader(self) -> BulkReader:
        """Read what has been put."""
        return FolderReader(self._db, self._segments)


@contextmanager
def new_folder(folder: Path, origin: str) -> Iterator[FolderWriter]:
    """Make an archive in a folder; it is one when the block has ended without an exception.

    Parameters
    ----------
    folder
        Where there is no archive, an empty one, or one that was not finished.
    origin
        Where its content comes from, for who meets it unfinished.

    Raises
    ------
    ArchiveError
        If there is an archive with rows, or the folder or its disk does not take another.
    """
    packets, file = folder / "packets", folder / "archive.duckdb"
    if not file.exists() and any(packets.glob("*.seg")):
        raise ArchiveError(f"there are packets in {folder} but no {file.name}; is it the rest of an archive?")
    try:
        packets.mkdir(parents=True, exist_ok=True)
        db = duckdb.connect(file, config=CONFIG)
    except OSError as error:
        raise ArchiveError(f"cannot make an archive in {folder}: {error.strerror or error}") from error
    except duckdb.Error as error:
        raise ArchiveError(why_not_opened(folder, str(error))) from error
    segments = Segments(packets, 1, 0)
    try:
        db.execute(f"SET memory_limit = '{READ_ONCE}'")
        _empty(db, folder, origin)
        for path in packets.glob("*.seg"):
            path.unlink()
        yield FolderWriter(db, segments)
        db.execute("CHECKPOINT")
        tables.finish(db)
    except duckdb.Error as error:
        raise ArchiveError(f"cannot write to {folder}: {sentence(error)}") from error
    except OSError as error:
        raise ArchiveError(f"cannot write to {folder}: {error.strerror or error}") from error
    finally:
        segments.close()
        with suppress(duckdb.Error):
            db.close()


def _empty(db: duckdb.DuckDBPyConnection, folder: Path, origin: str) -> None:
    """Make the tables of an archive without rows in place of what may be there, marked as unfinished."""
    found = tables.names(db)
    if found:
        if not tables.unfinished(db):
            tables.check_format(db, str(folder))
            for table in (ALERT, *COMMON, PAYLOAD):
                ((rows,),) = db.sql(f"SELECT count(*) FROM {quote(table.name)}").fetchall()
                if rows:
                    raise ArchiveError(
                        f"{folder} holds an archive already, with {rows:,} rows in {table.name};"
                        " choose another place"
                    )
        tables.drop(db)
    tables.create(db, origin=origin)
