"""Documents point by point: what each says of a series, where it says so, and whether the numbers agree."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from astropy import units
from numpy.typing import NDArray

from vobroker.timeseries import times
from vobroker.timeseries.aspects import ASPECTS, Aspect
from vobroker.timeseries.errors import TimeSeriesError
from vobroker.timeseries.findings import alike, name_in, unit_of
from vobroker.timeseries.series import Document, Series, Statement, banded

Verdict = Literal["same", "differ", "lacking", "only"]
"""Of a point: all documents say the same; they say different things; some or all but one say nothing."""

SAME_MOMENT = 0.5 / 86400
"""Days within which two times are taken for one, when rows are matched."""

_MEASURED = ("flux", "flux_error", "mag", "mag_error", "limiting_mag", "ra", "dec")
_TITLES = {
    "flux": "Fluxes",
    "flux_error": "Errors of fluxes",
    "mag": "Magnitudes",
    "mag_error": "Errors of magnitudes",
    "limiting_mag": "Limits",
    "ra": "Right ascensions",
    "dec": "Declinations",
}


@dataclass(frozen=True)
class Said:
    """What one document says of a point: the value as text, and the places, the first of which gave it."""

    value: str
    places: tuple[Statement, ...] = ()


@dataclass(frozen=True)
class Point:
    """One thing that documents may say.

    Parameters
    ----------
    aspect
        What it is about.
    key
        Which of several: ``band.g.filter``.
    said
        What each document says, None where it says nothing.
    verdict
        How these compare.
    """

    aspect: Aspect
    key: str
    said: tuple[Said | None, ...]
    verdict: Verdict

    @property
    def title(self) -> str:
        """Its name for people, with the band or column."""
        words = self.key.split(".")
        if self.key == self.aspect.key:
            return self.aspect.title
        if words[0] == "band":
            return f"{self.aspect.title}, {name_in(self.key)}"
        alone = ("time.column", "time.unit", "column.kind", "column.limits", "column.identifier")
        if words[0] == "column" and self.aspect.key not in alone:
            return f"{self.aspect.title}: {words[1].replace('_', ' ')}"
        if words[0] == "object" and self.aspect.key == "object.position":
            return f"{self.aspect.title}: {words[1]}"
        if words[0] == "times":
            return f"{self.aspect.title}: {self.key.partition('.')[2]}"
        return self.aspect.title


@dataclass(frozen=True)
class Agreement:
    """How the numbers of two documents compare.

    Parameters
    ----------
    title
        Which numbers.
    count
        How many were compared.
    same
        Whether they are the same number in every digit that both have.
    difference
        The largest difference, in ``unit``; None where they cannot be compared.
    relative
        The largest difference in parts of the number.
    unit
        Unit of the difference.
    remark
        What else there is to say, such as why they cannot be compared.
    """

    title: str
    count: int
    same: bool
    difference: float | None = None
    relative: float | None = None
    unit: str = ""
    remark: str = ""

    def __str__(self) -> str:
        if self.same:
            found = f"{self.count} numbers, all the same"
        elif self.difference is None:
            found = "not comparable"
        else:
            found = f"{self.count} numbers, different by up to {self.difference:.4g} {self.unit}".rstrip()
            if self.relative is not None and math.isfinite(self.relative):
                found += f" ({self.relative:.2g} of the value)"
        return f"{found}; {self.remark}" if self.remark else found


@dataclass(frozen=True)
class Numbers:
    """The measurements of one document against those of the first.

    Parameters
    ----------
    name
        Name of the document.
    rows
        Measurements of the first document, of this one, and in both.
    matched
        By what rows were matched.
    agreements
        How times and values compare.
    """

    name: str
    rows: tuple[int, int, int]
    matched: str
    agreements: tuple[Agreement, ...]


@dataclass(frozen=True)
class Comparison:
    """Documents side by side.

    Parameters
    ----------
    names, dialects
        Of the documents.
    points
        What they say.
    numbers
        The numbers of each but the first, against the first.
    notes
        What was missing or odd in each.
    """

    names: tuple[str, ...]
    dialects: tuple[str, ...]
    points: tuple[Point, ...]
    numbers: tuple[Numbers, ...]
    notes: tuple[tuple[str, ...], ...] = field(default=())


def compare(documents: Mapping[str, Document]) -> Comparison:
    """Compare documents.

    Where documents have several objects, those with the same identifier are compared, and what is said of the
    first of them stands for all.

    Parameters
    ----------
    documents
        Documents by name, two or more.

    Raises
    ------
    TimeSeriesError
        If there are less than two documents, or one has no series.
    """
    if len(documents) < 2:
        raise TimeSeriesError("two documents at least are needed to compare")
    for name, one in documents.items():
        if not one.series:
            raise TimeSeriesError("there is no series in it", name)
    names, read = tuple(documents), tuple(documents.values())
    groups = [_objects(read[0], one) for one in read[1:]]
    firsts = [groups[0][0][0], *(pairs[0][1] for pairs in groups)]
    return Comparison(
        names,
        tuple(one.dialect for one in read),
        tuple(_points(firsts)),
        tuple(_numbers(name, pairs) for name, pairs in zip(names[1:], groups, strict=True)),
        tuple((*one.notes, *first.notes) for one, first in zip(read, firsts, strict=True)),
    )


def _objects(first: Document, other: Document) -> list[tuple[Series, Series]]:
    """Pair the series of two documents by the object; the first two where no identifier is in both."""
    by_name = {one.object_id: one for one in other.series}
    pairs = [(one, by_name[one.object_id]) for one in first.series if one.object_id in by_name]
    return pairs or [(first.series[0], other.series[0])]


def _points(series: Sequence[Series]) -> list[Point]:
    found = []
    for aspect in ASPECTS:
        values = [aspect.values(one) for one in series]
        keys = list(dict.fromkeys(key for said in values for key in said))
        found += [_point(aspect, key, series, values) for key in keys] or [
            Point(aspect, aspect.key, (None,) * len(series), "lacking")
        ]
    return found


def _point(aspect: Aspect, key: str, series: Sequence[Series], values: Sequence[Mapping[str, Any]]) -> Point:
    said = tuple(
        Said(_shown(mine[key]), one.statements.get(key, ())) if key in mine else None
        for one, mine in zip(series, values, strict=True)
    )
    there = [mine[key] for mine in values if key in mine]
    if len(there) < len(series):
        return Point(aspect, key, said, "only" if len(there) == 1 else "lacking")
    same = all(_same(aspect, there[0], other) for other in there[1:])
    return Point(aspect, key, said, "same" if same else "differ")


def _same(aspect: Aspect, one: Any, other: Any) -> bool:
    if aspect.key in ("column.units", "time.unit"):
        ours, theirs = unit_of(str(one)), unit_of(str(other))
        return one == other or (ours is not None and ours == theirs)
    if aspect.key == "object.position":
        return math.isclose(one, other, rel_tol=0, abs_tol=1e-9)
    return alike(one, other)


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return repr(int(value)) if value.is_integer() else repr(value)
    return str(value)


# -- numbers -------------------------------------------------------------------------------------------

Rows = NDArray[np.int64]


def _numbers(name: str, pairs: Sequence[tuple[Series, Series]]) -> Numbers:
    """Compare the measurements of pairs of series."""
    parts = [_pair(banded(first), banded(other)) for first, other in pairs]
    counts = np.sum([rows for rows, _, _ in parts], axis=0)
    matched = ", ".join(dict.fromkeys(how for _, how, _ in parts))
    by_title: dict[str, list[Agreement]] = {}
    for _, _, agreements in parts:
        for one in agreements:
            by_title.setdefault(one.title, []).append(one)
    rows = (int(counts[0]), int(counts[1]), int(counts[2]))
    return Numbers(name, rows, matched, tuple(together(found) for found in by_title.values()))


def _pair(first: Series, other: Series) -> tuple[tuple[int, int, int], str, list[Agreement]]:
    ours, theirs, how = _matched(first, other)
    counts = (len(first), len(other), len(ours))
    agreements = (
        [_times(first, other, ours, theirs)] if "time" in first.roles and "time" in other.roles else []
    )
    agreements += [
        _values(role, first, other, ours, theirs)
        for role in _MEASURED
        if role in first.roles and role in other.roles
    ]
    if one := _shared(first, other, ours, theirs):
        agreements.append(one)
    return counts, how, agreements


def together(found: list[Agreement]) -> Agreement:
    """Say of several objects what holds for all: of agreements of one title."""
    if len(found) == 1:
        return found[0]
    worst = max(found, key=lambda one: (not one.same, one.difference or 0))
    relative = [one.relative for one in found if one.relative is not None]
    return Agreement(
        worst.title,
        sum(one.count for one in found),
        all(one.same for one in found),
        worst.difference,
        max(relative, default=None),
        worst.unit,
        worst.remark,
    )


def _matched(first: Series, other: Series) -> tuple[Rows, Rows, str]:
    """Find the rows that are the same measurement: by identifier, by time within the band, or in order."""
    ids, others = first.column("measurement_id"), other.column("measurement_id")
    if ids is not None and others is not None and not ids.null_count and not others.null_count:
        ours, theirs = _by_key(_keys(first, ids.to_pylist()), _keys(other, others.to_pylist()))
        if len(ours):
            return ours, theirs, "identifier and band"
    best: tuple[Rows, Rows, str] = (np.empty(0, np.int64), np.empty(0, np.int64), "nothing")
    for how, moments in (
        ("time", _moments(first, other)),
        ("number of the time", (_raw(first), _raw(other))),
    ):
        if moments is None:
            continue
        ours, theirs = _by_time(first, other, *moments)
        if len(ours) > len(best[0]):
            best = (ours, theirs, f"{how} and band")
    if len(first) == len(other) and len(best[0]) < len(first):
        order = np.arange(len(first))
        return order, order, "place in the table"
    return best


def _keys(series: Series, identifiers: list[Any]) -> list[tuple[Any, str]]:
    bands = series.column("band")
    names = bands.to_pylist() if bands is not None else [""] * len(series)
    return [(name, str(one)) for name, one in zip(names, identifiers, strict=True)]


def _by_key(ours: list[tuple[Any, str]], theirs: list[tuple[Any, str]]) -> tuple[Rows, Rows]:
    places = {key: place for place, key in enumerate(theirs)}
    if len(places) < len(theirs) or len(set(ours)) < len(ours):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    found = [(place, places[key]) for place, key in enumerate(ours) if key in places]
    pairs = np.array(found, np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _by_time(
    first: Series, other: Series, mine: NDArray[np.float64], its: NDArray[np.float64]
) -> tuple[Rows, Rows]:
    """Match each time with the nearest of the same band, each once."""
    bands, others = (_keys(one, [""] * len(one)) for one in (first, other))
    ours: list[int] = []
    theirs: list[int] = []
    for key in dict.fromkeys(bands):
        rows = np.array([place for place, one in enumerate(bands) if one == key], np.int64)
        candidates = np.array([place for place, one in enumerate(others) if one == key], np.int64)
        rows, candidates = rows[np.isfinite(mine[rows])], candidates[np.isfinite(its[candidates])]
        if not len(rows) or not len(candidates):
            continue
        rows = rows[np.argsort(mine[rows], kind="stable")]
        candidates = candidates[np.argsort(its[candidates], kind="stable")]
        place = 0
        for row in rows:
            while place < len(candidates) and its[candidates[place]] < mine[row] - SAME_MOMENT:
                place += 1
            if place < len(candidates) and abs(its[candidates[place]] - mine[row]) <= SAME_MOMENT:
                ours.append(int(row))
                theirs.append(int(candidates[place]))
                place += 1
    return np.array(ours, np.int64), np.array(theirs, np.int64)


def _raw(series: Series) -> NDArray[np.float64]:
    column = series.column("time")
    if column is None:
        return np.full(len(series), np.nan)
    values: NDArray[np.float64] = column.cast(pa.float64()).to_numpy()
    return values


def _moments(first: Series, other: Series) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Give the times of both in days of one scale from one origin; None where these are not known."""
    try:
        dates = [times.julian(one) for one in (first, other)]
        if first.time.scale and other.time.scale:
            dates[1] = times.in_scale(dates[1], other.time.scale, first.time.scale)
        elif first.time.scale != other.time.scale:
            return None
    except TimeSeriesError:
        return None
    start = dates[0][0][0] if len(first) else 0.0
    return (dates[0][0] - start) + dates[0][1], (dates[1][0] - start) + dates[1][1]


