"""Series of every kind, and what it means that two are the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import strategies as st

from vobroker.timeseries import gaia
from vobroker.timeseries.aspects import ASPECTS
from vobroker.timeseries.columns import KINDS
from vobroker.timeseries.series import (
    MJD,
    POSITIONS,
    SCALES,
    ZERO_POINT_TYPES,
    Band,
    Quantity,
    Series,
    SpaceFrame,
    TimeFrame,
    banded,
    described,
)
from vobroker.timeseries.writing import UCDS

BY_NAME = ("time.column", "column.values", "column.errors", "column.limits", "column.kind")
BY_NAME += ("column.position", "column.identifier")
"""Aspects whose values are names of columns; a dialect may have its own names."""

OF_ROLE = {
    "kind": "column.kind",
    "limiting_mag": "column.limits",
    "ra": "column.position",
    "dec": "column.position",
}

words = (
    st.text("abcdefghijklmnopqrstuvwxyzABC0123456789 +-/_", min_size=1, max_size=12)
    .map(str.strip)
    .filter(bool)
)
reals = st.floats(-1e6, 1e6, allow_nan=False).filter(lambda value: value == 0 or abs(value) > 1e-30)
singles = st.floats(-1e6, 1e6, width=32, allow_nan=False).filter(
    lambda value: value == 0 or abs(value) > 1e-30
)


remarks = words.map(lambda text: f"{text}.x")  # CSV would take 007 for a number


def quantities(*units: str) -> st.SearchStrategy[Quantity]:
    return st.builds(Quantity, st.floats(1e-3, 1e5), st.sampled_from(units))


def bands(names: tuple[str, ...], least: int = 0, systems: tuple[str, ...] = ("", "AB", "Vega")) -> Any:
    one = st.tuples(
        st.sampled_from(["", "Palomar/ZTF.g", "GAIA/GAIA3.G"]),
        st.none() | quantities("nm"),
        st.none() | quantities("Jy"),
        st.sampled_from(["", *ZERO_POINT_TYPES]),
        st.sampled_from(systems),
    )
    chosen = st.lists(st.sampled_from(names), unique=True, min_size=least, max_size=3)
    return chosen.flatmap(
        lambda found: st.tuples(*(one.map(lambda told, name=name: Band(name, *told)) for name in found))
    )


frames = st.builds(
    TimeFrame,
    st.sampled_from(SCALES),
    st.sampled_from([MJD, 0.0, 2455197.5, 2457000.0]),
    st.sampled_from(["", *POSITIONS]),
)
vague = frames | st.builds(
    TimeFrame,
    st.sampled_from(["", *SCALES]),
    st.sampled_from([None, MJD, 0.0]),
    st.sampled_from(["", *POSITIONS]),
)
spaces = st.builds(
    SpaceFrame,
    st.sampled_from(["ICRS", "FK5"]),
    st.sampled_from(["", "J2000"]),
    st.sampled_from(["", "J2015.5"]),
    st.sampled_from(["", "BARYCENTER"]),
)


@st.composite
def series(
    draw: st.DrawFn,
    *,
    names: tuple[str, ...] = ("g", "r", "Gaia.G"),
    least_bands: int = 0,
    most_bands: int = 3,
    systems: tuple[str, ...] = ("", "AB", "Vega"),
    frame: st.SearchStrategy[TimeFrame] = vague,
    identifiers: st.SearchStrategy[str] = words,
    needed: tuple[str, ...] = (),
    without: tuple[str, ...] = (),
    wide: bool = False,
    further: bool = True,
    flux_unit: str = "nJy",
    placed: bool | None = None,
) -> Series:
    """A light curve with any of what a light curve may have."""
    found = draw(bands(names, least_bands, systems))[:most_bands]
    rows = draw(st.integers(max(1, len(found)), 6))
    time = draw(frame)
    start = 2458000.5 - (time.origin if time.origin is not None else MJD)
    seconds = st.lists(st.integers(0, 10**7), unique=True, min_size=rows, max_size=rows)
    moments = [start + one / 86400 for one in sorted(draw(seconds))]
    real = reals if wide else draw(st.sampled_from([reals, singles]))
    number = pa.float64() if real is reals else pa.float32()
    possible: dict[str, tuple[pa.DataType, str, st.SearchStrategy[Any]]] = {
        "flux": (number, flux_unit, st.none() | real),
        "flux_error": (number, flux_unit, st.none() | real),
        "mag": (number, "mag", st.none() | real),
        "mag_error": (number, "mag", st.none() | real),
        "limiting_mag": (number, "mag", st.none() | real),
        "kind": (pa.string(), "", st.sampled_from(KINDS)),
        "measurement_id": (pa.int64(), "", st.none()),
        "ra": (pa.float64(), "deg", st.none() | st.floats(0, 359.9)),
        "dec": (pa.float64(), "deg", st.none() | st.floats(-90, 90)),
    }
    left = [role for role in possible if role not in (*needed, *without)]
    chosen = {*needed, *draw(st.sets(st.sampled_from(left)))} if left else set(needed)
    chosen |= set() if {"flux", "mag"} & chosen else {draw(st.sampled_from(["flux", "mag"]))}
    chosen -= {"ra", "dec"} if len({"ra", "dec"} & chosen) == 1 else set()
    chosen -= {"flux_error"} if "flux" not in chosen else set()
    chosen -= {"mag_error"} if "mag" not in chosen else set()
    columns = {"when": (described("when", pa.float64(), unit="d", ucd="time.epoch"), moments)}
    roles = {"time": "when"}
    if found:
        values = [found[place % len(found)].name for place in range(rows)]
        columns["band"] = (described("band", pa.string(), ucd="instr.bandpass"), values)
        roles["band"] = "band"
    for role, (kind, unit, strategy) in possible.items():
        if role not in chosen:
            continue
        if role == "measurement_id":
            least = draw(st.integers(-(2**62), 2**62))
            given_values: list[Any] = [least + place for place in range(rows)]
        else:
            given_values = [draw(strategy) for _ in range(rows)]
        notes = {"unit": unit, "ucd": UCDS[role], "description": draw(st.sampled_from(["", "What it is"]))}
        columns[role] = (described(role, kind, **notes), given_values)
        roles[role] = role
    times = {"when": time}
    if further and draw(st.booleans()):
        columns["quality"] = (
            described("quality", pa.int32()),
            [draw(st.none() | st.integers(-9, 9)) for _ in range(rows)],
        )
        columns["flagged"] = (
            described("flagged", pa.bool_()),
            [draw(st.none() | st.booleans()) for _ in range(rows)],
        )
        columns["remark"] = (
            described("remark", pa.string()),
            [draw(st.none() | remarks) for _ in range(rows)],
        )
        columns["hjd"] = (described("hjd", pa.float64(), unit="d", ucd="time.epoch"), moments)
        other = draw(st.just(TimeFrame()) | frames)
        if other != TimeFrame():
            times["hjd"] = other
    has_place = draw(st.booleans()) if placed is None else placed
    framed = has_place or "ra" in roles
    return Series(
        object_id=draw(identifiers),
        survey=draw(st.just("") | words),
        title=draw(st.just("") | words),
        ra=draw(st.floats(0, 359.9)) if has_place else None,
        dec=draw(st.floats(-90, 90)) if has_place else None,
        points=pa.table(
            [pa.array(v, f.type) for f, v in columns.values()],
            schema=pa.schema([f for f, _ in columns.values()]),
        ),
        roles=roles,
        times=times,
        space=draw(spaces) if framed else SpaceFrame(),
        bands=found,
    )


of_gaia = series(
    names=gaia.BANDS,
    least_bands=1,
    systems=("Vega",),
    frame=st.just(gaia.FRAME),
    identifiers=st.integers(1, 2**62).map(str),
    needed=("flux", "flux_error", "mag", "measurement_id"),
    without=("mag_error", "limiting_mag"),  # Gaia has no columns for them
    wide=True,
    further=False,
    flux_unit="e-/s",
)
"""What Gaia's tables can hold."""

