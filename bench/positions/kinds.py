"""What the archive is asked, as users write it, and the right answers, which numpy finds among all rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import cdshealpix.nested
import numpy as np
import pyarrow as pa
from astropy import units as u
from astropy.coordinates import Latitude, Longitude
from numpy.typing import NDArray

from bench.positions import survey
from vobroker import sky
from vobroker.votypes.columns import Column, Table

UPLOAD = Table(
    "TAP_UPLOAD.mine", (Column("id", "BIGINT"), Column("ra", "DOUBLE", "deg"), Column("dec", "DOUBLE", "deg"))
)
POSITIONS = 10_000
NEAR = 2 / 3600
SMALL = 5 / 3600
_MOC_ORDER = 9
_COLUMNS = "alert_id, object_id, ra, dec, mag"

Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Question:
    """One query.

    Attributes
    ----------
    text
        ADQL.
    answer
        Gives the rows that are right: values of the first columns of the result, one column each.
    in_order
        Whether the rows must come in the order of the answer.
    by_hand
        The same as SQL that q3c's manual would advise, where it has a way.
    upload
        Rows of :data:`UPLOAD`.
    """

    text: str
    answer: Callable[[], tuple[Numbers, ...]]
    in_order: bool = False
    by_hand: str = ""
    upload: pa.Table | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Truth:
    """Where every alert is, and of which object, in order of its number."""

    ra: NDArray[np.float64]
    dec: NDArray[np.float64]
    object: Numbers

    @classmethod
    def of(cls, rows: survey.Rows) -> Truth:
        """Take it out of rows as they were made."""
        ra, dec, names = (rows.alert[name] for name in ("ra", "dec", "object_id"))
        return cls(ra.to_numpy(), dec.to_numpy(), names.cast(pa.int64()).to_numpy())

    @classmethod
    def joined(cls, parts: Sequence[Truth]) -> Truth:
        """Put parts behind each other."""
        return cls(*(np.concatenate([getattr(p, name) for p in parts]) for name in ("ra", "dec", "object")))

    @classmethod
    def load(cls, file: Path) -> Truth:
        """Read what :meth:`save` wrote."""
        with np.load(file) as found:
            return cls(found["ra"], found["dec"], found["object"])

    def save(self, file: Path) -> None:
        """Write to a file."""
        np.savez(file, ra=self.ra, dec=self.dec, object=self.object)

    @cached_property
    def by_dec(self) -> tuple[Numbers, NDArray[np.float64]]:
        """Numbers of the alerts from south to north, and where they are."""
        order = np.argsort(self.dec)
        return order, self.dec[order]

    def near(self, dec: float, radius: float) -> Numbers:
        """Give the numbers of the alerts in a band of declination, in order."""
        order, north = self.by_dec
        first, last = np.searchsorted(north, (dec - radius - 1e-6, dec + radius + 1e-6))
        return np.sort(order[first:last])

    def cone(self, ra: float, dec: float, radius: float) -> tuple[Numbers, NDArray[np.float64]]:
        """Give the alerts within a cone, the nearest first, and how far they are."""
        band = self.near(dec, radius)
        away = sky.separation(self.ra[band], self.dec[band], ra, dec)
        found = np.argsort(away, kind="stable")[: np.count_nonzero(away <= radius)]
        return band[found], away[found]


def questions(truth: Truth, runs: int, seed: int = 7) -> dict[str, list[Question]]:
    """Ask as users do, by kind; of a cross-match, which is large, three."""
    rng = np.random.default_rng(seed)
    picked = rng.integers(0, len(truth.ra), runs)
    ra, dec = sky.offset(
        truth.ra[picked], truth.dec[picked], rng.uniform(0, 360, runs), rng.uniform(0, 1, runs)
    )
    places = np.round(np.column_stack([ra % 360, dec]), 6)
    at_alerts = np.round(np.column_stack([truth.ra[picked], truth.dec[picked]]), 6)
    across_zero = np.column_stack([rng.uniform(-0.7, 0.7, runs) % 360, rng.uniform(-85, 0, runs)]).round(6)
    at_pole = np.column_stack([rng.uniform(0, 360, runs), rng.uniform(-90, -89.2, runs)]).round(6)
    objects = truth.object[picked]
    return {
        "cone of 1°": [_cone(truth, *place, 1.0) for place in places],
        "cone of 1°, nearest first": [_cone(truth, *place, 1.0, in_order=True) for place in places],
        "cone of 5″": [_cone(truth, *place, SMALL) for place in at_alerts],
        "cone of 1° across RA 0": [_cone(truth, *place, 1.0) for place in across_zero],
        "cone of 1° at the pole": [_cone(truth, *place, 1.0) for place in at_pole],
        "polygon of 2°": [_polygon(truth, *place, rng) for place in places],
        "MOC of 3°²": [_moc(truth, *place) for place in places],
        "object by identifier": [_object(number) for number in objects],
        "alerts of an object": [_of_object(truth, number, "alert", "alert_id") for number in objects],
        "light curve": [_of_object(truth, number, "measurement", "measurement_id") for number in objects],
        "10,000 positions at 2″": [_match(truth, rng) for _ in range(min(runs, 3))],
    }


def _cone(truth: Truth, ra: float, dec: float, radius: float, *, in_order: bool = False) -> Question:
    text = (
        f"SELECT {_COLUMNS} FROM alert WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE({ra}, {dec}, {radius:.12g}))"
    )
    hand = f"SELECT {_COLUMNS} FROM alert WHERE q3c_radial_query(ra, dec, {ra}, {dec}, {radius!r})"
    if in_order:
        text += f" ORDER BY DISTANCE(ra, dec, {ra}, {dec})"
        hand += f" ORDER BY q3c_dist(ra, dec, {ra}, {dec})"
    return Question(
        text, lambda: (survey.alert_ids(truth.cone(ra, dec, radius)[0]),), in_order=in_order, by_hand=hand
    )


def _polygon(truth: Truth, ra: float, dec: float, rng: np.random.Generator) -> Question:
    corners = np.round(
        np.column_stack(sky.offset(ra, dec, np.arange(0, 360, 72) + rng.uniform(0, 60), 1.0)), 6
    )
    numbers = ", ".join(map(str, corners.ravel()))

    def answer() -> tuple[Numbers, ...]:
        band = truth.near(dec, 1.0)
        places = _directions(truth.ra[band], truth.dec[band])
        edges = _directions(*corners.T)
        inward = np.cross(np.roll(edges, -1, 0), edges)
        return (survey.alert_ids(band[(places @ inward.T >= 0).all(axis=1)]),)

    return Question(
        f"SELECT {_COLUMNS} FROM alert WHERE 1 = CONTAINS(POINT(ra, dec), POLYGON({numbers}))",
        answer,
        by_hand=f"SELECT {_COLUMNS} FROM alert WHERE q3c_poly_query(ra, dec, ARRAY[{numbers}])",
    )


def _moc(truth: Truth, ra: float, dec: float) -> Question:
    cells, _, _ = cdshealpix.nested.cone_search(
        Longitude(ra, u.deg), Latitude(dec, u.deg), 1.0 * u.deg, _MOC_ORDER, flat=True
    )

    def answer() -> tuple[Numbers, ...]:
        band = truth.near(dec, 2.0)
        of = cdshealpix.nested.lonlat_to_healpix(
            Longitude(truth.ra[band], u.deg), Latitude(truth.dec[band], u.deg), _MOC_ORDER
        )
        return (survey.alert_ids(band[np.isin(of, cells)]),)

    written = " ".join(map(str, cells.tolist()))
    return Question(
        f"SELECT {_COLUMNS} FROM alert"
        f" WHERE 1 = CONTAINS(POINT(ra, dec), REGION('MOC {_MOC_ORDER}/{written}'))",
        answer,
    )


def _object(number: int) -> Question:
    return Question(
        f"SELECT object_id, ra, dec, n_alerts FROM object WHERE object_id = '{number}'",
        lambda: (np.array([number]),),
    )


def _of_object(truth: Truth, number: int, table: str, key: str) -> Question:
    return Question(
        f"SELECT {key}, mjd, band, flux, flux_error FROM {table} WHERE object_id = '{number}' ORDER BY mjd",
        lambda: (survey.alert_ids(np.flatnonzero(truth.object == number)),),
        in_order=True,
    )


def _match(truth: Truth, rng: np.random.Generator) -> Question:
    """Positions of alerts, most of them a little beside."""
    picked = rng.integers(0, len(truth.ra), POSITIONS)
    ra, dec = sky.offset(
        truth.ra[picked], truth.dec[picked], rng.uniform(0, 360, POSITIONS), rng.rayleigh(NEAR, POSITIONS)
    )

    def answer() -> tuple[Numbers, ...]:
        order, north = truth.by_dec
        first, last = (np.searchsorted(north, dec + side * (NEAR + 1e-6)) for side in (-1, 1))
        of = np.repeat(np.arange(POSITIONS), last - first)
        within = np.arange(len(of)) - np.repeat(np.cumsum(last - first) - (last - first), last - first)
        numbers = order[first[of] + within]
        close = sky.separation(ra[of], dec[of], truth.ra[numbers], truth.dec[numbers]) <= NEAR
        return of[close], survey.alert_ids(numbers[close])

    return Question(
        "SELECT m.id, a.alert_id FROM TAP_UPLOAD.mine AS m JOIN alert AS a"
        f" ON 1 = CONTAINS(POINT(a.ra, a.dec), CIRCLE(m.ra, m.dec, {NEAR:.12g}))",
        answer,
        by_hand="SELECT m.id, a.alert_id FROM upload_1 AS m JOIN alert AS a"
        f" ON q3c_join(m.ra, m.dec, a.ra, a.dec, {NEAR!r})",
        upload=pa.table({"id": np.arange(POSITIONS), "ra": ra, "dec": dec}),
    )


def _directions(ra: NDArray[np.float64], dec: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give unit vectors, shape (n, 3)."""
    a, d = np.radians(ra), np.radians(dec)
    return np.column_stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)])
