"""The light curve: what an object did, measurement by measurement."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from vobroker.timeseries.columns import KINDS, MEASUREMENT
from vobroker.timeseries.passbands import AB_ZERO_POINT, PASSBANDS
from vobroker.timeseries.series import MJD, Band, Quantity, Series, SpaceFrame, TimeFrame, noted
from vobroker.votypes.arrow import schema

if TYPE_CHECKING:
    from matplotlib.figure import Figure

POINTS = schema(MEASUREMENT)
"""Arrow schema of the points."""

FRAME = TimeFrame("TAI", MJD, "TOPOCENTER")
"""What the times of the archive's measurements mean."""

ROLES = {"time": "mjd"} | {
    name: name
    for name in (
        "band",
        "kind",
        "flux",
        "flux_error",
        "mag",
        "mag_error",
        "limiting_mag",
        "ra",
        "dec",
        "measurement_id",
    )
}
"""Column of each role."""

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

    def plot(self, *, flux: bool = False) -> Figure:
        """Draw it: magnitudes, or fluxes, against time."""
        from vobroker.timeseries.plot import figure

        return figure(self, flux=flux)

    @property
    def series(self) -> Series:
        """The light curve as every dialect takes it, with what the columns mean and the bands are."""
        points = self.points.drop_columns(["survey", "object_id"])
        return Series(
            object_id=self.object_id,
            survey=self.survey,
            ra=None if math.isnan(self.ra) else self.ra,
            dec=None if math.isnan(self.dec) else self.dec,
            points=points,
            roles=ROLES,
            times={"mjd": FRAME},
            space=SpaceFrame("ICRS"),
            bands=tuple(_band(self.survey, band) for band in self.bands),
            title=f"Measurements of {self.object_id} on difference images of {self.survey}",
        )

    @classmethod
    def of(cls, series: Series) -> LightCurve:
        """Take a series for a light curve of the archive.

        Raises
        ------
        ValueError
            If a column is missing or in another unit, or times are not MJD in TAI at the telescope; the
            sentence says which.
        """
        if series.time != FRAME:
            raise ValueError(f"the times are {series.time}, not {FRAME}")
        points = series.points
        for column in MEASUREMENT:
            unit = (
                noted(points.schema.field(column.name), "unit") if column.name in points.column_names else ""
            )
            if unit not in ("", column.unit):
                raise ValueError(f"the column {column.name} is in {unit}, not in {column.unit}")
        for name, value in (("survey", series.survey), ("object_id", series.object_id)):
            points = points.append_column(name, pa.repeat(pa.scalar(value, pa.string()), len(points)))
        ra, dec = (math.nan if value is None else value for value in (series.ra, series.dec))
        return cls(series.survey, series.object_id, ra, dec, points)

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


def _band(survey: str, name: str) -> Band:
    passband = PASSBANDS.get((survey, name))
    return Band(
        name,
        filter=passband.identifier if passband else "",
        wavelength=Quantity(passband.wavelength, "nm") if passband else None,
        zero_point=Quantity(AB_ZERO_POINT, "Jy"),
        zero_point_type="Pogson",
        magnitude_system="AB",
    )


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