def _times(first: Series, other: Series, ours: Rows, theirs: Rows) -> Agreement:
    """Compare the times after conversion to one scale and origin, where both are known."""
    with np.errstate(invalid="ignore"):
        raw = _raw(other)[theirs] - _raw(first)[ours]
    numbers = raw[np.isfinite(raw)]
    identical = bool(len(numbers)) and not numbers.any()
    remark = "the numbers in the documents are the same" if identical else _offset(numbers)
    here, there = first.time, other.time
    if here.position != there.position:
        known = (here.position or "an unknown place", there.position or "an unknown place")
        reason = f"measured at {known[0]} and at {known[1]}; {remark}"
        return Agreement("Times", len(numbers), identical and here == there, remark=reason)
    converted = _moments(first, other)
    if converted is None:
        lacking = "scale or origin is not known"
        return Agreement("Times", len(numbers), identical and here == there, remark=f"{lacking}; {remark}")
    with np.errstate(invalid="ignore"):
        apart = np.abs(converted[1][theirs] - converted[0][ours])
    apart = apart[np.isfinite(apart)] * 86400
    largest = float(apart.max(initial=0))
    told, unit = (largest / 86400, "d") if largest > 86400 else (largest, "s")
    return Agreement("Times", len(apart), largest == 0, told, None, unit, "" if largest == 0 else remark)


