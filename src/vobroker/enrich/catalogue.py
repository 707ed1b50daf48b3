"""A catalogue of the user: what it is, how it is made out of a file, how alerts are matched with it.

It is a folder in the layout of :mod:`vobroker.enrich.hats`, with two things besides: ``vobroker.json``, which
says how it is matched and what its columns mean, and ``index/``, its positions sorted for
:mod:`vobroker.sky.crossmatch`. The index is mapped into memory: all processes share it, and a batch of alerts
reads the few pages that it meets.
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vobroker.enrich import hats
from vobroker.enrich.errors import EnrichError
from vobroker.enrich.formats import Source
from vobroker.enrich.known import Known
from vobroker.sky.crossmatch import Catalogue as Positions
from vobroker.sky.healpix import CELLS, ORDER, healpix29
from vobroker.votypes.arrow import schema
from vobroker.votypes.columns import Column, Table

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
"""What a catalogue may be called: its name becomes part of that of a table, and a folder's."""

PREFIXES = {"catalogue": "match_", "watchlist": "watchlist_"}
"""How the table of matches begins, by kind."""

MAX_ROWS = 100_000_000
"""Most rows of a catalogue unless more are allowed: it is sorted in memory, some 200 bytes a row."""

MAX_SPOOL, MAX_UNPACKED = 2**30, 100
"""Bytes that the rows of a file may have on the disk: these, and so many times its own size."""

MAX_COLUMNS = 200
"""Most columns that are kept: a row must fit into a page of PostgreSQL."""

MAX_RADIUS = 36_000.0
"""Largest radius of an entry, arcsec: 10 degrees."""

INFO = "vobroker.json"
"""File that says what is in a folder of the store."""

_VERSION = 1
_SPOOL = "spool.arrow"
_CLASS = 4.0  # entries whose radii differ by less than this factor are searched together
_HOURS = ("h", "hr", "hour", "hours", "hourangle", "15deg", "h:m:s", "hms")
_ARCSEC = {"mas": 1e-3, "arcsec": 1.0, "arcmin": 60.0, "deg": 3600.0, "rad": math.degrees(1) * 3600}
_SMALLEST = 0.001  # arcsec; a radius of nothing is this
_RA = {"unit": "deg", "ucd": "pos.eq.ra", "description": "Right ascension of the entry, ICRS"}
_DEC = {"unit": "deg", "ucd": "pos.eq.dec", "description": "Declination of the entry, ICRS"}
_FLOATS = ("SMALLINT", "INTEGER", "BIGINT", "REAL", "DOUBLE")

Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Roles:
    """Which columns of a file play which part, and how near is a match.

    Attributes
    ----------
    ra, dec
        Position, ICRS degrees.
    id
        Identifier; the number of the row where none is named.
    radius
        Arcsec.
    radius_column
        Radius of each entry, in its unit (arcsec where it has none); ``radius`` where it is null.
    mag
        Magnitude: of several matches the one is best that is least likely by chance.
    major, minor, angle
        Semi-axes of an ellipse, in their unit (arcsec where they have none), and its position angle in
        degrees from north through east. An entry matches within ``factor`` times its ellipse, and within
        ``radius``.
    factor
        See there.
    """

    ra: str
    dec: str
    id: str = ""
    radius: float = 1.0
    radius_column: str = ""
    mag: str = ""
    major: str = ""
    minor: str = ""
    angle: str = ""
    factor: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Info(Known):
    """What is known of a catalogue.

    Attributes
    ----------
    kind
        Whether it is a catalogue or a watchlist.
    rows
        Number of entries.
    missing, outside
        Rows of the file that are left out: without a position, and with one that is no place on the sky.
    roles
        Columns and radius of a match.
    columns
        Columns of an entry.
    classes
        Largest radius, arcsec, and number of entries that are searched together.
    fainter
        Magnitudes that the 0, 1/1024, ... 1 part of the entries do not exceed; empty without magnitudes.
    density
        Entries per square arcsec, where there are some.
    owner
        Whose it is; that of the operators when empty.
    """

    rows: int
    missing: int
    outside: int
    roles: Roles
    columns: tuple[Column, ...]
    classes: tuple[tuple[float, int], ...]
    fainter: tuple[float, ...] = ()
    density: float = 0.0
    owner: str = ""

    @property
    def table(self) -> str:
        """Name of its table of matches."""
        return PREFIXES[self.kind] + self.name


