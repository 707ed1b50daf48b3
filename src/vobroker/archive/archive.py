"""An archive, whatever engine keeps it: what everything else asks of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import pyarrow as pa

from vobroker.alerts.batch import AlertBatch, Cutout
from vobroker.alerts.columns import ARCHIVE, DEAD_LETTER
from vobroker.archive import replay
from vobroker.archive.bulk import BulkReader
from vobroker.archive.errors import ArchiveError
from vobroker.archive.reading import Reading
from vobroker.archive.tables import quote
from vobroker.archive.transaction import Transaction
from vobroker.timeseries import LightCurve
from vobroker.votypes.columns import Table

AUTHORITY = "org.example.vobroker"
"""Naming authority of event identifiers unless another is given (IVOA Identifiers 2.0, section 2.3.1)."""

Row = dict[str, Any]

_ONE = "survey = ? AND alert_id = ?"

_LETTER = ", ".join(quote(name) for name in DEAD_LETTER.names if name != "data")


@dataclass(frozen=True, slots=True)
class About:
    """What keeps an archive.

    Attributes
    ----------
    engine
        The engine with its version.
    format
        Version of the archive's layout.
    tables, packets
        Bytes on the disk of the tables with their indexes, and of the packets.
    """

    engine: str
    format: int
    tables: int
    packets: int


class Archive(ABC):
    """An open archive; made by :func:`vobroker.archive.open_archive`.

    Any number of threads may read. A reader sees whole transactions only.

    Attributes
    ----------
    place
        Where it is, for messages; without a password.
    authority
        Naming authority of the events that are added.
    platform
        The engine, by its name in :data:`vobroker.adql.platforms.ENGINES`.
    """

    platform: str

    def __init__(self, place: str, authority: str) -> None:
        self.place = place
        self.authority = authority

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Close the archive; a transaction that is under way in another thread is waited for."""

    @abstractmethod
    def transaction(self) -> AbstractContextManager[Transaction]:
        """Change the archive: all of the block is committed, or nothing when it raises.

        Packets are on the disk before the rows that point to them are committed.

        Raises
        ------
        ArchiveError
            If the changes cannot be written. The archive is then as before.
        """

    def alone(self) -> AbstractContextManager[None]:
        """Be the only one of the processes that share the archive who is in such a block.

        What publishes its events has a position of its own, which only one can move at a time.
        """
        return nullcontext()

    # -- reading -----------------------------------------------------------------------------------

    @abstractmethod
    def query(
        self,
        sql: str,
        parameters: Sequence[Any] = (),
        *,
        rows: int | None = None,
        seconds: float | None = None,
    ) -> pa.Table:
        """Run a query that we wrote, or that :func:`vobroker.adql.translate` did.

        Parameters
        ----------
        sql
            SQL of the engine; never text from a user.
        parameters
            Values for ``?`` or ``$1``.
        rows
            Most rows to give; ask for one more than wanted to learn whether there are more.
        seconds
            Time after which the query is stopped.

        Raises
        ------
        QueryStopped
            At the time limit.
        ArchiveError
            If the query fails, with the database's reason.
        """

    @abstractmethod
    def read(
        self, sql: str, parameters: Sequence[Any] = (), *, lent: Mapping[str, pa.Table] | None = None
    ) -> Reading:
        """Start a query whose rows are taken as they come, with constant memory.

        Parameters
        ----------
        sql
            SQL of the engine; never text from a user.
        parameters
            Values for ``$1``, ``$2`` ...
        lent
            Arrow tables that the SQL can name besides those of the archive, by plain names.
        """

    @abstractmethod
    def bulk(self) -> AbstractContextManager[BulkReader]:
        """Read all that the archive has when the block begins, whatever is written meanwhile."""

    @abstractmethod
    def about(self) -> About:
        """Say what keeps the archive, and how large it is."""

    @abstractmethod
    def native_tables(self) -> dict[str, Table]:
        """Give the native table of each survey that has one."""

    @abstractmethod
    def stored(self, condition: str, parameters: Sequence[Any]) -> Iterator[replay.Page]:
        """Give stored packets with what came with them, in order of arrival.

        ``condition`` is SQL on the columns of ``alert`` and ``payload``.
        """

    @abstractmethod
    def latest(self, limit: int, before: int | None = None) -> list[Row]:
        """Give the alerts that arrived last, the last first, in the columns of ``alert``.

        A column ``sequence`` comes besides, which counts the alerts from 0 in order of arrival; give
        the smallest of a page as ``before`` for the next.
        """

    def tables(self) -> dict[str, Table]:
        """Give the columns of all tables, the survey's native ones included, by table name."""
        return {table.name: table for table in ARCHIVE} | self.native_tables()

    def position(self, source: str, partition: int = 0) -> int:
        """Give the next packet to read from a source; 0 when nothing was read from it."""
        row = self._row(
            "SELECT position FROM source_position WHERE source = ? AND partition = ?", source, partition
        )
        return int(row["position"]) if row else 0

    def positions(self) -> dict[tuple[str, int], int]:
        """Give the next packet to read of every (source, partition) that was read from."""
        rows = self._rows("SELECT source, partition, position FROM source_position")
        return {(row["source"], row["partition"]): int(row["position"]) for row in rows}

    def alert(self, survey: str, alert_id: int) -> Row | None:
        """Give the common columns of an alert, None when it is not there."""
        return self._row("SELECT * FROM alert WHERE survey = ? AND alert_id = ?", survey, alert_id)

    def native(self, survey: str, alert_id: int) -> Row | None:
        """Give the native columns of an alert, None when it is not there."""
        if survey not in self.native_tables():
            return None
        return self._row(f"SELECT * FROM {quote(survey)} WHERE alert_id = ?", alert_id)  # noqa: S608

    def object(self, survey: str, object_id: str) -> Row | None:
        """Give an object, None when it is not there."""
        return self._row("SELECT * FROM object WHERE survey = ? AND object_id = ?", survey, object_id)

    def alerts_of(self, survey: str, object_id: str) -> list[Row]:
        """Give the alerts of an object by time."""
        return self._rows(
            "SELECT * FROM alert WHERE survey = ? AND object_id = ? ORDER BY mjd, alert_id", survey, object_id
        )

    def light_curve(self, object_id: str, survey: str | None = None) -> LightCurve:
        """Give all measurements of an object.

        Raises
        ------
        ArchiveError
            If there is no such object, or several surveys have one and none is named.
        """
        found = self._rows(
            "SELECT survey, ra, dec FROM object WHERE object_id = ? AND survey = coalesce(?, survey)",
            object_id,
            survey,
        )
        if not found:
            of = f" of {survey}" if survey else ""
            raise ArchiveError(f"there is no object '{object_id}'{of} in {self.place}")
        if len(found) > 1:
            names = ", ".join(sorted(row["survey"] for row in found))
            raise ArchiveError(f"several surveys have an object '{object_id}': {names}; say which")
        (place,) = found
        points = self.query(
            "SELECT * FROM measurement WHERE object_id = ? AND survey = ?", [object_id, place["survey"]]
        )
        return LightCurve(place["survey"], object_id, _number(place["ra"]), _number(place["dec"]), points)

    def packet(self, survey: str, alert_id: int) -> bytes:
        """Give the packet of an alert as it arrived, byte by byte.

        Raises
        ------
        ArchiveError
            If there is no such alert, or its segment is damaged.
        """
        for page in self.stored(_ONE, [survey, alert_id]):
            return page[0].packet
        raise ArchiveError(f"there is no {survey} alert {alert_id} in {self.place}")

    def cutouts(self, survey: str, alert_id: int) -> tuple[Cutout, ...]:
        """Give the image stamps of an alert, out of its packet.

        Raises
        ------
        ArchiveError
            If there is no such alert, or its segment is damaged.
        """
        for batch in replay.batches(self.stored(_ONE, [survey, alert_id])):
            return batch.cutouts(0)
        raise ArchiveError(f"there is no {survey} alert {alert_id} in {self.place}")

    def read_batches(
        self, survey: str | None = None, *, since: datetime | None = None, until: datetime | None = None
    ) -> Iterator[AlertBatch]:
        """Give stored alerts as the batches they came in, decoded anew from their packets.

        Parameters
        ----------
        survey
            Only alerts of this survey.
        since, until
            Only alerts received from the first to before the second, UTC.

        Yields
        ------
        AlertBatch
            In order of arrival.
        """
        return replay.batches(
            self.stored(
                "survey = coalesce(?, survey) AND received >= coalesce(?, received)"
                " AND received < coalesce(?, timestamp 'infinity')",
                [survey, _naive(since), _naive(until)],
            )
        )

    def ledger(self) -> pa.Table:
        """Give the account of every alert, by source, survey, night and visit."""
        return self.query("SELECT * FROM ledger")

    def filter_ledger(self) -> pa.Table:
        """Give the account of every filter, by night."""
        return self.query("SELECT * FROM filter_ledger")

    def dead_letters(self, limit: int = 100, before: int | None = None) -> list[Row]:
        """Give the last dead letters without their bytes, the last first."""
        return self._rows(
            f"SELECT {_LETTER} FROM dead_letter WHERE id < ? ORDER BY id DESC LIMIT ?",  # noqa: S608
            (1 << 62) if before is None else before,
            limit,
        )

    def dead_letter(self, number: int) -> Row | None:
        """Give one dead letter with its bytes, None when it is not there."""
        return self._row("SELECT * FROM dead_letter WHERE id = ?", number)

    def events(self, stream: str | None = None, after: int = 0, limit: int = 1000) -> list[Row]:
        """Give events in order of appearance, those behind a sequence number."""
        return self._rows(
            "SELECT * FROM event WHERE sequence > ? AND stream = coalesce(?, stream)"
            " ORDER BY sequence LIMIT ?",
            after,
            stream,
            limit,
        )

    def event(self, ivorn: str) -> Row | None:
        """Give one event, None when it is not there."""
        return self._row("SELECT * FROM event WHERE ivorn = ?", ivorn)

    def _rows(self, sql: str, *parameters: Any) -> list[Row]:
        rows: list[Row] = self.query(sql, parameters).to_pylist()
        return rows

    def _row(self, sql: str, *parameters: Any) -> Row | None:
        rows = self._rows(sql, *parameters)
        return rows[0] if rows else None


def _naive(time: datetime | None) -> datetime | None:
    """Give a time as the tables keep it: UTC without saying so."""
    return time.astimezone(UTC).replace(tzinfo=None) if time and time.tzinfo else time


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
