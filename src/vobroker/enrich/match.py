"""Alerts matched with a catalogue: all entries near enough, the best first.

An entry is near enough within its radius, or within its ellipse. Best is

- with ellipses, the one whose radius or ellipse the alert is farthest inside of, as a part of it: for an
  ellipse that is the directional light radius (Sullivan et al. 2006, ApJ 648, 868, section 3.2);
- with magnitudes, the one least likely to lie there by chance, 1 - exp(-π r² ρ), ρ being the density of
  entries as bright or brighter (Bloom, Kulkarni & Djorgovski 2002, AJ 123, 1111, section 6);
- else the nearest.

Where the best need not be the nearest, the nearest is told besides, and so is the brightest where there are
magnitudes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vobroker.enrich import catalogue, hats
from vobroker.enrich.errors import EnrichError
from vobroker.enrich.layer import CROSSMATCH, KEYS, Found, keys, positions
from vobroker.sky.crossmatch import Catalogue as Positions
from vobroker.sky.sphere import position_angle
from vobroker.votypes.arrow import schema
from vobroker.votypes.columns import Column, Table

MOST = 100
"""Matches of an alert with a catalogue that are kept; all are counted."""

PAIRS = 20_000_000
"""Pairs that a batch may have with a catalogue before they are ranked."""

_ARCSEC = 1 / 3600
_SYSTEM = {
    "tableoid",
    "xmin",
    "cmin",
    "xmax",
    "cmax",
    "ctid",
    "rowid",
}  # columns that tables have by themselves
_OWN = (
    Column("separation", "DOUBLE", "arcsec", "pos.angDistance", "Distance of alert and entry"),
    Column(
        "n_matches", "INTEGER", "", "meta.number", "Entries that the alert matches; this is the best of them"
    ),
)
_ELLIPSE = Column(
    "ellipse",
    "REAL",
    "",
    "pos.angDistance;arith.ratio",
    "Distance in units of the entry's ellipse; 1 on its rim",
)
_CHANCE = Column(
    "chance", "REAL", "", "stat.probability", "Probability that an entry as bright lies as near by chance"
)
_NEAREST = (
    Column("nearest_id", "VARCHAR", "", "meta.id;src", "Identifier of the nearest entry that matches"),
    Column("nearest_separation", "DOUBLE", "arcsec", "pos.angDistance;stat.min", "Distance of that entry"),
)
_BRIGHTEST = (
    Column("brightest_id", "VARCHAR", "", "meta.id;src", "Identifier of the brightest entry that matches"),
    Column("brightest_mag", "DOUBLE", "mag", "phot.mag;stat.min", "Magnitude of that entry"),
    Column("brightest_separation", "DOUBLE", "arcsec", "pos.angDistance", "Distance of that entry"),
)

Rows = NDArray[np.int64]
Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Picked:
    """One entry of each position that matches, in their order; arrays of shape (n,), -1 and NaN for none."""

    entry: Rows
    separation: Reals


@dataclass(frozen=True, slots=True)
class Matches:
    """Matches of positions with a catalogue, by position and rank; all arrays are of shape (n,).

    Attributes
    ----------
    position, entry
        Row of the position, and of the catalogue.
    rank
        1 for the best.
    separation
        Arcsec.
    number
        Matches of the position, those that were not kept counted too.
    ellipse, chance
        See the module; None where the catalogue has no ellipses or magnitudes.
    nearest, brightest
        Of all matches of each position; None where the best is the nearest, or there are no magnitudes.
    """

    position: Rows
    entry: Rows
    rank: Rows
    separation: Reals
    number: Rows
    ellipse: Reals | None
    chance: Reals | None
    nearest: Picked | None
    brightest: Picked | None


class Matcher:
    """A catalogue that alerts are matched with; threads may share it.

    Parameters
    ----------
    folder
        Where it is.

    Raises
    ------
    EnrichError
        If it is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.info = info = catalogue.read(folder)
        try:
            index = folder / "index"
            self._classes = [
                (radius, Positions.load(index / str(number)))
                for number, (radius, _) in enumerate(info.classes)
            ]
            self._entries = {
                path.stem: np.asarray(np.load(path, mmap_mode="r")) for path in sorted(index.glob("*.npy"))
            }
            self._rows = hats.Partitions(folder, [column.name for column in info.columns])
        except (OSError, ValueError, KeyError, pa.ArrowException) as error:
            raise EnrichError(f"the {info.kind} {info.name} in {folder} is damaged: {error}") from error
        more = [_ELLIPSE] if info.roles.major else []
        more += [_CHANCE] if info.roles.mag else []
        more += _NEAREST if info.roles.mag or info.roles.major else ()
        more += _BRIGHTEST if info.roles.mag else ()
        own = (*KEYS, *_OWN, *more)
        self._named = _named(info, {column.name.lower() for column in own})
        entry = tuple(
            Column(self._named[c.name], c.type, c.unit, c.ucd, c.description, c.utype) for c in info.columns
        )
        self.table = Table(
            info.table, (*own, *entry), f"The best match of each alert with the {info.kind} {info.name}"
        )

    def match(self, ra: Reals, dec: Reals) -> Matches:
        """Match positions, ICRS degrees; one that is NaN matches nothing.

        Raises
        ------
        EnrichError
            If they have too many matches.
        """
        parts = []
        room = PAIRS
        for radius, index in self._classes:
            try:
                pairs = index.within(ra, dec, radius * _ARCSEC, limit=room)
            except ValueError as error:
                raise EnrichError(f"{self.info.table}: {error}") from error
            room -= len(pairs.position)
            parts.append(self._judged(ra, dec, pairs.position, pairs.entry, pairs.separation * 3600))
        position, entry, apart, score, ellipse = (np.concatenate(each) for each in zip(*parts, strict=True))
        chance = self._chance(entry, apart) if self.info.roles.mag else None
        if chance is not None and not self.info.roles.major:
            score = chance
        nearest = brightest = None
        if self.info.roles.mag or self.info.roles.major:
            nearest = _first(position, entry, apart, apart)
        if self.info.roles.mag:
            brightest = _first(position, entry, apart, self._entries["mag"][entry])
        order = np.lexsort((entry, apart, score, position))
        position = position[order]
        first = np.flatnonzero(np.diff(position, prepend=-1))
        counts = np.diff([*first, len(position)])
        rank = np.arange(len(position)) - np.repeat(first, counts) + 1
        kept = rank <= MOST
        order = order[kept]
        return Matches(
            position[kept],
            entry[order],
            rank[kept],
            apart[order],
            np.repeat(counts, counts)[kept],
            ellipse[order] if self.info.roles.major else None,
            None if chance is None else -np.expm1(-chance[order]),
            nearest,
            brightest,
        )

    def check(self, *, rows: bool) -> None:
        """Look whether all entries are there, and can be read.

        Raises
        ------
        EnrichError
            If they are not.
        """
        try:
            there = self._rows.count(read=rows)
        except (OSError, pa.ArrowException) as error:
            raise EnrichError(
                f"the {self.info.kind} {self.info.name} is damaged: {str(error).splitlines()[0][:300]}"
            ) from error
        counted = {there, sum(map(len, self._classes)), *(len(each) for each in self._entries.values())}
        if counted != {self.info.rows}:
            raise EnrichError(
                f"the {self.info.kind} {self.info.name} is damaged: it has {self.info.rows:,} entries, and"
                f" {' and '.join(f'{number:,}' for number in sorted(counted - {self.info.rows}))} are there"
            )

    def rows(self, entry: Rows) -> pa.Table:
        """Give entries of the catalogue by their rows, in its own columns."""
        try:
            return self._rows.take(entry)
        except (OSError, pa.ArrowException) as error:
            raise EnrichError(f"the {self.info.kind} {self.info.name} is damaged: {error}") from error

    def of(self, alert: pa.RecordBatch) -> Found:
        """Match alerts; see :class:`vobroker.enrich.layer.Layer`."""
        found = self.match(*positions(alert))
        picked = {"nearest": found.nearest, "brightest": found.brightest}
        told_of = {name: one for name, one in picked.items() if one is not None}
        # Rows of the best, nearest and brightest are mostly the same: they are fetched together.
        asked = np.concatenate([found.entry, *(np.maximum(one.entry, 0) for one in told_of.values())])
        entries = self.rows(asked)
        names = self._identifiers(asked, entries)
        best = np.flatnonzero(found.rank == 1)
        rows = found.position[best]
        values = keys(alert, rows) | {
            "separation": pa.array(found.separation[best]),
            "n_matches": pa.array(found.number[best]),
        }
        for name, column in ((_ELLIPSE.name, found.ellipse), (_CHANCE.name, found.chance)):
            if column is not None:
                values[name] = pa.array(column[best], mask=np.isnan(column[best]))
        start = len(found.entry)
        for kind, one in told_of.items():
            none = one.entry < 0
            there = names.slice(start, len(one.entry))
            values[f"{kind}_id"] = pc.if_else(pa.array(none), None, there)
            values[f"{kind}_separation"] = pa.array(one.separation, mask=none)
            if kind == "brightest":
                values["brightest_mag"] = pa.array(self._entries["mag"][one.entry], mask=none)
            start += len(one.entry)
        chosen = entries.take(pa.array(best))
        values |= {named: chosen[name] for name, named in self._named.items()}
        told = keys(alert, found.position) | {
            "catalogue": pa.repeat(pa.scalar(self.info.table), len(found.position)),
            "rank": pa.array(found.rank),
            "source_id": names.slice(0, len(found.entry)),
            "separation": pa.array(found.separation),
        }
        return Found(self.table, rows, _fitted(values, self.table), _fitted(told, CROSSMATCH))

    def _identifiers(self, entry: Rows, entries: pa.Table) -> pa.Array:
        """Give the identifiers of entries as texts: the number of the row where there is no column."""
        name = self.info.roles.id
        found = entries[name].combine_chunks() if name else pa.array(entry)
        return found.cast(pa.string())

    def _judged(
        self, ra: Reals, dec: Reals, position: Rows, entry: Rows, apart: Reals
    ) -> tuple[Rows, Rows, Reals, Reals, Reals]:
        """Keep what is near enough; the score is smaller for a better match."""
        if "major" not in self._entries and "circle" not in self._entries:
            return position, entry, apart, apart, np.full(len(apart), np.nan)
        circle = self._entries["circle"][entry] if "circle" in self._entries else self.info.roles.radius
        with np.errstate(divide="ignore", invalid="ignore"):
            inside = np.where(apart == 0, 0.0, apart / circle)
        ellipse = np.full(len(apart), np.nan)
        if "major" in self._entries:
            ellipse = self._ellipse(ra, dec, position, entry, apart)
            score = np.fmin(inside, ellipse / self.info.roles.factor)
            near = score <= 1
        else:
            score, near = apart, inside <= 1
        return position[near], entry[near], apart[near], score[near], ellipse[near]

    def _ellipse(self, ra: Reals, dec: Reals, position: Rows, entry: Rows, apart: Reals) -> Reals:
        """Give distances in units of the ellipses."""
        major, minor, angle = (self._entries[name][entry] for name in ("major", "minor", "angle"))
        there = self._places[0][entry], self._places[1][entry]
        turned = np.radians(position_angle(*there, ra[position], dec[position]) - angle)
        along, across = apart * np.cos(turned), apart * np.sin(turned)
        return np.asarray(np.hypot(along / major, across / minor))

    @property
    def _places(self) -> tuple[Reals, Reals]:
        return self._entries["ra"], self._entries["dec"]

    def _chance(self, entry: Rows, apart: Reals) -> Reals:
        """Give the number of entries as bright that are expected as near by chance."""
        mag = self._entries["mag"][entry]
        fainter = np.array(self.info.fainter)
        part = np.interp(mag, fainter, np.linspace(0, 1, len(fainter)))
        part = np.where(np.isnan(mag), 1.0, np.maximum(part, 1 / self.info.rows))
        return np.asarray(np.pi * apart**2 * self.info.density * part)


def _first(position: Rows, entry: Rows, apart: Reals, score: Reals) -> Picked:
    """Pick the match of each position with the smallest score; none where all are NaN."""
    order = np.lexsort((entry, apart, score, position))  # which puts NaN last
    order = order[np.flatnonzero(np.diff(position[order], prepend=-1))]
    none = np.isnan(score[order])
    return Picked(np.where(none, -1, entry[order]), np.where(none, np.nan, apart[order]))


def _named(info: catalogue.Info, ours: set[str]) -> dict[str, str]:
    """Give the names that the columns of a catalogue have beside ours; they keep theirs where they can."""
    ours = ours | _SYSTEM
    taken = ours | {column.name.lower() for column in info.columns}
    named = {}
    for column in info.columns:
        name = column.name
        if name.lower() in ours:
            while name.lower() in taken:
                name = f"{name}_{info.name}"
            taken.add(name.lower())
        named[column.name] = name
    return named


def _fitted(values: dict[str, pa.Array], table: Table) -> pa.Table:
    target = pa.schema([pa.field(f.name, f.type) for f in schema(table)])
    return pa.table([values[f.name] for f in target], names=target.names).cast(target)
