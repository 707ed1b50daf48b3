"""Tables of an archive as HATS catalogues, a night at a time.

Each table is a catalogue of its own in the folder. A partition is a folder with a file for each night that
has rows there, so that a night is added and the others stay as they are. ``export.json`` names the files
that count, with their rows; it is replaced as a whole after each night, and what it does not name was
left behind by an export that was broken off, and is taken away by the next.

A night is written anew when it has more rows than before, and a table when its columns have changed. Objects
change with each alert, and are written anew as a whole. Measurements, which have no night, go by the day of
their MJD, at the position of their object.
"""

# ruff: noqa: S608 -- what is put into the text are names of tables and columns
from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from vobroker.alerts.columns import ALERT, MEASUREMENT, OBJECT
from vobroker.archive.archive import Archive
from vobroker.archive.errors import ArchiveError
from vobroker.archive.tables import quote
from vobroker.enrich import hats
from vobroker.enrich.layer import enriched
from vobroker.votypes.arrow import schema
from vobroker.votypes.columns import Column, Table

MANIFEST = "export.json"

FORMAT = 1

_RA = Column(
    "_ra", "DOUBLE", "deg", "pos.eq.ra", "Right ascension of the partition's position", system="ICRS"
)
_DEC = Column("_dec", "DOUBLE", "deg", "pos.eq.dec", "Declination of the partition's position", system="ICRS")


@dataclass(frozen=True, slots=True)
class Part:
    """A night of a table.

    Attributes
    ----------
    table
        Name of the table.
    night
        Night of the alerts as yyyymmdd, day of measurements as MJD, 0 for all objects or where none is known.
    rows
        Rows in the archive, and as many in the files.
    new
        Whether it was written now; else it was there already.
    """

    table: str
    night: int
    rows: int
    new: bool


@dataclass(frozen=True, slots=True)
class _Source:
    """Where the rows of a table come from, as SQL."""

    table: Table
    rows: str
    night: str
    mark: str
    at: str
    kind: str
    ra: str
    dec: str


def export(
    archive: Archive,
    folder: Path,
    *,
    since: int = 0,
    watch: Callable[[Part, int, int], None] = lambda *_: None,
) -> list[Part]:
    """Write what the folder does not have yet.

    Parameters
    ----------
    archive
        What to export.
    folder
        Where to; made when it is not there. The rows of a night are in memory at once.
    since
        First night of alerts, as yyyymmdd; objects and measurements are not held against it.
    watch
        Called after each part with it, and how many are done of how many.

    Raises
    ------
    ArchiveError
        If the folder holds something else or is being written, a row has no position, or rows are missing
        in what was written.
    """
    with _alone(folder):
        known = manifest(folder)
        _tidy(folder, known)
        sources = _sources(archive)
        waiting = [(source, *found) for source in sources for found in _nights(archive, source, since)]
        done = []
        for number, (source, night, mark, rows) in enumerate(waiting, 1):
            table = known["tables"].setdefault(
                source.table.name, {"description": source.table.description, "parts": {}}
            )
            old = table["parts"].get(str(night))
            part = Part(source.table.name, night, rows, new=old is None or old["mark"] != mark)
            if part.new:
                files = _write(archive, folder, source, night, rows, _pixels(table))
                table["columns"] = [asdict(column) for column in source.table]
                table["parts"][str(night)] = {"mark": mark, "files": files}
                _save(folder, known)
                for file, _ in old["files"] if old else ():
                    (folder / source.table.name / "dataset" / file).unlink(missing_ok=True)
            done.append(part)
            watch(part, number, len(waiting))
        for source in sources:
            if source.table.name in known["tables"]:
                _describe(folder, source, known["tables"][source.table.name])
        return done


def manifest(folder: Path) -> dict[str, Any]:
    """Read what an export has written.

    Raises
    ------
    ArchiveError
        If there is no export in the folder, or it cannot be read.
    """
    try:
        found: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
        version = int(found["format"])
        found["tables"].items()
    except FileNotFoundError as error:
        raise ArchiveError(f"{folder} holds no exported archive: it has no {MANIFEST}") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArchiveError(f"{folder / MANIFEST} cannot be read: {error}") from error
    if version > FORMAT:
        raise ArchiveError(f"{folder} has export format {version}, this vobroker knows {FORMAT}")
    return found


def files(folder: Path, name: str, table: dict[str, Any]) -> list[str]:
    """Give the files of a table that count."""
    dataset = folder / name / "dataset"
    return [str(dataset / file) for part in table["parts"].values() for file, _ in part["files"]]


def _sources(archive: Archive) -> list[_Source]:
    joined = "measurement AS t LEFT JOIN object AS o ON o.survey = t.survey AND o.object_id = t.object_id"
    found = [
        _Source(ALERT, "alert AS t", "t.night", "0", "t", "source", "ra", "dec"),
        _Source(OBJECT, "object AS t", "0", "sum(t.n_alerts)", "t", "object", "ra", "dec"),
        _Source(MEASUREMENT, joined, "floor(t.mjd)", "0", "o", "source", "_ra", "_dec"),
    ]
    for name, table in archive.native_tables().items():
        if not enriched(name):
            survey = name.replace("'", "''")
            rows = (
                f"{quote(name)} AS t LEFT JOIN alert AS o ON o.alert_id = t.alert_id"
                f" AND o.survey = '{survey}'"
            )
            found.append(_Source(table, rows, "o.night", "0", "o", "source", "_ra", "_dec"))
    return found


