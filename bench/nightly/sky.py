"""The simulated sky: its objects, what a visit detects of them, and what comes of it.

The objects are kept in memory as arrays, as the database is to have them after each visit: what a database
gives is compared with them, and visits that are only written take them for what would have been read.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bench.nightly.design import (
    DITHER,
    FOOTPRINT,
    FORCED_DAYS,
    HISTORY_DAYS,
    MARGIN,
    RADIUS,
    YEAR,
    Design,
)
from vobroker import sky
from vobroker.sky.crossmatch import Catalogue

BEGIN = 61_000.0
"""MJD of the first visit."""
TILE_ORDER, REGION_ORDER = 7, 4
"""HEALPix orders of tiles (0.21 square degrees) and regions (13.4)."""
BANDS = "ugrizy"
_WIDE = FOOTPRINT + DITHER + 0.65  # so that every tile which a visit touches has its objects
_SPACING = 2 * _WIDE + 1.0
_JITTER = 0.1 / 3600  # degrees, of a detection about its object
_FIELD = 2**32  # object numbers of a field

OBJECT = pa.schema(
    [
        ("object_id", pa.int64()),
        ("tile", pa.int32()),
        ("ra", pa.float64()),
        ("dec", pa.float64()),
        ("healpix", pa.int64()),
        ("first_mjd", pa.float64()),
        ("last_mjd", pa.float64()),
        ("n_sources", pa.int64()),
        ("flux", pa.float32()),
        ("flux_mjd", pa.float64()),
    ]
)
"""The last state of an object: the archive's columns of an object, and its latest flux."""
CHANGING = tuple(name for name in OBJECT.names if name not in ("object_id", "tile", "first_mjd"))
"""Columns of an object that a visit may change."""
SOURCE = pa.schema(
    [
        ("measurement_id", pa.int64()),
        ("object_id", pa.int64()),
        ("tile", pa.int32()),
        ("visit", pa.int64()),
        ("mjd", pa.float64()),
        ("band", pa.string()),
        ("flux", pa.float32()),
        ("flux_error", pa.float32()),
        ("mag", pa.float32()),
        ("mag_error", pa.float32()),
        ("limiting_mag", pa.float32()),
        ("ra", pa.float64()),
        ("dec", pa.float64()),
        ("healpix", pa.int64()),
        ("real_bogus", pa.float32()),
    ]
)
"""A detection, with the archive's columns of a measurement."""
FORCED = pa.schema(
    [
        ("object_id", pa.int64()),
        ("tile", pa.int32()),
        ("visit", pa.int64()),
        ("mjd", pa.float64()),
        ("band", pa.string()),
        ("flux", pa.float32()),
        ("flux_error", pa.float32()),
        ("healpix", pa.int64()),
    ]
)
"""A measurement at the place of an object, of which the survey publishes little more."""
HISTORY = ("object_id", "mjd", "band", "flux", "flux_error")
"""What is read of measurements."""


@dataclass(frozen=True, eq=False)
class Visit:
    """One exposure and what was detected in it; the arrays are of shape (detections,)."""

    number: int
    field: int
    mjd: float
    band: str
    ra: float
    dec: float
    ras: NDArray[np.float64]
    decs: NDArray[np.float64]
    flux: NDArray[np.float32]

    @property
    def since(self) -> float:
        """MJD from which measurements are read."""
        return self.mjd - HISTORY_DAYS


@dataclass(frozen=True, eq=False)
class Result:
    """What is to be written, each table in the order of tiles; and how many detections had an object."""

    sources: pa.Table
    forced: pa.Table
    changed: pa.Table
    born: pa.Table
    associated: int


def ranges(visit: Visit) -> list[tuple[int, int]]:
    """Give the ranges of HEALPix cells of order 29 that cover what a visit sees, and a margin."""
    return sky.cone_ranges(visit.ra, visit.dec, FOOTPRINT + MARGIN)


def tiles(visit: Visit) -> list[int]:
    """Give the tiles that cover what a visit sees."""
    shift = 2 * (29 - TILE_ORDER)
    found = {tile for start, stop in ranges(visit) for tile in range(start >> shift, (stop - 1 >> shift) + 1)}
    return sorted(found)


def tile_of(healpix: NDArray[np.int64]) -> NDArray[np.int32]:
    """Give the tile of a cell of order 29."""
    return (healpix >> 2 * (29 - TILE_ORDER)).astype(np.int32)