@dataclass(frozen=True, slots=True)
class Added:
    """A catalogue that was made, and what its owner should know of it."""

    info: Info
    warnings: list[str] = field(default_factory=list)


def check_name(name: str, what: str = "catalogue") -> None:
    """Refuse a name that could not be one of a table.

    Raises
    ------
    EnrichError
        With what it should be.
    """
    if not NAME.fullmatch(name):
        raise EnrichError(
            f"a {what} cannot be called {name[:60]!r}: use at most 40 lower-case letters, digits and '_',"
            " a letter first"
        )


def free_place(store: Path, name: str, kind: str) -> Path:
    """Give the folder for something new.

    Raises
    ------
    EnrichError
        If the name cannot be used, or is taken by anything in the store.
    """
    check_name(name, kind)
    if (store / name).exists():
        raise EnrichError(
            f"there is a {kind_of(store / name)} called '{name}' already; remove it first, or take another"
            " name"
        )
    return store / name


def add(
    store: Path,
    name: str,
    source: Source,
    roles: Roles,
    *,
    kind: str = "catalogue",
    columns: tuple[str, ...] = (),
    description: str = "",
    origin: str = "",
    owner: str = "",
    most: int = MAX_ROWS,
    watch: Callable[[str, int, int | None], None] = lambda doing, done, total: None,
) -> Added:
    """Make a catalogue.

    Parameters
    ----------
    store
        Folder of all catalogues.
    name
        Its name, which must be new.
    source
        The file.
    roles
        Its columns, by their names in the file (case matters only where names differ by nothing else).
    kind
        ``catalogue`` or ``watchlist``.
    columns
        Columns to keep besides those that play a part; all when none is named.
    description, origin
        For people.
    owner
        Whose it is.
    most
        Most rows.
    watch
        Called with what is done, rows so far, and rows in all where that is known.

    Raises
    ------
    EnrichError
        If the name is taken or cannot be used, a column is missing or of the wrong type or unit, no row has a
        position, there are too many, or the disk does not take them. There is no catalogue then.
    """
    final = free_place(store, name, kind)
    warnings = [f"the column {left} is left out: {why}" for left, why in source.left.items()]
    roles, kept = _chosen(source, roles, columns)
    try:
        with new_folder(final) as folder:
            made, more = _make(folder, name, source, roles, kept, most, watch)
            table = Table(name, kept, description or f"{name}, {made['rows']:,} entries")
            info = Info(
                name=name,
                kind=kind,
                description=table.description,
                source=origin or Path(source.name).name,
                added=datetime.now(UTC).isoformat(timespec="seconds"),
                roles=roles,
                columns=kept,
                owner=owner,
                **made,
            )
            (folder / INFO).write_text(json.dumps(asdict(info), indent=1) + "\n")
    except OSError as error:
        raise EnrichError(f"cannot write to {store}: {error.strerror or error}") from error
    return Added(info, warnings + more)


def read(folder: Path) -> Info:
    """Give what is known of a catalogue.

    Raises
    ------
    EnrichError
        If it is none, damaged, or of a newer version.
    """
    try:
        told: dict[str, Any] = json.loads((folder / INFO).read_text())
        if told.get("version", 0) > _VERSION:
            raise EnrichError(f"{folder} was made by a newer vobroker")
        told["roles"] = Roles(**told["roles"])
        told["columns"] = tuple(Column(**column) for column in told["columns"])
        told["classes"] = tuple((float(radius), int(rows)) for radius, rows in told["classes"])
        told["fainter"] = tuple(told["fainter"])
        return Info(**told)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise EnrichError(f"{folder} is no catalogue, or a damaged one: {error}") from error


def kind_of(folder: Path, otherwise: str = "catalogue") -> str:
    """Give what is in a folder of the store; what cannot be told is ``otherwise``."""
    try:
        return str(json.loads((folder / INFO).read_text())["kind"])
    except (OSError, ValueError, TypeError, KeyError):
        return otherwise


# -- columns -------------------------------------------------------------------------------------------


