"""The light curve: what an object did, measurement by measurement."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from vobroker.timeseries.columns import KINDS, MEASUREMENT
from vobroker.votypes.arrow import schema

POINTS = schema(MEASUREMENT)
"""Arrow schema of the points."""

BANDS = ("u", "g", "r", "i", "z", "y")
"""Bands by wavelength."""

_TIME_ORDER = [
    ("mjd", "ascending"),
    ("band", "ascending"),
    ("kind", "ascending"),
    ("measurement_id", "ascending"),
]


@dataclass(frozen=True, slots=True, eq=False)
class LightCurve:
    """All measurements of one object by one survey.

    Parameters
    ----------
    survey
        Name of the survey, such as ``lsst`` or ``ztf``.
    object_id
        The survey's identifier of the object.
    ra, dec
        Position of the object, degrees, ICRS; NaN where it has none, as moving objects do.
    points
        Measurements in the columns of :data:`~vobroker.timeseries.columns.MEASUREMENT`, in any order
        and numeric width. They are kept in the types of :data:`POINTS`, by time.

    Raises
    ------
    ValueError
        If a column is missing or does not fit its type; the sentence names the column.
    """

    survey: str
    object_id: str
    ra: float
    dec: float
    points: pa.Table

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", _conform(self.points).sort_by(_TIME_ORDER))

    def __len__(self) -> int:
        return int(self.points.num_rows)

    @property
    def bands(self) -> tuple[str, ...]:
        """Bands with at least one point: u g r i z y first, then others by name."""
        present = set(self.points["band"].drop_null().unique().to_pylist())
        return (*(band for band in BANDS if band in present), *sorted(present.difference(BANDS)))

    @property
    def detections(self) -> pa.Table:
        """Points where the survey detected the object."""
        return self.of_kind("detection")

    @property
    def forced(self) -> pa.Table:
        """Points of forced photometry at the place of the object."""
        return self.of_kind("forced")

    @property
    def limits(self) -> pa.Table:
        """Points that only say how faint the object must have been."""
        return self.of_kind("limit")

    def of_kind(self, kind: str) -> pa.Table:
        """Give the points of one of the :data:`~vobroker.timeseries.columns.KINDS`."""
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is no kind of measurement; the kinds are {', '.join(KINDS)}")
        return self.points.filter(pc.equal(self.points["kind"], kind))


def merge(curves: Iterable[LightCurve]) -> LightCurve:
    """Join light curves of one object, such as the overlapping histories of its alerts.

    A measurement that several curves hold is kept once, as the first of them has it. Measurements are
    the same when kind and identifier are, or, where a survey numbers none, kind, time and band.
    The position is that of the last curve.

    Raises
    ------
    ValueError
        If there is no curve, or they are of different objects.
    """
    parts = list(curves)
    names = sorted({f"{part.survey} {part.object_id}" for part in parts})
    if len(names) != 1:
        raise ValueError(
            f"one object is needed to merge light curves, not {len(names)}: {', '.join(names[:5])}"
        )
    points = pa.concat_tables(part.points for part in parts)
    unnumbered = pc.is_null(points["measurement_id"])
    keys = pa.table(
        {
            "kind": points["kind"],
            "measurement_id": points["measurement_id"],
            "mjd": pc.if_else(unnumbered, points["mjd"], None),
            "band": pc.if_else(unnumbered, points["band"], None),
            "row": pa.array(range(len(points)), pa.int64()),
        }
    )
    first = keys.group_by(["kind", "measurement_id", "mjd", "band"]).aggregate([("row", "min")])["row_min"]
    last = parts[-1]
    return LightCurve(last.survey, last.object_id, last.ra, last.dec, points.take(first))


def _conform(points: pa.Table) -> pa.Table:
    """Bring points into the columns, order and types of :data:`POINTS`."""
    columns = []
    for field in POINTS:
        if field.name not in points.column_names:
            raise ValueError(f"the light curve has no column {field.name}")
        try:
            columns.append(points[field.name].cast(field.type))
        except pa.ArrowException as error:
            raise ValueError(
                f"column {field.name} of the light curve is not {field.type}: {error}"
            ) from error
    return pa.table(columns, schema=POINTS)
