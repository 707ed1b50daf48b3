"""Regions of the sky as MOCs: alerts in a region have a row in its table.

A MOC (IVOA MOC 2.0) is read from FITS, JSON or text.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from vobroker.enrich import cells
from vobroker.enrich.catalogue import INFO, free_place, new_folder
from vobroker.enrich.errors import EnrichError
from vobroker.enrich.formats.fits import binary_table
from vobroker.enrich.formats.source import refuse_packed
from vobroker.enrich.known import Known
from vobroker.enrich.layer import KEYS, Found, keys
from vobroker.sky.healpix import CELLS, ORDER
from vobroker.votypes import literals
from vobroker.votypes.arrow import schema
from vobroker.votypes.columns import Table

KIND = "region"
MAX_BYTES = 2**24
"""Largest MOC that is no FITS file."""

MAX_RANGES = 2**24
"""Most cells, or ranges of them: more than the sky has of order 10."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Info(Known):
    """What is known of a region.

    Attributes
    ----------
    ranges
        Ranges of cells of order 29.
    sky
        Part of the sky, 0 to 1.
    """

    ranges: int
    sky: float
    kind: str = KIND


def add(store: Path, name: str, path: Path, *, description: str = "") -> Info:
    """Make a region of a MOC.

    Raises
    ------
    EnrichError
        If the name is taken or cannot be used, or the file is no MOC on the sky.
    """
    final = free_place(store, name, KIND)
    found = read_moc(path)
    info = Info(
        name=name,
        description=description or f"The region {name}",
        source=path.name,
        added=datetime.now(UTC).isoformat(timespec="seconds"),
        ranges=len(found),
        sky=float((found[:, 1] - found[:, 0]).sum() / CELLS),
    )
    save(final, info, {"ranges": found})
    return info


def save(final: Path, info: Any, columns: dict[str, Any]) -> None:
    """Write a folder of the store: what it is, and its columns.

    Raises
    ------
    EnrichError
        If the disk does not take it.
    """
    try:
        with new_folder(final) as folder:
            for key, values in columns.items():
                np.save(folder / f"{key}.npy", values)
            (folder / INFO).write_text(json.dumps(asdict(info), indent=1) + "\n")
    except OSError as error:
        raise EnrichError(f"cannot write to {final.parent}: {error.strerror or error}") from error


