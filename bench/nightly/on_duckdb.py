"""The layouts in a DuckDB file: rows go and come as Arrow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from bench.nightly.layouts import Layout
from bench.nightly.sky import (
    BEGIN,
    CHANGING,
    FORCED,
    HISTORY,
    OBJECT,
    SOURCE,
    Result,
    Visit,
    open_versions,
    ranges,
    region_of,
    tiles,
)

VERSION = pa.schema([*OBJECT, ("visit", pa.int64())])
OPEN_VERSION = pa.schema([*OBJECT, ("validity_start", pa.float64()), ("validity_end", pa.float64())])
MEMORY = "4GB"
_TYPES = {"int32": "INTEGER", "int64": "BIGINT", "float": "REAL", "double": "DOUBLE", "string": "VARCHAR"}


class DuckDB:
    """A database in a file.

    Parameters
    ----------
    path
        The file.
    """

    engine = "duckdb"

    def __init__(self, path: Path, layout: Layout) -> None:
        self.layout = layout
        self._path = path
        self._known: set[str] = set()
        self._db: duckdb.DuckDBPyConnection | None = None

    @property
    def db(self) -> duckdb.DuckDBPyConnection:
        """Give the connection, made when it is first asked for."""
        if self._db is None:
            self._db = duckdb.connect(str(self._path), config={"memory_limit": MEMORY})
            names = self._db.execute("SELECT table_name FROM duckdb_tables()").fetchall()
            self._known = {name for (name,) in names}
        return self._db

    def create(self, objects: pa.Table) -> None:
        """Make the tables and put the first objects in."""
        if self.layout.last:
            for table, rows in self._parts("object", objects):
                self._insert(table, OBJECT, rows)
            first = objects.append_column("visit", pa.repeat(pa.scalar(-1, pa.int64()), len(objects)))
            for table, rows in self._parts("version", first):
                self._insert(table, VERSION, rows)
        else:
            self._insert("version", OPEN_VERSION, open_versions(objects, BEGIN - 400))
        if not self.layout.regions:
            self._table("source", SOURCE)
            self._table("forced", FORCED)
        self.db.execute("CHECKPOINT")

    def _table(self, name: str, schema: pa.Schema) -> None:
        """Make a table where it is not there."""
        if name in self._known:
            return
        columns = [f"{field.name} {_TYPES[str(field.type)]}" for field in schema]
        kind = name.partition("_")[0]
        keys = {
            "source": "measurement_id",
            "forced": "object_id, visit",
            "version": "object_id, visit" if self.layout.last else "object_id, validity_start",
            "object": "object_id",
        }
        if self.layout.indexes:
            columns.append(f"PRIMARY KEY ({keys[kind]})")
        self.db.execute(f"CREATE TABLE {name} ({', '.join(columns)})")
        if self.layout.indexes and not (kind == "version" and self.layout.last):
            self.db.execute(f"CREATE INDEX {name}_cell ON {name} (healpix)")
        if self.layout.indexes and kind == "source":
            self.db.execute(f"CREATE INDEX {name}_object ON {name} (object_id)")
        self._known.add(name)

    def _parts(self, kind: str, rows: pa.Table) -> Iterator[tuple[str, pa.Table]]:
        """Give rows, which are in the order of tiles, by the table that they belong into."""
        if not self.layout.regions:
            yield kind, rows
            return
        region = region_of(rows["tile"].to_numpy())
        bounds = np.append(np.flatnonzero(np.diff(region, prepend=-1)), len(region))
        for start, stop in pairwise(bounds):
            yield f"{kind}_{region[start]}", rows.slice(start, stop - start)

    def _tables(self, kind: str, visit: Visit) -> list[str]:
        """Give the tables in which a visit's rows are."""
        if not self.layout.regions:
            return [kind]
        names = {f"{kind}_{region_of(tile)}" for tile in tiles(visit)}
        return sorted(names & self._known)

    def _insert(self, table: str, schema: pa.Schema, rows: pa.Table) -> None:
        self._table(table, schema)
        self.db.register("given", rows)
        self.db.execute(f"INSERT INTO {table} BY NAME FROM given")
        self.db.unregister("given")

    def objects(self, visit: Visit) -> pa.Table:
        """Read the last states of the objects in the footprint, and of a few around it."""
        kind = "object" if self.layout.last else "version"
        still = "" if self.layout.last else " AND validity_end IS NULL"
        return self._read(kind, OBJECT.names, f"{self._place(visit)}{still}", OBJECT, visit)

    def history(self, visit: Visit) -> tuple[pa.Table, pa.Table]:
        """Read detections and forced measurements of the last 12 months."""
        where = f"{self._place(visit)} AND mjd >= {visit.since!r}"
        sources, forced = (
            self._read(kind, HISTORY, where, schema, visit)
            for kind, schema in (("source", SOURCE), ("forced", FORCED))
        )
        return sources, forced

    def _read(
        self, kind: str, names: tuple[str, ...] | list[str], where: str, schema: pa.Schema, visit: Visit
    ) -> pa.Table:
        self.db  # noqa: B018 -- the names of tables are known when there is a connection
        found = self._tables(kind, visit)
        if not found:
            return pa.schema([schema.field(name) for name in names]).empty_table()
        parts = (f"SELECT {', '.join(names)} FROM {table} WHERE {where}" for table in found)
        return self.db.sql(" UNION ALL ".join(parts)).to_arrow_table()

    def _place(self, visit: Visit) -> str:
        if self.layout.tiles:
            wanted = tiles(visit)
            # The bounds as well: by them blocks of rows are passed over unread.
            return f"tile BETWEEN {wanted[0]} AND {wanted[-1]} AND tile IN ({', '.join(map(str, wanted))})"
        return f"({' OR '.join(f'healpix >= {start} AND healpix < {stop}' for start, stop in ranges(visit))})"

    def write(self, visit: Visit, result: Result) -> None:
        """Write what came of a visit, in one transaction."""
        db, states = self.db, pa.concat_tables([result.changed, result.born]).sort_by("tile")
        known = set(self._known)
        db.execute("BEGIN")
        try:
            for kind, schema, rows in (("source", SOURCE, result.sources), ("forced", FORCED, result.forced)):
                for table, part in self._parts(kind, rows):
                    self._insert(table, schema, part)
            if self.layout.last:
                self._update(result)
                numbered = states.append_column(
                    "visit", pa.repeat(pa.scalar(visit.number, pa.int64()), len(states))
                )
                for table, part in self._parts("version", numbered):
                    self._insert(table, VERSION, part)
            else:
                db.register("staged", result.changed)
                db.execute(
                    f"UPDATE version SET validity_end = {visit.mjd!r} FROM staged"
                    " WHERE version.object_id = staged.object_id AND validity_end IS NULL"
                )
                db.unregister("staged")
                self._insert("version", OPEN_VERSION, open_versions(states, visit.mjd))
            db.execute("COMMIT")
        except BaseException:
            self._known = known
            with suppress(Exception):
                db.execute("ROLLBACK")
            raise

    def _update(self, result: Result) -> None:
        values = ", ".join(f"{name} = staged.{name}" for name in CHANGING)
        for table, part in self._parts("object", result.changed):
            self.db.register("staged", part)
            self.db.execute(
                f"UPDATE {table} SET {values} FROM staged WHERE {table}.object_id = staged.object_id"
            )
            self.db.unregister("staged")
        for table, part in self._parts("object", result.born):
            self._insert(table, OBJECT, part)

    def counts(self) -> dict[str, int]:
        """Count detections, forced measurements, objects and their versions."""
        answer = {"sources": 0, "forced": 0, "objects": 0, "versions": 0}
        names = {"source": "sources", "forced": "forced", "object": "objects", "version": "versions"}
        db = self.db
        for table in sorted(self._known):
            ((number,),) = db.execute(f"SELECT count(*) FROM {table}").fetchall()
            answer[names[table.partition("_")[0]]] += number
        if not self.layout.last:
            ((number,),) = db.execute("SELECT count(*) FROM version WHERE validity_end IS NULL").fetchall()
            answer["objects"] = number
        return answer

    def size(self) -> int:
        """Give the bytes on disk."""
        self.db.execute("CHECKPOINT")
        return self._path.stat().st_size

    def settings(self) -> dict[str, str]:
        """Give what of the engine's settings decides."""
        return {"version": duckdb.__version__, "memory_limit": MEMORY, "durable": "yes"}

    def close(self) -> None:
        """End the connection."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def drop(self) -> None:
        """Delete the database."""
        self.close()
        for path in (self._path, self._path.with_name(self._path.name + ".wal")):
            path.unlink(missing_ok=True)
