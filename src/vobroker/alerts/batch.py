"""A batch of alerts of one survey and schema: common columns now, the rest when asked for."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vobroker.alerts.avro.program import Path, Program, compile_program
from vobroker.alerts.avro.read import Columns, Datums, Items, read
from vobroker.alerts.avro.schema import Primitive
from vobroker.alerts.columns import MEASUREMENT
from vobroker.alerts.cutouts import KINDS, Cutout, plain
from vobroker.alerts.schemas import PacketSchema
from vobroker.alerts.surveys import has, leaf, native_names, native_table
from vobroker.alerts.surveys.survey import History, Survey, Values, kind_of, path
from vobroker.timeseries.model import LightCurve
from vobroker.votypes.arrow import schema as arrow_schema
from vobroker.votypes.columns import Table

__all__ = ["AlertBatch", "Cutout"]


class AlertBatch:
    """Alerts of one survey and one schema, in order of arrival.

    Attributes
    ----------
    alert
        Common columns, in the order and types of :data:`vobroker.alerts.columns.ALERT`.
    packets
        Original packet of each row as it arrived. One out of a container of several alerts is a
        container of its own, with the same schema and the same datum bytes.
    origin
        Columns ``source`` (string), ``partition`` (int32), ``position`` (int64), ``member`` (string).
    """

    def __init__(
        self,
        mapping: Survey,
        schema: PacketSchema,
        datums: Datums,
        alert: pa.RecordBatch,
        packets: list[bytes],
        origin: pa.RecordBatch,
        columns: Columns | None = None,
    ) -> None:
        self.mapping = mapping
        self.schema = schema
        self.datums = datums
        self.alert = alert
        self.packets = packets
        self.origin = origin
        self._columns = columns
        self._measurements: pa.RecordBatch | None = None

    def __len__(self) -> int:
        return int(self.alert.num_rows)

    @property
    def survey(self) -> str:
        """Name of the survey, and of its native table."""
        return self.mapping.name

    @property
    def schema_version(self) -> str:
        """Version of the packets' schema."""
        return self.schema.version

    @property
    def table(self) -> Table:
        """Metadata of the native columns."""
        return _native_table(self.mapping, self.schema)

    def native(self, names: Sequence[str] | None = None) -> pa.RecordBatch:
        """Give native scalar columns as published, with ``survey`` and ``alert_id`` first.

        Only what is asked for is decoded, unless it has been decoded already.

        Raises
        ------
        KeyError
            If the schema has no such column.
        """
        paths = native_names(self.mapping, self.schema)
        if names is not None:
            by_lower = {name.lower(): name for name in paths}
            wanted = [by_lower[name.lower()] for name in names if name.lower() not in _KEYS]
            paths = {name: paths[name] for name in wanted}
        columns = self._read(frozenset(paths.values()), whole=False).columns
        return pa.RecordBatch.from_arrays(
            [self.alert["survey"], self.alert["alert_id"], *(columns[at] for at in paths.values())],
            names=["survey", "alert_id", *paths],
        )

    def measurements(self) -> pa.RecordBatch:
        """Give all detections, forced photometry and limits of the rows, in ``MEASUREMENT`` columns.

        The triggering detection is among them. A column ``row`` (int32) comes before the others and
        gives the alert's row in the batch. A measurement without time or identifier is left out. They are
        kept, since the archive and what sums them up both ask.
        """
        if self._measurements is None:
            self._measurements = self._all_measured()
        return self._measurements

    def _all_measured(self) -> pa.RecordBatch:
        everything = history_paths(self.mapping, self.schema) | alert_paths(self.mapping, self.schema)
        columns = self._read(everything, whole=False)
        parts = [self._measured(self.mapping.trigger, columns.columns, None)]
        for history in self.mapping.histories:
            items = columns.items.get((history.array,))
            if items is not None:
                parts.append(self._measured(history, items.columns, items))
        return pa.Table.from_batches(parts).combine_chunks().to_batches()[0] if len(self) else parts[0]

    def light_curve(self, row: int, name: str) -> LightCurve:
        """Give what the packet of one alert says of its object: the light curve as it was known then.

        Parameters
        ----------
        row
            Row of the alert.
        name
            What the object is called.

        Returns
        -------
        LightCurve
            Without a position where the object moves.
        """
        measured = pa.Table.from_batches([self.measurements()])
        points = measured.filter(pc.equal(measured["row"], row)).drop_columns(["row"])
        moving = self.alert["solar_system"][row].as_py()
        ra, dec = (None if moving else self.alert[axis][row].as_py() for axis in ("ra", "dec"))
        return LightCurve(
            self.survey, name, math.nan if ra is None else ra, math.nan if dec is None else dec, points
        )

    def cutouts(self, row: int) -> tuple[Cutout, ...]:
        """Give the image stamps of one alert, those that are there and whole."""
        wanted = {
            kind: next((at for at in _stamp_paths(kind) if leaf(self.schema.root, at) == _IMAGE), None)
            for kind in KINDS
        }
        program = program_for(self.schema, frozenset(at for at in wanted.values() if at), whole=False)
        columns = read(program, self.datums.take(np.array([row]))).columns
        found = []
        for kind, at in wanted.items():
            stamp = columns[at][0].as_py() if at in columns else None
            fits = plain(stamp) if stamp else None
            if fits:
                found.append(Cutout(kind, fits))
        return tuple(found)

    def take(self, rows: pa.Array) -> AlertBatch:
        """Give some of the rows, as a batch."""
        numbers = np.asarray(rows, np.int64)
        return AlertBatch(
            self.mapping,
            self.schema,
            self.datums.take(numbers),
            self.alert.take(pa.array(numbers)),
            [self.packets[row] for row in numbers],
            self.origin.take(pa.array(numbers)),
        )

    def _read(self, wanted: frozenset[Path], *, whole: bool) -> Columns:
        """Decode leaves, unless the columns at hand have them all."""
        if self._columns is not None and _covers(self._columns, wanted):
            return self._columns
        return read(program_for(self.schema, wanted, whole=whole), self.datums)

    def _measured(
        self, history: History, columns: Mapping[Path, pa.Array], items: Items | None
    ) -> pa.RecordBatch:
        rows = len(self) if items is None else int(items.offsets[-1])
        owners = np.arange(rows, dtype=np.int32) if items is None else items.owners
        with np.errstate(all="ignore"):  # infinities in a packet are nulls in the columns
            given = history.measurements(values(history.places, columns, rows))
        owner = pa.array(owners)
        given |= {
            "row": owner,
            "survey": pa.repeat(pa.scalar(self.survey), rows),
            "object_id": self.alert["object_id"].take(owner),
        }
        given.setdefault("kind", pa.repeat(pa.scalar(history.kind), rows))
        batch = in_columns(given, MEASUREMENT, rows, before=[("row", pa.int32())])
        keep = pc.and_(pc.is_valid(batch["measurement_id"]), pc.is_valid(batch["mjd"]))
        return batch.filter(keep) if not pc.all(keep).as_py() else batch