def _offset(numbers: NDArray[np.float64]) -> str:
    if not len(numbers):
        return "there is nothing to compare"
    middle = float(np.median(numbers))
    if np.abs(numbers - middle).max() < 1e-6 and abs(middle) > 1e-6:
        return f"the numbers in the documents are {round(middle, 6):.10g} apart"
    return "the numbers in the documents differ"


def _values(role: str, first: Series, other: Series, ours: Rows, theirs: Rows) -> Agreement:
    """Compare values in the unit of the first document."""
    title, unit = _TITLES[role], first.note(role, "unit")
    mine, its = _column(first, role)[ours], _column(other, role)[theirs]
    gone = int((np.isnan(mine) != np.isnan(its)).sum())
    both = np.isfinite(mine) & np.isfinite(its)
    remark = f"{gone} are there in one document only" if gone else ""
    here, there = mine[both], its[both]
    factor, reason = _factor(unit, other.note(role, "unit"))
    if factor is None:
        same = np.array_equal(here, there)
        told = "the numbers in the documents are the same" if same else "the numbers in the documents differ"
        return Agreement(title, len(here), False, remark="; ".join(filter(None, (reason, told, remark))))
    if factor != 1:
        there = there * factor
    if _is_single(first, role) or _is_single(other, role):
        same = np.array_equal(here.astype(np.float32), there.astype(np.float32))
    else:
        same = np.array_equal(here, there)
    apart = np.abs(here - there)
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.nan_to_num(apart / np.abs(here), nan=0.0)
    return Agreement(
        title,
        len(here),
        same and not gone,
        float(apart.max(initial=0)),
        float(relative.max(initial=0)),
        unit,
        "; ".join(filter(None, (reason, remark))),
    )