def _chosen(source: Source, roles: Roles, columns: tuple[str, ...]) -> tuple[Roles, tuple[Column, ...]]:
    """Find the columns that are named; give the roles with their names as the file has them."""
    found: dict[str, str] = {}
    for part in ("ra", "dec", "id", "radius_column", "mag", "major", "minor", "angle"):
        named = getattr(roles, part)
        if named:
            column = _find(source, named)
            if part != "id" and column.type not in _FLOATS:
                raise EnrichError(f"{source.name}: the column {column.name} is {column.type}, and no number")
            if part in ("ra", "dec", "angle"):
                _degrees(source, column)
            elif part in ("radius_column", "major", "minor"):
                _factor(source, column)
            found[part] = column.name
    for part, other in (("minor", "major"), ("angle", "minor")):
        if part in found and other not in found:
            raise EnrichError(f"an ellipse with --{part} needs --{other}")
    if not 0 < roles.radius <= MAX_RADIUS:
        raise EnrichError(f"a radius of {roles.radius:g} arcsec is not between 0 and {MAX_RADIUS:g}")
    if not 0 < roles.factor <= 100:
        raise EnrichError(f"a factor of {roles.factor:g} is not between 0 and 100")
    names = dict.fromkeys(found.values())
    names |= dict.fromkeys(_find(source, name).name for name in columns)
    if not columns:
        names |= dict.fromkeys(column.name for column in source.columns)
    names.pop(hats.CELL.name, None)  # every catalogue has its own
    if len(names) > MAX_COLUMNS:
        raise EnrichError(
            f"{source.name} has {len(names)} columns; name at most {MAX_COLUMNS} of them with --columns"
        )
    lower: dict[str, str] = {}
    for name in names:
        if not name or len(name.encode()) > 60 or not name.isprintable() or '"' in name:
            raise EnrichError(
                f"{source.name}: a column cannot be called {name[:60]!r}; choose others with --columns"
            )
        if name.lower() in lower:
            raise EnrichError(
                f"{source.name}: the columns {lower[name.lower()]} and {name} differ by case alone;"
                " choose one of them with --columns"
            )
        lower[name.lower()] = name
    told = {found["ra"]: _RA, found["dec"]: _DEC}
    kept = tuple(
        _described(column, told.get(column.name, {})) for column in source.columns if column.name in names
    )
    return Roles(**(asdict(roles) | found)), kept


def _described(column: Column, told: dict[str, str]) -> Column:
    """Give a column with what the file says of it, or else what is told; texts of a sensible length."""
    said = {"unit": column.unit[:64], "ucd": column.ucd[:128], "description": column.description[:500]}
    said = {
        key: "".join(c for c in text if c.isprintable()) or told.get(key, "") for key, text in said.items()
    }
    return replace(column, utype="", **said)


def _find(source: Source, name: str) -> Column:
    exact = [column for column in source.columns if column.name == name]
    alike = [column for column in source.columns if column.name.lower() == name.lower()]
    if exact or len(alike) == 1:
        return (exact or alike)[0]
    if name in source.left:
        raise EnrichError(f"{source.name}: the column {name} cannot be used: {source.left[name]}")
    known = ", ".join(column.name for column in source.columns[:20])
    more = ", …" if len(source.columns) > 20 else ""
    raise EnrichError(f"{source.name} has no column {name}; it has {known}{more}")


def _degrees(source: Source, column: Column) -> None:
    unit = column.unit.strip().lower()
    if unit not in ("", "deg", "degree", "degrees", "°"):
        what = "hours" if unit.strip('"') in _HOURS else column.unit
        raise EnrichError(f"{source.name}: the column {column.name} is in {what}, and must be in degrees")


def _factor(source: Source, column: Column) -> float:
    """Give how many arcsec the unit of a column is."""
    unit = {"": "arcsec", "degree": "deg", "degrees": "deg", "min": "arcmin"}.get(
        column.unit.strip().lower(), column.unit.strip().lower()
    )
    if unit not in _ARCSEC:
        raise EnrichError(f"{source.name}: the column {column.name} is in {column.unit}, which is no angle")
    return _ARCSEC[unit]


# -- making --------------------------------------------------------------------------------------------


