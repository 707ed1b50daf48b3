"""Catalogues as HEALPix-partitioned Parquet, in the layout of HATS (IVOA Note, HATS 1.0; hats 0.11).

A catalogue is a folder: ``hats.properties``, ``partition_info.csv`` and ``dataset/``, where the partition of
nested cell *n* of order *k* is ``Norder=k/Dir=d/Npix=n.parquet`` with *d* = 10,000 ⌊*n*/10,000⌋. Dense parts
of the sky have smaller partitions. Rows are in the order of ``_healpix_29``, the cell of order 29, which is
a column. Any reader of Parquet reads them; hats and LSDB know the layout.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from vobroker.sky.healpix import ORDER
from vobroker.votypes.arrow import schema
from vobroker.votypes.columns import Column, Table

CELL = Column("_healpix_29", "BIGINT", "", "pos.healpix", "Nested HEALPix cell of the position, order 29")

PARTITION = 1_000_000
"""Most rows of a partition, but where they are nearer to each other than cells of :data:`FINEST`."""

FINEST = 10
"""Highest order of a partition."""

GROUP = 8_192
"""Rows of a row group: what is read for one match."""

CACHED = 2**28
"""Bytes of row groups that are remembered."""

Rows = NDArray[np.int64]


def partitions(
    cells: Rows, fixed: Collection[tuple[int, int]] = frozenset()
) -> list[tuple[int, int, int, int]]:
    """Cut rows into partitions.

    Parameters
    ----------
    cells
        Cells of order 29, ascending.
    fixed
        Order and pixel of partitions that are there already: rows in them go there, and none overlaps them.

    Returns
    -------
    list of (order, pixel, start, stop)
        In the order of the rows: each the coarsest cell with few enough rows, and none empty.
    """
    found = []
    split = {(order - up, pixel >> 2 * up) for order, pixel in fixed for up in range(1, order + 1)}
    waiting = [(0, pixel) for pixel in range(11, -1, -1)]
    while waiting:
        order, pixel = waiting.pop()
        shift = 2 * (ORDER - order)
        start, stop = np.searchsorted(cells, [pixel << shift, (pixel + 1) << shift]).tolist()
        crowded = stop - start > PARTITION and order < FINEST and (order, pixel) not in fixed
        if stop > start and (crowded or (order, pixel) in split):
            waiting += [(order + 1, 4 * pixel + child) for child in (3, 2, 1, 0)]
        elif stop > start:
            found.append((order, pixel, start, stop))
    return found


def write(
    folder: Path,
    table: Table,
    cells: Rows,
    taken: Callable[[int, int], pa.Table],
    *,
    ra: str,
    dec: str,
    watch: Callable[[int], None] = lambda _: None,
) -> None:
    """Write a catalogue.

    Parameters
    ----------
    folder
        Where; it is there and empty.
    table
        Name and columns, without :data:`CELL`.
    cells
        Cells of order 29 of all rows, ascending.
    taken
        Gives the rows from one number to before another, in the order of ``cells``.
    ra, dec
        Columns of the position.
    watch
        Called with the number of rows that are written.
    """
    target = schema(Table(table.name, (CELL, *table.columns), table.description))
    parts = partitions(cells)
    dataset = folder / "dataset"
    collected: list[pq.FileMetaData] = []
    for order, pixel, start, stop in parts:
        file = dataset / place(order, pixel)
        file.parent.mkdir(parents=True, exist_ok=True)
        with pq.ParquetWriter(
            file, target, compression="zstd", metadata_collector=collected, write_page_checksum=True
        ) as writer:
            for first in range(start, stop, 8 * GROUP):
                last = min(first + 8 * GROUP, stop)
                rows = taken(first, last).add_column(0, CELL.name, pa.array(cells[first:last]))
                writer.write_table(rows.cast(target), row_group_size=GROUP)
                watch(last)
        collected[-1].set_file_path(place(order, pixel))
    dataset.mkdir(exist_ok=True)
    pq.write_metadata(target, dataset / "_common_metadata")
    pq.write_metadata(target, dataset / "_metadata", metadata_collector=collected)
    pixels = [(order, pixel) for order, pixel, _, _ in parts]
    describe(folder, table.name, pixels, len(cells), ra=ra, dec=dec)


def describe(
    folder: Path,
    name: str,
    pixels: Sequence[tuple[int, int]],
    rows: int,
    *,
    ra: str,
    dec: str,
    kind: str = "object",
    suffix: str = ".parquet",
) -> None:
    """Write what readers of HATS look for beside the data.

    Parameters
    ----------
    folder, name, rows
        Of the catalogue.
    pixels
        Order and pixel of its partitions.
    ra, dec
        Columns of the position.
    kind
        ``object``, or ``source`` where objects have many rows.
    suffix
        What a partition is: a file, or with ``/`` a folder of files.
    """
    lines = ["Norder,Npix", *(f"{order},{pixel}" for order, pixel in pixels)]
    _replace(folder / "partition_info.csv", "\n".join(lines) + "\n")
    told = {
        "obs_collection": name,
        "dataproduct_type": kind,
        "hats_nrows": rows,
        "hats_col_ra": ra,
        "hats_col_dec": dec,
        "hats_col_healpix": CELL.name,
        "hats_col_healpix_order": ORDER,
        "hats_max_rows": PARTITION,
        "hats_order": max((order for order, _ in pixels), default=0),
        "hats_npix_suffix": suffix,
        "hats_builder": "vobroker",
        "hats_creation_date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%MUTC"),
        "hats_version": "v1.0",
    }
    text = "#HATS catalog\n" + "".join(f"{key}={value}\n" for key, value in told.items())
    # Readers of before 2025 look for the file by its earlier name.
    for file in ("hats.properties", "properties"):
        _replace(folder / file, text)


def _replace(file: Path, text: str) -> None:
    new = file.with_name(f".{file.name}.new")
    new.write_text(text)
    new.replace(file)


def place(order: int, pixel: int) -> str:
    """Give the file of a partition within ``dataset``."""
    return f"Norder={order}/Dir={pixel // 10_000 * 10_000}/Npix={pixel}.parquet"


class Partitions:
    """The rows of a catalogue that was written by :func:`write`, by number; threads may share it.

    Parameters
    ----------
    folder
        Of the catalogue.
    names
        Columns to give.
    """

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self._names = list(names)
        cells = [
            tuple(map(int, line.split(",")))
            for line in (folder / "partition_info.csv").read_text().split("\n")[1:]
            if line
        ]
        self._files = [folder / "dataset" / place(order, pixel) for order, pixel in cells]
        metadata = pq.read_metadata(folder / "dataset" / "_metadata")
        groups = [metadata.row_group(n) for n in range(metadata.num_row_groups)]
        self._starts = np.cumsum([0, *(group.num_rows for group in groups)])
        by_file = {str(file.relative_to(folder / "dataset")): n for n, file in enumerate(self._files)}
        of_file = [by_file[group.column(0).file_path] for group in groups]
        seen: dict[int, int] = {}
        self._groups = []
        for file in of_file:
            self._groups.append((file, seen.get(file, 0)))
            seen[file] = seen.get(file, 0) + 1
        self._kept: OrderedDict[int, pa.Table] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()
        self.schema = metadata.schema.to_arrow_schema()

    def take(self, rows: Rows) -> pa.Table:
        """Give rows by their numbers, in that order."""
        if not len(rows):
            fields = [self.schema.field(name) for name in self._names]
            return pa.schema(fields).empty_table()
        order = np.argsort(rows, kind="stable")
        ascending = rows[order]
        group = np.searchsorted(self._starts, ascending, side="right") - 1
        first = np.flatnonzero(np.diff(group, prepend=-1))
        pieces = []
        for start, stop in zip(first, [*first[1:], len(rows)], strict=True):
            number = int(group[start])
            pieces.append(self._group(number).take(pa.array(ascending[start:stop] - self._starts[number])))
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        return pa.concat_tables(pieces).combine_chunks().take(pa.array(back))

    def count(self, *, read: bool) -> int:
        """Give the number of rows in all files, which are read or asked; damage is an error of pyarrow."""
        number = 0
        for path in self._files:
            with pq.ParquetFile(path, memory_map=True, page_checksum_verification=True) as file:
                if read:
                    number += sum(len(batch) for batch in file.iter_batches(GROUP))
                else:
                    number += file.metadata.num_rows
        return number

    def _group(self, number: int) -> pa.Table:
        with self._lock:
            if number in self._kept:
                self._kept.move_to_end(number)
                return self._kept[number]
        file, group = self._groups[number]
        with pq.ParquetFile(self._files[file], memory_map=True, page_checksum_verification=True) as opened:
            rows = opened.read_row_group(group, columns=self._names, use_threads=False).combine_chunks()
        with self._lock:
            self._size += rows.nbytes if number not in self._kept else 0
            self._kept[number] = rows
            while self._size > CACHED and len(self._kept) > 1:
                self._size -= self._kept.popitem(last=False)[1].nbytes
        return rows
