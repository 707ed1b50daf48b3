"""One batch into the archive: everything of it, or nothing."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import ClassVar, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vobroker.alerts.batch import AlertBatch
from vobroker.alerts.columns import ALERT, DEAD_LETTER, PAYLOAD
from vobroker.alerts.origin import DeadLetter, Origin
from vobroker.archive import statements
from vobroker.archive.heads import split
from vobroker.archive.pool import Pool
from vobroker.archive.tables import quote
from vobroker.archive.voevents import ReceivedPacket, tabulate
from vobroker.voevent.columns import VOEVENT_CITATION, VOEVENT_PARAM
from vobroker.votypes.arrow import schema
from vobroker.votypes.columns import Table

_OF_OBJECTS = (
    *("survey", "object_id", "alert_id", "mjd", "first_mjd", "ra", "dec", "healpix", "solar_system"),
)
"""Columns of alerts from which objects are made."""


class FilterMatch(Protocol):
    """What a filter made of a batch, as :func:`vobroker.filters.run` gives it."""

    @property
    def filter(self) -> NamedFilter:
        """The filter that ran."""
        ...

    @property
    def seen(self) -> int:
        """Alerts given to the filter."""
        ...

    @property
    def rows(self) -> pa.Array:
        """Row numbers of the alerts that passed."""
        ...

    @property
    def error(self) -> str | None:
        """Why the filter broke off, or None."""
        ...


class NamedFilter(Protocol):
    """What the archive wants to know of a filter."""

    @property
    def name(self) -> str:
        """Its name, and that of its stream."""
        ...

    @property
    def version(self) -> str:
        """Its version."""
        ...


class Transaction(ABC):
    """Changes of the archive that are committed together; made by ``Archive.transaction``.

    ``filed`` counts the dead letters that are new to the archive.
    """

    statements: ClassVar[statements.Statements]

    def __init__(self, pool: Pool, authority: str) -> None:
        self._pool = pool
        self._authority = authority
        self.filed = 0

    def add(self, batch: AlertBatch) -> tuple[AlertBatch | None, list[DeadLetter]]:
        """Store what is new in a batch: alerts, native columns, measurements, objects and packets.

        An alert is known by survey and identifier. The same content again, in whatever wrapping, is
        a duplicate and only counted; other content is a conflict and becomes a dead letter.

        Parameters
        ----------
        batch
            Decoded alerts.

        Returns
        -------
        fresh
            The rows that are new to the archive; None when none is.
        conflicts
            The dead letters of this batch. They are filed already.

        Raises
        ------
        ArchiveError
            If the disk does not take the packets, or the native table cannot grow to the schema.
        """
        if not len(batch):
            return None, []
        digests = self._pool.each(_sha256, [batch.datums.datum(row) for row in range(len(batch))])
        incoming = pa.table(
            {
                "row": pa.array(range(len(batch)), pa.int32()),
                "digest": pa.array(digests, pa.binary()),
                "source": batch.origin["source"],
                "partition": batch.origin["partition"],
                "position": batch.origin["position"],
                **{name: batch.alert[name] for name in ("survey", "alert_id", "night", "visit")},
            }
        )
        fates = self._ask(statements.FATES, incoming=incoming)
        incoming = incoming.append_column("fate", fates["fate"])
        conflicts = self._file_conflicts(batch, incoming.filter(pc.equal(incoming["fate"], "dead")))
        self._do(statements.COUNT_ALERTS, judged=incoming)
        new = incoming.filter(pc.equal(incoming["fate"], "archived"))
        if not len(new):
            return None, conflicts
        fresh = batch if len(new) == len(batch) else batch.take(new["row"])
        self._store(fresh, new)
        return fresh, conflicts

    def add_enriched(self, tables: Iterable[tuple[Table, pa.Table]]) -> None:
        """Store what is known of alerts besides, each in its table, which grows as native ones do."""
        for table, rows in tables:
            for batch in rows.combine_chunks().to_batches() or [pa.RecordBatch.from_pylist([], rows.schema)]:
                self._append(table.name, self._fitted(batch, table))

    def forget_enriched(self, table: Table, alerts: pa.Table, *, catalogue: str = "") -> None:
        """Take back what is known of alerts by a table, or by one catalogue of those in it.

        Parameters
        ----------
        table
            The table; it is made where it is not there.
        alerts
            Columns ``survey`` and ``alert_id``.
        catalogue
            Value of the table's column of that name; empty for all.
        """
        self._fitted(pa.RecordBatch.from_pylist([], schema(table)), table)
        name = quote(table.name)
        self._do(
            f"DELETE FROM {name} USING alerts WHERE {name}.survey = alerts.survey"  # noqa: S608
            f" AND {name}.alert_id = alerts.alert_id{' AND catalogue = ?' if catalogue else ''}",
            [catalogue] if catalogue else [],
            alerts=alerts,
        )

    def add_matches(self, runs: Sequence[FilterMatch], fresh: AlertBatch) -> None:
        """Note what filters let through as events, and their account.

        Parameters
        ----------
        runs
            Results of the filters; one that broke off failed on every row it saw.
        fresh
            The batch they ran on, as :meth:`add` gave it.
        """
        if not runs:
            return
        numbers = pa.array(range(len(runs)), pa.int32())
        ran = pa.table(
            {
                "run": numbers,
                "stream": pa.array([run.filter.name for run in runs], pa.string()),
                "version": pa.array([run.filter.version for run in runs], pa.string()),
                "failed": pa.array([bool(run.error) for run in runs], pa.bool_()),
            }
        )
        rows = [pa.array([], pa.int32()) if run.error else run.rows.cast(pa.int32()) for run in runs]
        let_through = pa.concat_arrays(rows)
        passed = pa.Table.from_batches([fresh.alert]).select(["survey", "alert_id", "object_id", "mjd"])
        passed = (
            passed.take(let_through)
            .append_column("row", let_through)
            .append_column(
                "run", pa.array(np.repeat(np.asarray(numbers), [len(r) for r in rows]), pa.int32())
            )
        )
        nights = pa.table({"night": fresh.alert["night"], "row": pa.array(range(len(fresh)), pa.int32())})
        self._do(statements.COUNT_MATCHES, ran=ran, nights=nights, passed=passed)
        if len(passed):
            self._do(statements.ADD_EVENTS, [f"ivo://{self._authority}/", _now()], ran=ran, passed=passed)

    def add_dead_letters(self, letters: Iterable[DeadLetter]) -> None:
        """Keep inputs that could not be used, and count them.

        An input that is there already, from the same place with the same bytes, is counted as a duplicate.
        Conflicts are passed over: :meth:`add` has filed them.
        """
        others = [letter for letter in letters if letter.reason != "conflict"]
        self._file(others, [None] * len(others), [None] * len(others))

    def add_voevents(self, packets: Sequence[ReceivedPacket]) -> list[str]:
        """Store received events that are new, as :mod:`vobroker.archive.voevents` tabulates them.

        An event is known by its ivorn. The same bytes again are a duplicate and only counted; other bytes
        are a conflict and become a dead letter, as does what is no VOEvent.

        Returns
        -------
        list of str
            What became of each packet: ``archived``, ``duplicate`` or ``dead``.
        """
        told = tabulate(packets)
        fates = ["dead"] * len(packets)
        letters = list(told.dead)
        if len(told.events):
            judged = self._ask(statements.FATES_OF_RECEIVED, incoming=told.events)["fate"]
            arrived = told.events.append_column("fate", judged)
            self._do(statements.COUNT_RECEIVED, judged=arrived)
            self._do(statements.ADD_RECEIVED, judged=arrived)
            new = arrived["row"].filter(pc.equal(judged, "archived"))
            for table, rows in ((VOEVENT_PARAM, told.params), (VOEVENT_CITATION, told.citations)):
                kept = rows.filter(pc.is_in(rows["row"], new.combine_chunks()))
                self._append(table.name, kept.select(list(table.names)))
            for row, fate in zip(arrived["row"].to_pylist(), judged.to_pylist(), strict=True):
                fates[row] = fate
                if fate == "dead":
                    letters.append(_other_bytes(packets[row]))
        self._file(letters, [None] * len(letters), [None] * len(letters))
        return fates

    def release(self, letters: Sequence[int]) -> None:
        """Take dead letters that could be used after all out of the archive, and out of its account."""
        if not letters:
            return
        self._do(statements.UNCOUNT_DEAD_LETTERS, [list(letters)])
        self._do(statements.RELEASE_DEAD_LETTERS, [list(letters)])

    def positions(self, places: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """Give the next packet to read of sources and partitions, those that were read from.

        Nobody else moves them before this transaction has ended.
        """
        found = self._ask(self.statements.positions, read=_places(dict.fromkeys(places, 0)))
        return {(row["source"], row["partition"]): row["position"] for row in found.to_pylist()}

    def set_positions(self, progress: Mapping[tuple[str, int], int]) -> None:
        """Note how far each source and partition has been read."""
        if not progress:
            return
        read = _places(progress)
        self._do(statements.FORGET_POSITIONS, read=read)
        self._do(statements.SET_POSITIONS, read=read)

    def _store(self, fresh: AlertBatch, new: pa.Table) -> None:
        heads, bodies = zip(*(split(memoryview(packet)) for packet in fresh.packets), strict=True)
        payload = new.append_column("size", pa.array(map(len, fresh.packets), pa.int64()))
        numbers = self._numbers("packet_schema", [fresh.schema.text.encode()]) * len(fresh)
        payload = payload.append_column("schema", pa.array(numbers, pa.int32()))
        payload = payload.append_column("head", pa.array(self._numbers("packet_head", heads), pa.int32()))
        self._append(PAYLOAD.name, self._keep(payload, bodies))
        self._append(ALERT.name, fresh.alert)
        self._append(fresh.survey, self._fitted(fresh.native(), fresh.table))
        alerts = pa.Table.from_batches([fresh.alert]).select(_OF_OBJECTS)
        self._store_measurements(fresh, alerts)
        self._do(self.statements.add_objects, alerts=alerts)

    def _store_measurements(self, fresh: AlertBatch, alerts: pa.Table) -> None:
        """Store what is new in the histories: most of each is known from the object's earlier alerts."""
        measured = _encoded(pa.Table.from_batches([fresh.measurements()]))
        keys = measured.select(["object_id", "kind", "measurement_id"])
        keys = keys.append_column("number", pa.array(np.arange(len(keys))))
        new = self._ask(self.statements.new_measurements, [fresh.survey], keys=keys, alerts=alerts)["number"]
        if len(new) < len(measured):
            measured = measured.take(new)
        self._do(self.statements.add_measurements, measured=measured)

    def _file_conflicts(self, batch: AlertBatch, rows: pa.Table) -> list[DeadLetter]:
        letters = []
        for row in rows.to_pylist():
            member = batch.origin["member"][row["row"]].as_py()
            origin = Origin(row["source"], row["partition"], row["position"], member)
            sentence = (
                f"{origin}: {batch.survey} alert {row['alert_id']} is already archived with other content"
            )
            packet = batch.packets[row["row"]]
            letters.append(DeadLetter(origin, "conflict", sentence, packet, survey=batch.survey))
        self._file(letters, rows["night"].to_pylist(), rows["visit"].to_pylist())
        return letters

    def _file(
        self, letters: Sequence[DeadLetter], nights: Sequence[int | None], visits: Sequence[int | None]
    ) -> None:
        if not letters:
            return
        now = _now()
        columns = {
            "id": range(1, len(letters) + 1),
            "survey": [letter.survey or None for letter in letters],
            "reason": [letter.reason for letter in letters],
            "message": [letter.message for letter in letters],
            "at": [None if letter.at < 0 else letter.at for letter in letters],
            "source": [letter.origin.source for letter in letters],
            "partition": [letter.origin.partition for letter in letters],
            "position": [letter.origin.position for letter in letters],
            "received": [now] * len(letters),
            "size": [len(letter.data) for letter in letters],
            "digest": [_sha256(memoryview(letter.data)) for letter in letters],
            "data": [letter.data for letter in letters],
        }
        table = pa.table(columns, schema=schema(DEAD_LETTER))
        table = table.append_column("night", pa.array(nights, pa.int32()))
        table = table.append_column("visit", pa.array(visits, pa.int64()))
        self._do(statements.COUNT_DEAD_LETTERS, letters=table)
        self.filed += self._ask(statements.NEW_DEAD_LETTERS, letters=table)["number"][0].as_py()
        self._do(statements.ADD_DEAD_LETTERS, letters=table)

    # -- what each engine does in its own way ---------------------------------------------------------

    @abstractmethod
    def _ask(
        self, sql: str, parameters: Sequence[object] = (), **inputs: pa.Table | pa.RecordBatch
    ) -> pa.Table:
        """Run a query that sees Arrow data by name."""

    @abstractmethod
    def _do(self, sql: str, parameters: Sequence[object] = (), **inputs: pa.Table | pa.RecordBatch) -> None:
        """Run a statement that sees Arrow data by name."""

    @abstractmethod
    def _append(self, table: str, rows: pa.Table | pa.RecordBatch) -> None:
        """Put rows into a table, by the names of their columns; those not given are null."""

    @abstractmethod
    def _numbers(self, table: str, contents: Iterable[bytes | memoryview]) -> list[int | None]:
        """Give the number of each content in a table that keeps each once, None for an empty one."""

    @abstractmethod
    def _keep(self, payload: pa.Table, bodies: Sequence[memoryview]) -> pa.Table:
        """Keep the packets; give the rows of the table ``payload``, with where they are."""

    @abstractmethod
    def _fitted(self, native: pa.RecordBatch, table: Table) -> pa.RecordBatch:
        """Make room in the survey's native table for rows of a schema, and give them as it takes them."""


def _other_bytes(packet: ReceivedPacket) -> DeadLetter:
    """Give the dead letter of an event whose ivorn another one has."""
    sentence = f"{packet.origin}: an event with this ivorn and other bytes is already archived"
    return DeadLetter(packet.origin, "conflict", sentence, packet.content, survey="voevent")


def _places(progress: Mapping[tuple[str, int], int]) -> pa.Table:
    return pa.table(
        {
            "source": pa.array([source for source, _ in progress], pa.string()),
            "partition": pa.array([partition for _, partition in progress], pa.int32()),
            "position": pa.array(progress.values(), pa.int64()),
        }
    )


def _sha256(data: memoryview) -> bytes:
    return hashlib.sha256(data).digest()


def _encoded(table: pa.Table) -> pa.Table:
    """Give text columns as dictionaries: the few values that recur are then hashed and copied once."""
    for number, field in enumerate(table.schema):
        if field.type == pa.string():
            table = table.set_column(number, field.name, table[field.name].dictionary_encode())
    return table


def _now() -> datetime:
    """Give the time as the tables keep it: UTC without saying so."""
    return datetime.now(UTC).replace(tzinfo=None)