@contextmanager
def new_folder(final: Path) -> Iterator[Path]:
    """Give a folder that takes its name when all is in it; what a killed process has left is removed."""
    part = final.with_name(f".{final.name}.{os.getpid()}.part")
    for left in final.parent.glob(f".{final.name}.*.part"):
        if left == part or not _runs(left.name.split(".")[-2]):
            shutil.rmtree(left, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
        part.rename(final)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _runs(process: str) -> bool:
    """Whether a process of this machine runs."""
    try:
        os.kill(int(process), 0)
    except (ValueError, ProcessLookupError):
        return False
    except OSError:  # it is somebody else's
        pass
    return True


def _make(
    folder: Path,
    name: str,
    source: Source,
    roles: Roles,
    kept: tuple[Column, ...],
    most: int,
    watch: Callable[[str, int, int | None], None],
) -> tuple[dict[str, Any], list[str]]:
    table = Table(name, kept)
    spooled = _spool(folder / _SPOOL, source, roles, table, most, watch)
    ra, dec = spooled.ra, spooled.dec
    cells = healpix29(ra, dec)
    order = np.argsort(cells, kind="stable")
    cells, ra, dec = cells[order], ra[order], dec[order]
    with pa.memory_map(str(folder / _SPOOL)) as file:
        rows = pa.ipc.open_file(file).read_all()

        def taken(start: int, stop: int) -> pa.Table:
            return rows.take(pa.array(order[start:stop]))

        hats.write(
            folder,
            table,
            cells,
            taken,
            ra=roles.ra,
            dec=roles.dec,
            watch=lambda done: watch("writing", done, len(order)),
        )

        def numbers(column: str, factor: float = 1.0) -> Reals:
            found = rows[column].cast(pa.float64(), safe=False).to_numpy()
            return np.asarray(found, np.float64)[order] * factor

        watch("sorting", 0, None)
        entries = _entries(roles, source, numbers, len(order))
        if roles.major:
            entries |= {"ra": ra, "dec": dec}
    (folder / _SPOOL).unlink()
    (folder / "index").mkdir()
    classes = _index(folder / "index", ra, dec, entries.pop("reach", None), roles.radius)
    for key, values in entries.items():
        np.save(folder / "index" / f"{key}.npy", values)
    made: dict[str, Any] = {
        "rows": len(order),
        "missing": spooled.missing,
        "outside": spooled.outside,
        "classes": classes,
    }
    if "mag" in entries:
        known = entries["mag"][np.isfinite(entries["mag"])]
        if not len(known):
            raise EnrichError(f"{source.name}: no row has a number in the column {roles.mag}")
        made["fainter"] = tuple(np.quantile(known, np.linspace(0, 1, 1025)).tolist())
        made["density"] = _density(cells)
    return made, spooled.warnings(source, roles)


@dataclass
class _Spooled:
    ra: Reals
    dec: Reals
    missing: int
    outside: int
    first: int

    def warnings(self, source: Source, roles: Roles) -> list[str]:
        found = []
        if left := self.missing + self.outside:
            found.append(
                f"{source.name}: {left:,} {'row is' if left == 1 else 'rows are'} left out, the first of them"
                f" row {self.first:,}: {self.missing:,} without a position, {self.outside:,} with one that"
                " is no place on the sky"
            )
        if len(self.ra) >= 100 and self.ra.max() <= 24:
            found.append(f"{source.name}: no {roles.ra} is above 24; if these are hours, multiply them by 15")
        return found


def _spool(
    path: Path,
    source: Source,
    roles: Roles,
    table: Table,
    most: int,
    watch: Callable[[str, int, int | None], None],
) -> _Spooled:
    """Read the file once, and keep the rows with a position where they can be had in any order."""
    ras, decs = [], []
    seen = missing = outside = first = written = 0
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, schema(table).remove_metadata()) as writer:
        for batch in source.batches(list(table.names)):
            ra, dec = (
                np.asarray(
                    batch[name].cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64
                )
                for name in (roles.ra, roles.dec)
            )
            given = np.isfinite(ra) & np.isfinite(dec)
            real = given & (np.abs(dec) <= 90) & (np.abs(ra) <= 360)
            if not first and not real.all():
                first = seen + int(np.flatnonzero(~real)[0]) + 1
            missing += int(np.count_nonzero(~given))
            outside += int(np.count_nonzero(given & ~real))
            seen += len(batch)
            written += batch.nbytes
            if written > MAX_SPOOL + MAX_UNPACKED * (source.size or 0):
                raise EnrichError(
                    f"{source.name} unpacks to more than {written:,} bytes, which is too much for its"
                    f" {source.size or 0:,}; choose columns with --columns"
                )
            if seen > most:
                raise EnrichError(f"{source.name} has more than {most:,} rows; --max-rows allows more")
            writer.write_batch(
                (batch if real.all() else batch.filter(pa.array(real))).cast(writer_schema(table))
            )
            ras.append(ra[real])
            decs.append(dec[real])
            watch("reading", seen, source.rows)
    ra = np.concatenate(ras) if ras else np.empty(0)
    if not len(ra):
        raise EnrichError(
            f"{source.name}: none of its {seen:,} rows has a position in {roles.ra} and {roles.dec}"
        )
    ra = np.mod(ra, 360.0)
    ra[ra >= 360] = 0.0
    return _Spooled(ra, np.concatenate(decs), missing, outside, first)