def _nights(archive: Archive, source: _Source, since: int) -> list[tuple[int, list[Any], int]]:
    night = f"CAST(coalesce({source.night}, 0) AS BIGINT)"
    sql = (
        f"SELECT {night} AS night, count(*) AS n, CAST({source.mark} AS BIGINT) AS mark,"
        f" count({source.at}.healpix) AS placed FROM {source.rows} GROUP BY 1 ORDER BY 1"
    )
    columns = hashlib.sha256(str(schema(source.table)).encode()).hexdigest()[:16]
    found = []
    for row in archive.query(sql).to_pylist():
        if row["placed"] != row["n"]:
            raise ArchiveError(
                f"{row['n'] - row['placed']} rows of {source.table.name} in {row['night']} have no position,"
                " and HATS has no place for them"
            )
        if source.night[-5:] != "night" or row["night"] >= since:
            found.append((row["night"], [row["n"], row["mark"], columns], row["n"]))
    return found


def _write(
    archive: Archive, folder: Path, source: _Source, night: int, rows: int, fixed: set[tuple[int, int]]
) -> list[tuple[str, int]]:
    target = _schema(source)
    names = ", ".join(f"t.{quote(name)}" for name in source.table.names)
    place = f", {source.at}.ra AS _ra, {source.at}.dec AS _dec" if source.ra == "_ra" else ""
    sql = (
        f"SELECT {source.at}.healpix AS _healpix_29{place}, {names} FROM {source.rows}"
        f" WHERE CAST(coalesce({source.night}, 0) AS BIGINT) = $1 ORDER BY 1"
    )
    found = archive.query(sql, [night]).cast(target)
    cells = found.column(0).to_numpy().astype(np.int64)
    dataset = folder / source.table.name / "dataset"
    written: list[tuple[Path, Path, int]] = []
    for order, pixel, start, stop in hats.partitions(cells, fixed):
        within = dataset / hats.place(order, pixel).removesuffix(".parquet")
        within.mkdir(parents=True, exist_ok=True)
        name = f"{night}-{uuid4().hex[:8]}.parquet"
        # Readers of Parquet pass over names with a dot in front.
        pq.write_table(
            found.slice(start, stop - start),
            within / f".{name}",
            compression="zstd",
            row_group_size=16 * hats.GROUP,
            write_page_checksum=True,
        )
        with (within / f".{name}").open("rb") as opened:
            os.fsync(opened.fileno())
        written.append((within / f".{name}", within / name, pq.read_metadata(within / f".{name}").num_rows))
    if (number := sum(count for *_, count in written)) != rows:
        raise ArchiveError(
            f"{rows} rows of {source.table.name} in {night}, but {number} were written; try again"
        )
    for hidden, file, _ in written:
        hidden.rename(file)
    return [(str(file.relative_to(dataset)), count) for _, file, count in written]


def _schema(source: _Source) -> pa.Schema:
    place = (_RA, _DEC) if source.ra == "_ra" else ()
    return schema(
        Table(source.table.name, (hats.CELL, *place, *source.table.columns), source.table.description)
    )


def _pixels(table: dict[str, Any]) -> set[tuple[int, int]]:
    found = set()
    for part in table["parts"].values():
        for file, _ in part["files"]:
            order, _, pixel, _ = file.split("/")
            found.add((int(order.removeprefix("Norder=")), int(pixel.removeprefix("Npix="))))
    return found


def _describe(folder: Path, source: _Source, table: dict[str, Any]) -> None:
    catalogue = folder / source.table.name
    collected = []
    for part in table["parts"].values():
        for file, _ in part["files"]:
            metadata = pq.read_metadata(catalogue / "dataset" / file)
            metadata.set_file_path(file)
            collected.append(metadata)
    pq.write_metadata(_schema(source), catalogue / "dataset/_common_metadata")
    pq.write_metadata(_schema(source), catalogue / "dataset/_metadata", metadata_collector=collected)
    rows = sum(metadata.num_rows for metadata in collected)
    pixels = sorted(_pixels(table), key=lambda cell: cell[1] << 2 * (hats.FINEST - cell[0]))
    hats.describe(
        *(catalogue, source.table.name, pixels, rows),
        ra=source.ra,
        dec=source.dec,
        kind=source.kind,
        suffix="/",
    )


def _save(folder: Path, known: dict[str, Any]) -> None:
    new = folder / f".{MANIFEST}.new"
    with new.open("w") as file:
        json.dump(known, file)
        file.flush()
        os.fsync(file.fileno())
    new.replace(folder / MANIFEST)


def _tidy(folder: Path, known: dict[str, Any]) -> None:
    """Take away what an export left behind that was broken off."""
    for name, table in known["tables"].items():
        counted = set(files(folder, name, table))
        for file in (folder / name / "dataset").glob("Norder=*/Dir=*/Npix=*/*.parquet"):
            if str(file) not in counted:
                file.unlink()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / MANIFEST).exists() and any(path.name != ".lock" for path in folder.iterdir()):
            raise ArchiveError(
                f"{folder} holds something else than an exported archive; name an empty folder"
            )
        with (folder / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ArchiveError(f"another export is writing {folder}") from error
            if not (folder / MANIFEST).exists():
                _save(folder, {"format": FORMAT, "tables": {}})
            yield
    except (OSError, pa.ArrowException) as error:
        raise ArchiveError(f"cannot export to {folder}: {error}") from error
