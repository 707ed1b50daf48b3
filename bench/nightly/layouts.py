"""The layouts of the database, each one decision more than the one before; and what a store does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from bench.nightly.sky import Result, Visit


@dataclass(frozen=True)
class Layout:
    """One way to keep objects and measurements.

    Parameters
    ----------
    name
        On the command line.
    words
        What it adds to the layout before it.
    last
        Last states of objects have a table of their own, and versions are only inserted. Without: a version
        is closed when the next one is inserted, and the last states are the open ones.
    months
        A partition every thirty days (PostgreSQL).
    tiles
        Rows carry the tile of their object, and are found by it. Without: by ranges of HEALPix cells of
        order 29.
    form
        ``rows``, or one row a tile and visit with ``arrays`` or ``bytes``.
    regions
        A table for each region of the sky (DuckDB).
    indexes
        Keys and B-trees (DuckDB: ART).
    """

    name: str
    words: str
    last: bool = True
    months: bool = False
    tiles: bool = True
    form: str = "rows"
    regions: bool = False
    indexes: bool = True


LAYOUTS = {
    "postgresql": (
        Layout("naive", "one table each, B-trees on object and cell", last=False, tiles=False),
        Layout("last", "last states apart, versions only inserted", tiles=False),
        Layout("tiles", "index the tile, not the cell: updates stay in their page"),
        Layout("months", "a partition every 30 days", months=True),
        Layout("arrays", "one row a tile and visit, columns as arrays", form="arrays"),
        Layout("packed", "the arrays as bytes", form="bytes"),
    ),
    "duckdb": (
        Layout("naive", "one table each, keys and ART on object and cell", last=False, tiles=False),
        Layout("last", "last states apart, versions only inserted", tiles=False),
        Layout("bare", "no keys, no indexes", tiles=False, indexes=False),
        Layout("tiles", "rows found by tile", indexes=False),
        Layout("regions", "a table for each region of the sky", regions=True, indexes=False),
    ),
}
BEST = {"postgresql": "packed", "duckdb": "regions"}
ENGINES = {"duckdb": "DuckDB", "postgresql": "PostgreSQL"}


def layout(engine: str, name: str) -> Layout:
    """Give a layout of an engine; ``best`` is what the measurements led to.

    Raises
    ------
    ValueError
        If the engine has none of this name.
    """
    wanted = BEST[engine] if name == "best" else name
    for each in LAYOUTS[engine]:
        if each.name == wanted:
            return each
    known = ", ".join(each.name for each in LAYOUTS[engine])
    raise ValueError(f"{ENGINES[engine]} has no layout '{name}'; there are best, {known}")


class Store(Protocol):
    """A database under test."""

    engine: str
    layout: Layout

    def create(self, objects: pa.Table) -> None:
        """Make the tables and put the first objects in."""

    def objects(self, visit: Visit) -> pa.Table:
        """Read the last states of the objects in the footprint; a few around it may be there too."""

    def history(self, visit: Visit) -> tuple[pa.Table, pa.Table]:
        """Read the detections and the forced measurements of those objects, of the last 12 months."""

    def write(self, visit: Visit, result: Result) -> None:
        """Write what came of a visit, in one transaction."""

    def counts(self) -> dict[str, int]:
        """Count detections, forced measurements, objects and their versions."""

    def size(self) -> int:
        """Give the bytes on disk."""

    def settings(self) -> dict[str, str]:
        """Give what of the engine's settings decides."""

    def close(self) -> None:
        """End the connection."""

    def drop(self) -> None:
        """Delete the database."""