def writer_schema(table: Table) -> pa.Schema:
    """Give the schema of the rows in between, without metadata."""
    return pa.schema([pa.field(f.name, f.type) for f in schema(table)])


def _entries(roles: Roles, source: Source, numbers: Callable[..., Reals], rows: int) -> dict[str, Reals]:
    """Give what a match needs to know of each entry besides its position, in the order of the rows."""
    found: dict[str, Reals] = {}
    if roles.mag:
        found["mag"] = numbers(roles.mag)
    if roles.major:
        units = {name: _factor(source, _find(source, name)) for name in (roles.major, roles.minor) if name}
        major = numbers(roles.major, units[roles.major])
        major[~(major > 0)] = np.nan
        minor = numbers(roles.minor, units[roles.minor]) if roles.minor else major.copy()
        minor = np.where(minor > 0, np.minimum(minor, major), major)
        angle = numbers(roles.angle) if roles.angle else np.full(rows, np.nan)
        minor = np.where(np.isfinite(angle), minor, major)  # without a direction it is a circle
        found |= {"major": major, "minor": minor, "angle": np.where(np.isfinite(angle), angle, 0.0)}
        found["reach"] = np.fmax(major * roles.factor, roles.radius)
    if roles.radius_column:
        own = numbers(roles.radius_column, _factor(source, _find(source, roles.radius_column)))
        own = np.where(np.isfinite(own), own, roles.radius)
        found["circle"] = own
        found["reach"] = np.fmax(found.get("reach", own), own)
    for key in ("reach", "circle"):
        if key in found and ((found[key] < 0) | (found[key] > MAX_RADIUS)).any():
            row = int(np.flatnonzero((found[key] < 0) | (found[key] > MAX_RADIUS))[0])
            raise EnrichError(
                f"{source.name}: an entry reaches {found[key][row]:g} arcsec, which is not between 0 and"
                f" {MAX_RADIUS:g}"
            )
    return found


def _index(
    folder: Path, ra: Reals, dec: Reals, reach: Reals | None, radius: float
) -> tuple[tuple[float, int], ...]:
    """Sort the positions, those of like radius together: a few large entries do not slow down the others."""
    if reach is None:
        groups = [(radius, np.arange(len(ra)))]
    else:
        wide = np.maximum(reach, _SMALLEST)
        octave = np.floor(np.log(wide / wide.min()) / math.log(_CLASS)).astype(np.int64)
        groups = [
            (float(wide[octave == number].max()), np.flatnonzero(octave == number))
            for number in np.unique(octave)
        ]
    for number, (_, rows) in enumerate(groups):
        (folder / str(number)).mkdir()
        Positions(ra[rows], dec[rows], rows).save(folder / str(number))
    return tuple((largest, len(rows)) for largest, rows in groups)


def _density(cells: NDArray[np.int64]) -> float:
    """Give the entries per square arcsec of the part of the sky that has entries."""
    sky = 4 * math.pi * math.degrees(1) ** 2 * 3600.0**2
    for order in range(8, -1, -1):
        shift = 2 * (ORDER - order)
        occupied = 1 + int(np.count_nonzero(np.diff(cells >> shift)))
        if order == 0 or len(cells) >= 4 * occupied:
            return float(len(cells) / (sky * occupied / (CELLS >> shift)))
    raise AssertionError