def load(folder: Path, made: Callable[..., Any], names: tuple[str, ...]) -> tuple[Any, list[Any]]:
    """Read a folder of the store.

    Raises
    ------
    EnrichError
        If it is damaged, or of a newer version.
    """
    try:
        info = made(**json.loads((folder / INFO).read_text()))
        columns = [np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r")) for name in names]
    except (OSError, ValueError, TypeError) as error:
        raise EnrichError(f"{folder} is damaged, or was made by a newer vobroker: {error}") from error
    return info, columns


def read_moc(path: Path) -> cells.Cells:
    """Read a MOC.

    Returns
    -------
    array of int64, shape (n, 2)
        Ranges of order 29, in order, disjoint and not touching.

    Raises
    ------
    EnrichError
        If it is none, is empty, or has cells that are none.
    """
    try:
        with path.open("rb") as file:
            head = refuse_packed(path)[:10]
            file.seek(10)
            if head.startswith(b"SIMPLE  ="):
                found = _fits(path)
            else:
                data = head + file.read(MAX_BYTES)
                if len(data) > MAX_BYTES:
                    raise EnrichError(f"{path} has more than {MAX_BYTES:,} bytes; give the MOC as FITS")
                found = _text(data, path)
    except OSError as error:
        raise EnrichError(f"cannot read {path}: {error.strerror or error}") from error
    if len(found) > MAX_RANGES:
        raise EnrichError(f"{path} has {len(found):,} cells, more than {MAX_RANGES:,}")
    if not len(found):
        raise EnrichError(f"{path} is empty: no alert could be in it")
    return cells.merged(found)


def _fits(path: Path) -> cells.Cells:
    unit = binary_table(path)
    if len(unit.rows) > MAX_RANGES:
        raise EnrichError(f"{path} has {len(unit.rows):,} rows, more than {MAX_RANGES:,}")
    header = unit.header
    ordering = str(header.get("ORDERING", "")).strip().upper()
    dimension = str(header.get("MOCDIM", "SPACE")).strip().upper()
    system = str(header.get("COORDSYS", "C")).strip().upper()
    if ordering not in ("NUNIQ", "RANGE") or len(unit.columns) != 1:
        raise EnrichError(f"{path} is no MOC: its ordering is {ordering or 'not given'}, not NUNIQ or RANGE")
    if dimension != "SPACE" or system not in ("C", "ICRS"):
        what = f"of {dimension.lower()}" if dimension != "SPACE" else f"in the system {system}"
        raise EnrichError(f"{path} is a MOC {what}; one on the sky in ICRS is needed")
    numbers = unit.numbers(unit.columns[0].name)
    if numbers.ndim != 1 or numbers.dtype.kind not in "iu":
        raise EnrichError(f"{path} is no MOC: its column is {unit.columns[0].format}")
    if ordering == "NUNIQ":
        return cells.ranges(*cells.from_uniq(numbers, str(path)))
    pairs = numbers[: len(numbers) // 2 * 2].astype(np.int64).reshape(-1, 2)
    bad = np.flatnonzero((pairs[:, 0] < 0) | (pairs[:, 1] <= pairs[:, 0]) | (pairs[:, 1] > CELLS))
    if bad.size or len(numbers) % 2:
        row = 2 * int(bad[0]) + 1 if bad.size else len(numbers)
        raise EnrichError(f"{path}, row {row}: there is no such range of cells")
    return pairs


def _text(data: bytes, path: Path) -> cells.Cells:
    try:
        text = data.decode()
        if text.lstrip().startswith("{"):
            return _json(json.loads(text), path)
        moc = literals.read("MOC", text)
    except (RecursionError, ValueError) as error:  # JSON, UTF-8, a number of thousands of digits, a literal
        raise EnrichError(f"{path} is no MOC in FITS, JSON or text: {error}") from error
    pairs = [cells.ranges(order, *np.array(runs, np.int64).reshape(-1, 2).T) for order, runs in moc]
    return np.concatenate(pairs) if pairs else np.empty((0, 2), np.int64)


def _json(found: Any, path: Path) -> cells.Cells:
    pairs = [np.empty((0, 2), np.int64)]
    for key, numbers in found.items():
        if not (key.isdecimal() and len(key) <= 2 and int(key) <= ORDER and isinstance(numbers, list)):
            raise EnrichError(f"{path} is no MOC: {key[:40]!r} is no order with a list of cells")
        order = int(key)
        for number in numbers:
            if type(number) is not int or not 0 <= number < 12 * 4**order:
                raise EnrichError(f"{path}: order {order} has no cell {str(number)[:40]}")
        pairs.append(cells.ranges(order, np.array(numbers, np.int64)))
    return np.concatenate(pairs)


class Region:
    """A region that alerts are compared with.

    Raises
    ------
    EnrichError
        If it is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.info, (pairs,) = load(folder, Info, ("ranges",))
        self._starts, self._stops = np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1])
        self.table = Table(self.info.table, KEYS, f"The alerts in the region {self.info.name}")

    def of(self, alert: pa.RecordBatch) -> Found:
        """Say which alerts are in it; see :class:`vobroker.enrich.layer.Layer`."""
        there = cells.place(self._starts, self._stops, cells_of(alert))
        rows = np.flatnonzero(there >= 0)
        values = pa.table(keys(alert, rows)).cast(pa.schema([(f.name, f.type) for f in schema(self.table)]))
        return Found(self.table, rows, values)


def cells_of(alert: pa.RecordBatch) -> cells.Cells:
    """Give the cells of alerts, order 29; -1 where there is no position."""
    return np.asarray(alert["healpix"].fill_null(-1), np.int64)