of_lightkurve = series(
    least_bands=0,
    most_bands=1,
    frame=frames.filter(lambda one: one.scale != "GPS"),
    needed=("flux",),
)
"""What lightkurve can hold."""

in_icrs = series(frame=frames.filter(lambda one: one.scale not in ("UT",))).filter(
    lambda one: one.ra is None or one.space.system == "ICRS"
)


def assert_same(ours: Series, theirs: Series, lacks: Any = (), *, moments: float = 0.0) -> None:
    """Hold one series to be the other, in all that is not lacking.

    Parameters
    ----------
    lacks
        Keys of aspects that need not be the same.
    moments
        How far times may be apart, in days.
    """
    ours, theirs = banded(ours), banded(theirs)  # one band may go without a column
    for aspect in ASPECTS:
        if aspect.key in lacks or aspect.key == "columns":
            continue
        wanted, found = aspect.values(ours), aspect.values(theirs)
        if aspect.key in BY_NAME:
            assert wanted.keys() == found.keys(), aspect.key
        elif aspect.key == "times":
            assert sorted(wanted.values()) == sorted(found.values()), aspect.key
        elif aspect.key == "object.position":
            assert found == pytest.approx(wanted, rel=0, abs=1e-12), aspect.key  # FITS has 16 digits
        else:
            assert wanted == found, aspect.key
    order, other = (np.argsort(one.column("time").to_numpy(), kind="stable") for one in (ours, theirs))
    assert len(order) == len(other)
    for role in ours.roles:
        if OF_ROLE.get(role) in lacks:
            continue
        wanted, found = ours.column(role).take(pa.array(order)), theirs.column(role).take(pa.array(other))
        if role == "time" and moments:
            np.testing.assert_allclose(found.to_numpy(), wanted.to_numpy(), rtol=0, atol=moments)
        elif pa.types.is_floating(wanted.type):
            assert found.cast(wanted.type).to_pylist() == wanted.to_pylist(), role
        else:
            assert found.to_pylist() == wanted.to_pylist(), role
    if "columns" in lacks:
        return
    for name in ours.further:
        wanted, found = ours.points[name].take(pa.array(order)), theirs.points[name].take(pa.array(other))
        assert found.to_pylist() == wanted.to_pylist(), name