_KEYS = frozenset({"survey", "alert_id"})
_IMAGE = Primitive("bytes")


def in_columns(
    given: Mapping[str, pa.Array], table: Table, rows: int, before: Iterable[tuple[str, pa.DataType]] = ()
) -> pa.RecordBatch:
    """Put columns in a table's order and types; those not given are null."""
    target = _target(table, tuple(before))
    arrays = [
        pc.cast(given[field.name], field.type, safe=False)
        if field.name in given
        else pa.nulls(rows, field.type)
        for field in target
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=target)


@lru_cache(maxsize=16)
def _target(table: Table, before: tuple[tuple[str, pa.DataType], ...]) -> pa.Schema:
    return pa.schema([pa.field(name, kind) for name, kind in before] + list(arrow_schema(table)))


def values(fields: Mapping[str, tuple[str, ...]], columns: Mapping[Path, pa.Array], rows: int) -> Values:
    """Give columns under a mapping's short names: the first spelling that is there, else nulls."""
    found = {}
    for name, spellings in fields.items():
        at = next((path(spelling) for spelling in spellings if path(spelling) in columns), None)
        kind = kind_of(name)
        found[name] = pa.nulls(rows, _NULLS[kind]) if at is None else _as(kind, columns[at])
    return found


def _as(kind: str, column: pa.Array) -> pa.Array:
    """Give whole numbers as real ones where a schema has them so; large ones lose their last digits."""
    whole = kind == "number" and pa.types.is_integer(column.type)
    return pc.cast(column, pa.float64(), safe=False) if whole else column


_NULLS = {"text": pa.string(), "whole": pa.int64(), "number": pa.float64()}


@lru_cache(maxsize=64)
def alert_paths(survey: Survey, schema: PacketSchema) -> frozenset[Path]:
    """Give the leaves that the common columns are made from, as a schema spells them."""
    return _present(survey.fields, schema)


@lru_cache(maxsize=64)
def history_paths(survey: Survey, schema: PacketSchema) -> frozenset[Path]:
    """Give the leaves that the measurements are made from, as a schema spells them."""
    return frozenset().union(
        *(_present(history.places, schema) for history in (survey.trigger, *survey.histories))
    )


def _present(fields: Mapping[str, tuple[str, ...]], schema: PacketSchema) -> frozenset[Path]:
    """First spelling of each field that a schema has."""
    found = (
        next((path(spelling) for spelling in spellings if has(schema.root, path(spelling))), None)
        for spellings in fields.values()
    )
    return frozenset(at for at in found if at is not None)


def _stamp_paths(kind: str) -> tuple[Path, ...]:
    name = f"cutout{kind.capitalize()}"
    return (name, "stampData"), (name,)


def _covers(columns: Columns, wanted: frozenset[Path]) -> bool:
    def have(at: Path) -> bool:
        items = columns.items.get(at[:1])
        return at in columns.columns or (items is not None and at in items.columns)

    return all(map(have, wanted))


@lru_cache(maxsize=256)
def program_for(schema: PacketSchema, wanted: frozenset[Path], *, whole: bool) -> Program:
    """Give the program for some leaves of a schema; each is compiled once."""
    return compile_program(schema.root, wanted.__contains__, whole=whole)


@lru_cache(maxsize=64)
def _native_table(survey: Survey, schema: PacketSchema) -> Table:
    return native_table(survey, schema)