def region_of(tile: int) -> int:
    """Give the region of a tile."""
    return tile >> 2 * (TILE_ORDER - REGION_ORDER)


def open_versions(states: pa.Table, start: float) -> pa.Table:
    """Give last states as versions that begin at a time and have not ended."""
    return states.append_column("validity_start", pa.repeat(pa.scalar(start, pa.float64()), len(states)))


def seen(visit: Visit, objects: pa.Table) -> pa.Table:
    """Give the objects in the footprint by their last positions, by number."""
    apart = sky.separation(visit.ra, visit.dec, objects["ra"].to_numpy(), objects["dec"].to_numpy())
    rows = np.flatnonzero(apart <= FOOTPRINT)
    return objects.take(rows[np.argsort(objects["object_id"].to_numpy()[rows])])


def associate(visit: Visit, objects: pa.Table, next_number: int) -> Result:
    """Find the object of each detection, or make one; measure what was seen lately; update what changed.

    Parameters
    ----------
    visit
        With its detections.
    objects
        Last states of the objects in the footprint, by number, no matter where they were read.
    next_number
        The first number of the field that no object has.
    """
    before = {name: objects[name].to_numpy() for name in objects.schema.names}
    entry, _ = Catalogue(before["ra"], before["dec"]).nearest(visit.ras, visit.decs, RADIUS)
    alone = np.flatnonzero(entry < 0)
    number = len(visit.ras)
    healpix = sky.healpix29(visit.ras, visit.decs)
    born = {
        "object_id": next_number + np.arange(len(alone)),
        "tile": tile_of(healpix[alone]),
        "ra": visit.ras[alone],
        "dec": visit.decs[alone],
        "healpix": healpix[alone],
        "first_mjd": np.full(len(alone), visit.mjd),
        "last_mjd": np.full(len(alone), visit.mjd),
        "n_sources": np.ones(len(alone), np.int64),
        "flux": visit.flux[alone],
        "flux_mjd": np.full(len(alone), visit.mjd),
    }
    # Of several detections of one object the last one gives its state.
    found, last, times = np.unique(entry[::-1], return_index=True, return_counts=True)
    found, last, times = (each[found >= 0] for each in (found, number - 1 - last, times))
    after = {name: column.copy() for name, column in before.items()}
    count = before["n_sources"][found] + times
    turned = (visit.ras[last] - before["ra"][found] + 180.0) % 360.0 - 180.0
    after["ra"][found] = (before["ra"][found] + turned / count) % 360.0
    after["dec"][found] += (visit.decs[last] - before["dec"][found]) / count
    after["healpix"][found] = sky.healpix29(after["ra"][found], after["dec"][found])
    after["last_mjd"][found] = visit.mjd
    after["n_sources"][found] = count
    measured = np.flatnonzero(after["last_mjd"] >= visit.mjd - FORCED_DAYS)
    noise = np.random.default_rng([visit.number, len(measured)])
    forced_flux = noise.normal(800, 300, len(measured)).astype(np.float32)
    after["flux"][measured] = forced_flux
    after["flux"][found] = visit.flux[last]
    after["flux_mjd"][measured] = visit.mjd
    of_object = np.empty(number, np.int64)
    of_object[entry >= 0] = before["object_id"][entry[entry >= 0]]
    of_object[alone] = born["object_id"]
    tile = np.empty(number, np.int32)
    tile[entry >= 0] = before["tile"][entry[entry >= 0]]
    tile[alone] = born["tile"]
    sources = {
        "measurement_id": visit.number * 2**24 + np.arange(number),
        "object_id": of_object,
        "tile": tile,
        "flux": visit.flux,
        "flux_error": np.full(number, 50, np.float32) + noise.random(number, np.float32),
        "mag": (31.4 - 2.5 * np.log10(np.abs(visit.flux) + 1)).astype(np.float32),
        "mag_error": 1.0857 * 50 / (np.abs(visit.flux) + 1),
        "limiting_mag": np.full(number, 24.5, np.float32),
        "ra": visit.ras,
        "dec": visit.decs,
        "healpix": healpix,
        "real_bogus": noise.random(number, np.float32),
    }
    forced = {
        "object_id": after["object_id"][measured],
        "tile": after["tile"][measured],
        "flux": forced_flux,
        "flux_error": np.full(len(measured), 50, np.float32) + noise.random(len(measured), np.float32),
        "healpix": after["healpix"][measured],
    }
    changed = {name: column[measured] for name, column in after.items()}
    return Result(
        _table(SOURCE, sources, visit),
        _table(FORCED, forced, visit),
        _table(OBJECT, changed, visit),
        _table(OBJECT, born, visit),
        number - len(alone),
    )


