"""Synthetic alerts as a survey makes them: visit after visit, some objects seen again and again.

The footprint is the sky south of +5 degrees, tiled with fields. A block of visits goes from field to
neighbouring field, twice, before the telescope turns elsewhere. Of the alerts of a visit a part belongs to
the variable objects of its field, the others to objects that are seen once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vobroker import sky
from vobroker.alerts.columns import ALERT, MEASUREMENT, OBJECT
from vobroker.votypes.arrow import schema

SURVEY = "lsst"
VISIT = 1_000
"""Alerts of a visit, which is a circle of :data:`RADIUS`."""
RADIUS = 1.75
NORTH = 5.0
BLOCK = 25
"""Fields that are visited one after the other, twice."""
VARIABLES = 1_000
"""Variable objects of a field, of which each visit sees :data:`AGAIN`."""
AGAIN = 300
CHUNK = 1_000_000
_FIELDS = 2_400
_FIRST = 61_000.0
_NIGHT = 1_000
"""Visits of a night."""

Places = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows for three tables of an archive."""

    alert: pa.Table
    measurement: pa.Table
    object: pa.Table


def chunks(count: int, *, scattered: bool = False, seed: int = 1) -> Iterator[Rows]:
    """Make the alerts of a survey in order of time, at most :data:`CHUNK` at once.

    An object is among the rows of the chunk in which it is first seen.

    Parameters
    ----------
    count
        Alerts.
    scattered
        Whether each visit is anywhere in the footprint, instead of near the one before.
    """
    rng = np.random.default_rng(seed)
    fields = _fields()
    visits = -(-count // VISIT)
    order = rng.integers(0, len(fields[0]), visits) if scattered else _pointings(fields, visits, rng)
    used, order = np.unique(order, return_inverse=True)
    fields = fields[0][used], fields[1][used]
    variables = _around(rng, *(np.repeat(part, VARIABLES) for part in fields))
    seen = np.zeros(len(variables[0]), np.bool_)
    for first in range(0, count, CHUNK):
        n = min(CHUNK, count - first)
        yield _chunk(first, n, order, fields, variables, seen, np.random.default_rng([seed, first]))


def _fields() -> Places:
    """Centres of the fields, evenly over the footprint (a Fibonacci lattice)."""
    k = np.arange(_FIELDS)
    z = -1 + (k + 0.5) / _FIELDS * (1 + np.sin(np.radians(NORTH)))
    return np.mod(k * 360 / ((1 + 5**0.5) / 2), 360.0), np.degrees(np.arcsin(z))


def _around(rng: np.random.Generator, ra: NDArray[np.float64], dec: NDArray[np.float64]) -> Places:
    return sky.offset(ra, dec, rng.uniform(0, 360, len(ra)), RADIUS * np.sqrt(rng.uniform(0, 1, len(ra))))


def _pointings(fields: Places, visits: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Give the field of each visit, block after block."""
    order: list[NDArray[np.int64]] = []
    for _ in range(-(-visits // (2 * BLOCK))):
        start = rng.integers(0, len(fields[0]))
        away = sky.separation(fields[0][start], fields[1][start], *fields)
        near = np.argsort(away)[:BLOCK]
        near = near[np.lexsort((fields[0][near], np.round(fields[1][near] / 3.5)))]
        order += [near, near]
    return np.concatenate(order)[:visits]


def _chunk(
    first: int,
    count: int,
    order: NDArray[np.int64],
    fields: Places,
    variables: Places,
    seen: NDArray[np.bool_],
    rng: np.random.Generator,
) -> Rows:
    number = np.arange(first, first + count)
    visit, within = number // VISIT, number % VISIT
    field = order[visit]
    ra, dec = _around(rng, fields[0][field], fields[1][field])
    again = within < AGAIN
    start = (visit * 7_919) % VARIABLES
    variable = field * VARIABLES + (start + within) % VARIABLES
    ra[again], dec[again] = sky.offset(
        variables[0][variable[again]],
        variables[1][variable[again]],
        rng.uniform(0, 360, again.sum()),
        rng.rayleigh(0.05, again.sum()) / 3600,
    )
    # The alerts of a visit come in no order.
    shuffled = np.argsort(visit + rng.random(count), kind="stable")
    ra, dec, again, variable = (values[shuffled] for values in (ra, dec, again, variable))
    plain = np.where(again, _hash(variable), _hash(number + (1 << 40)))
    cells = sky.healpix29(ra, dec)
    mjd = _FIRST + visit // _NIGHT + 0.1 + (visit % _NIGHT) * 4e-4
    flux = rng.lognormal(8, 1, count).astype(np.float32)
    texts = pa.array(plain).cast(pa.string())
    values = {
        "survey": _same(SURVEY, count),
        "alert_id": alert_ids(number),
        "object_id": texts,
        "mjd": mjd,
        "ra": ra,
        "dec": dec,
        "ra_error": rng.random(count, np.float32),
        "dec_error": rng.random(count, np.float32),
        "healpix": cells,
        "band": np.array(list("ugrizy"))[visit // BLOCK % 6],
        "flux": flux,
        "flux_error": flux / 10,
        "mag": (31.4 - 2.5 * np.log10(flux)).astype(np.float32),
        "mag_error": rng.random(count, np.float32),
        "snr": rng.lognormal(2, 0.5, count).astype(np.float32),
        "positive": rng.random(count) < 0.7,
        "real_bogus": rng.random(count, np.float32),
        "extendedness": rng.random(count, np.float32),
        "trail_length": pa.nulls(count, pa.float32()),
        "solar_system": np.zeros(count, np.bool_),
        "solar_system_name": pa.nulls(count, pa.string()),
        "n_detections": np.where(again, 5, 1).astype(np.int32),
        "first_mjd": mjd,
        "visit": visit,
        "detector": rng.integers(0, 189, count, np.int32),
        "night": (20_260_101 + visit // _NIGHT).astype(np.int32),
        "schema_version": _same("lsst.v10_0", count),
        "received": pa.array(((mjd - 40_587) * 86_400e6).astype(np.int64)).cast(pa.timestamp("us")),
        "kind": _same("detection", count),
        "measurement_id": alert_ids(number),
        "limiting_mag": np.full(count, 24.5, np.float32),
    }
    fresh = ~again
    _, places = np.unique(variable[again], return_index=True)
    places = np.flatnonzero(again)[places]
    fresh[places[~seen[variable[places]]]] = True
    seen[variable[places]] = True
    rows = np.flatnonzero(fresh)
    of_objects = {
        **{name: pa.array(values[name]).take(pa.array(rows)) for name in OBJECT.names if name in values},
        "last_mjd": mjd[rows],
        "n_alerts": np.ones(len(rows), np.int64),
        "last_alert_id": alert_ids(number)[rows],
    }
    return Rows(
        pa.table({name: values[name] for name in ALERT.names}, schema(ALERT)),
        pa.table({name: values[name] for name in MEASUREMENT.names}, schema(MEASUREMENT)),
        pa.table({name: of_objects[name] for name in OBJECT.names}, schema(OBJECT)),
    )


def alert_ids(number: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give the identifiers of alerts, counted from 0: they grow with time, as those of detections do."""
    return 170_000_000_000_000_000 + number * 4096


def _hash(number: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give each number another one of 18 digits, in no order."""
    mixed = number.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    mixed = mixed * np.uint64(0xBF58476D1CE4E5B9)
    return (100_000_000_000_000_000 + (mixed >> np.uint64(8))).astype(np.int64)


def _same(text: str, count: int) -> pa.Array:
    return pa.repeat(text, count)