def _factor(ours: str, theirs: str) -> tuple[float | None, str]:
    """Give what to multiply by to convert a unit; None where that is not possible."""
    if ours == theirs:
        return 1.0, ""
    if not ours or not theirs:
        return 1.0, "one document gives no unit"
    one, other = unit_of(ours), unit_of(theirs)
    if one is None or other is None:
        return None, f"{ours if one is None else theirs!r} is no unit"
    electrons = units.Unit("electron/s")
    if {one, other} == {electrons, units.Unit("1/s")}:
        return 1.0, "electrons are counted with and without a unit"
    if not other.is_equivalent(one):
        return None, f"{ours} and {theirs} are no units of one quantity"
    return float(other.to(one)), f"converted from {theirs}"


def _shared(first: Series, other: Series, ours: Rows, theirs: Rows) -> Agreement | None:
    """Compare further columns of the same name."""
    names = [name for name in first.further if name in other.further]
    if not names:
        return None
    different = [
        name
        for name in names
        if not first.points[name]
        .take(pa.array(ours))
        .cast(pa.string())
        .equals(other.points[name].take(pa.array(theirs)).cast(pa.string()))
    ]
    listed = ", ".join(different[:8])
    remark = f"{len(names)} columns of the same names" + (f"; {listed} differ" if different else "")
    return Agreement("Further columns", len(names) * len(ours), not different, remark=remark)


def _column(series: Series, role: str) -> NDArray[np.float64]:
    values = series.column(role)
    assert values is not None
    numbers: NDArray[np.float64] = values.cast(pa.float64()).to_numpy()
    return numbers


def _is_single(series: Series, role: str) -> bool:
    return bool(pa.types.is_float32(series.points.schema.field(series.roles[role]).type))