def _table(schema: pa.Schema, columns: dict[str, NDArray[np.generic]], visit: Visit) -> pa.Table:
    """Give a table in the order of its tiles, what all rows share filled in."""
    order = np.argsort(columns["tile"], kind="stable")
    shared = {"visit": visit.number, "mjd": visit.mjd, "band": visit.band}
    made = [
        pa.array(columns[field.name][order]).cast(field.type)
        if field.name in columns
        else pa.repeat(pa.scalar(shared[field.name], field.type), len(order))
        for field in schema
    ]
    return pa.table(made, schema=schema)


class Sky:
    """All objects of the sky as they are after the latest visit."""

    def __init__(self, design: Design) -> None:
        self.design = design
        self.done = 0
        self.objects: list[pa.Table] = []
        self._true: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
        # Numbers in the field of the objects measured in each visit of the window, detected and forced.
        self._lately: list[list[tuple[float, NDArray[np.int64], NDArray[np.int64]]]] = []
        self.totals = {"sources": 0, "forced": 0, "associated": 0, "versions": 0}
        number = round(design.objects * (_WIDE / FOOTPRINT) ** 2)
        for field in range(design.fields):
            rng = np.random.default_rng([design.seed, field])
            ra, dec = sky.offset(
                *_centre(field), rng.uniform(0, 360, number), _WIDE * np.sqrt(rng.uniform(0, 1, number))
            )
            healpix = sky.healpix29(ra, dec)
            columns = [
                field * _FIELD + np.arange(number),
                tile_of(healpix),
                ra,
                dec,
                healpix,
                np.full(number, BEGIN - 400),
                np.full(number, BEGIN - 400),
                np.ones(number, np.int64),
                np.full(number, 500, np.float32),
                np.full(number, BEGIN - 400),
            ]
            self.objects.append(pa.table(columns, schema=OBJECT))
            variable = rng.permutation(number)[: round(design.variable * number)]
            self._true.append((ra[variable], dec[variable]))
            self._lately.append([])
        self.totals["versions"] = len(self)

    def __len__(self) -> int:
        """Give the number of objects."""
        return sum(len(objects) for objects in self.objects)

    def everything(self) -> pa.Table:
        """Give all objects in the order of tiles."""
        objects = pa.concat_tables(self.objects)
        return objects.take(np.argsort(objects["tile"].to_numpy(), kind="stable"))

    def observe(self) -> Visit:
        """Give the next visit."""
        design, number = self.design, self.done
        rng = np.random.default_rng([design.seed, design.fields, number])
        field = number % design.fields
        ra, dec = (
            float(x) for x in sky.offset(*_centre(field), rng.uniform(0, 360), DITHER * rng.uniform() ** 0.5)
        )
        ras, decs = self._true[field]
        inside = np.flatnonzero(sky.separation(ra, dec, ras, decs) <= FOOTPRINT)
        noise = round(design.new * design.detections)
        picked = rng.choice(inside, min(design.detections - noise, len(inside)), replace=False)
        jittered = sky.offset(
            ras[picked],
            decs[picked],
            rng.uniform(0, 360, len(picked)),
            _JITTER * np.abs(rng.normal(size=len(picked))),
        )
        nowhere = sky.offset(
            ra, dec, rng.uniform(0, 360, noise), FOOTPRINT * np.sqrt(rng.uniform(0, 1, noise))
        )
        both = [np.concatenate(pair) for pair in zip(jittered, nowhere, strict=True)]
        return Visit(
            number=number,
            field=field,
            mjd=BEGIN + number * YEAR / (design.yearly * design.fields),
            band=BANDS[rng.integers(len(BANDS))],
            ra=ra,
            dec=dec,
            ras=both[0],
            decs=both[1],
            flux=rng.normal(1000, 400, len(both[0])).astype(np.float32),
        )

    def next_number(self, visit: Visit) -> int:
        """Give the first number that no object of a visit's field has."""
        return visit.field * _FIELD + len(self.objects[visit.field])

    def reference(self, visit: Visit) -> pa.Table:
        """Give the last states that a visit is to read."""
        return seen(visit, self.objects[visit.field])

    def expected(self, visit: Visit, objects: pa.Table) -> dict[str, tuple[int, int]]:
        """Give how many measurements a visit is to read of these objects, and the sum of their numbers."""
        inside = np.zeros(len(self.objects[visit.field]), bool)
        inside[objects["object_id"].to_numpy() % _FIELD] = True
        answer = {}
        for place, kind in enumerate(("sources", "forced"), 1):
            count = total = 0
            for each in self._lately[visit.field]:
                if each[0] >= visit.since:
                    wanted = each[place][inside[each[place]]]
                    count += len(wanted)
                    total += int(wanted.sum())
            answer[kind] = count, total
        return answer

    def found(self, visit: Visit, objects: pa.Table, object_ids: NDArray[np.int64]) -> tuple[int, int]:
        """Count the measurements that were read of these objects, and sum up as :meth:`expected` does."""
        inside = np.zeros(len(self.objects[visit.field]), bool)
        inside[objects["object_id"].to_numpy() % _FIELD] = True
        numbers = object_ids[object_ids // _FIELD == visit.field] % _FIELD
        numbers = numbers[inside[numbers]]
        return len(numbers), int(numbers.sum())

    def apply(self, visit: Visit, result: Result) -> None:
        """Take over what a visit has changed."""
        before = self.objects[visit.field]
        rows = result.changed["object_id"].to_numpy() % _FIELD
        columns = []
        for name in OBJECT.names:
            column = before[name].to_numpy().copy()
            column[rows] = result.changed[name].to_numpy()
            columns.append(column)
        born = result.born.sort_by("object_id")
        self.objects[visit.field] = pa.concat_tables(
            [pa.table(columns, schema=OBJECT), born]
        ).combine_chunks()
        lately = self._lately[visit.field]
        lately.append(
            (
                visit.mjd,
                result.sources["object_id"].to_numpy() % _FIELD,
                result.forced["object_id"].to_numpy() % _FIELD,
            )
        )
        while lately[0][0] < visit.since:
            lately.pop(0)
        self.totals["sources"] += len(result.sources)
        self.totals["forced"] += len(result.forced)
        self.totals["associated"] += result.associated
        self.totals["versions"] += len(result.changed) + len(result.born)
        self.done += 1

    def save(self, path: Path) -> None:
        """Keep the state; the file is complete or not there."""
        arrays: dict[str, NDArray[np.generic]] = {"done": np.array(self.done)}
        for name, value in self.totals.items():
            arrays[f"total_{name}"] = np.array(value)
        for field, objects in enumerate(self.objects):
            for name in OBJECT.names:
                arrays[f"{field}_{name}"] = objects[name].to_numpy()
            lately = self._lately[field]
            arrays[f"{field}_mjds"] = np.array([each[0] for each in lately])
            for place in (1, 2):
                arrays[f"{field}_lengths{place}"] = np.array([len(each[place]) for each in lately], np.int64)
                arrays[f"{field}_numbers{place}"] = (
                    np.concatenate([each[place] for each in lately]) if lately else np.empty(0, np.int64)
                )
        new = path.with_suffix(".new.npz")
        np.savez(new, **arrays)
        new.replace(path)

    def load(self, path: Path) -> None:
        """Go on where the state was kept."""
        with np.load(path) as kept:
            self.done = int(kept["done"])
            self.totals = {name: int(kept[f"total_{name}"]) for name in self.totals}
            for field in range(self.design.fields):
                columns = [kept[f"{field}_{name}"] for name in OBJECT.names]
                self.objects[field] = pa.table(columns, schema=OBJECT)
                one, two = (
                    np.split(kept[f"{field}_numbers{place}"], np.cumsum(kept[f"{field}_lengths{place}"])[:-1])
                    for place in (1, 2)
                )
                mjds = kept[f"{field}_mjds"].tolist()
                self._lately[field] = list(zip(mjds, one, two, strict=False)) if mjds else []


def _centre(field: int) -> tuple[float, float]:
    """Give the centre of a field: along parallels of the southern sky, the first across RA 0."""
    columns = 20
    row, column = divmod(field, columns)
    dec = -20.0 - row * _SPACING
    return (column * 360.0 / columns) % 360.0, dec
