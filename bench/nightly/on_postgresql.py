"""The layouts on PostgreSQL: rows go by COPY from Arrow and come by COPY to Arrow."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import urlsplit

import pyarrow as pa

from bench.nightly.layouts import Layout
from bench.nightly.packing import SHARED, pack, unpack
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
    tiles,
)
from vobroker.archive.places import Server
from vobroker.archive.postgresql.connection import Connection

MONTH = 30.0
_TYPES = {"int32": "integer", "int64": "bigint", "float": "real", "double": "double precision"}


def at(server: str, database: str) -> Server:
    """Give another database of a server."""
    parts = urlsplit(server)
    return Server(f"{parts.scheme}://{parts.netloc}/{database}?{parts.query}")


class PostgreSQL:
    """A database on a server.

    Parameters
    ----------
    server
        URL of a database of the server in which others can be made.
    database
        Name of the database.
    """

    engine = "postgresql"

    def __init__(self, server: str, database: str, layout: Layout) -> None:
        self.layout = layout
        self._server, self._name = server, database
        self._months: set[int] = set()
        self._db: Connection | None = None

    @property
    def db(self) -> Connection:
        """Give the connection, made when it is first asked for."""
        if self._db is None:
            self._db = Connection(at(self._server, self._name))
            self._db.do("SET jit = off")
            # Staged rows are in the transaction that makes them last.
            self._db.make_temporary("staged", OBJECT, on_commit="DELETE ROWS")
        return self._db

    def create(self, objects: pa.Table) -> None:
        """Make the tables and put the first objects in."""
        admin = Connection(Server(self._server))
        admin.do(f"CREATE DATABASE {self._name}")
        admin.close()
        last, packed = self.layout.last, self.layout.form != "rows"
        self._table("source", SOURCE, [] if packed else ["PRIMARY KEY (measurement_id)"])
        self._table("forced", FORCED, [] if packed else ["PRIMARY KEY (object_id, visit)"])
        versions = pa.schema([*OBJECT, ("validity_start", pa.float64()), ("validity_end", pa.float64())])
        versions = versions if not last else pa.schema([*OBJECT, ("visit", pa.int64())])
        key = "PRIMARY KEY (object_id, validity_start)" if not last else "PRIMARY KEY (object_id, visit)"
        self._table("version", versions, [] if packed else [key])
        cell = "tile" if self.layout.tiles else "healpix"
        if last:
            # Room for one more version of each row in its page: no index need know of it.
            self.db.do(f"CREATE TABLE object ({_columns(OBJECT)}) WITH (fillfactor = 50)")
            self.db.append("object", objects)
            self.db.do("ALTER TABLE object ADD PRIMARY KEY (object_id)")
            self.db.do(f"CREATE INDEX ON object ({cell})")
            self.db.do("ANALYZE object")
            if self.layout.months:
                self._make_month(BEGIN - 400)
            self._append("version", objects, -1)
        else:
            self.db.append("version", open_versions(objects, BEGIN - 400))
            self.db.do("CREATE INDEX ON version (healpix)")
            self.db.do("ANALYZE version")
        for table in ("source", "forced"):
            by = "tile, visit" if packed else cell
            self.db.do(f"CREATE INDEX ON {table} ({by})")
            if table == "source" and not packed:
                self.db.do("CREATE INDEX ON source (object_id)")

    def _table(self, name: str, schema: pa.Schema, keys: list[str]) -> None:
        """Make a table of measurements or versions; with months, its partitions come when they are needed."""
        if self.layout.form != "rows":
            # Bytes are not compressed again; and a vacuum has nothing to do.
            columns = ", ".join(_packed_column(field, self.layout.form) for field in schema)
            self.db.do(f"CREATE TABLE {name} ({columns}, n integer)")
            for field in schema:
                if field.name not in SHARED:
                    self.db.do(f"ALTER TABLE {name} ALTER COLUMN {field.name} SET STORAGE EXTERNAL")
            return
        month = "flux_mjd" if name == "version" else "mjd"
        if self.layout.months:
            keys = [key[:-1] + f", {month})" for key in keys]
        parted = f" PARTITION BY RANGE ({month})" if self.layout.months else ""
        self.db.do(f"CREATE TABLE {name} ({', '.join([_columns(schema), *keys])}){parted}")

    def objects(self, visit: Visit) -> pa.Table:
        """Read the last states of the objects in the footprint, and of a few around it."""
        table = "object" if self.layout.last else "version"
        still = "" if self.layout.last else " AND validity_end IS NULL"
        names = ", ".join(OBJECT.names)
        return self.db.ask(f"SELECT {names} FROM {table} WHERE {self._place(visit)}{still}")

    def history(self, visit: Visit) -> tuple[pa.Table, pa.Table]:
        """Read detections and forced measurements of the last 12 months."""
        sources, forced = (
            self._measurements(table, schema, visit)
            for table, schema in (("source", SOURCE), ("forced", FORCED))
        )
        return sources, forced

    def _measurements(self, table: str, schema: pa.Schema, visit: Visit) -> pa.Table:
        packed = self.layout.form != "rows"
        names = [*HISTORY, "n"] if packed else HISTORY
        rows = self.db.ask(
            f"SELECT {', '.join(names)} FROM {table} WHERE {self._place(visit)} AND mjd >= {visit.since!r}"
        )
        return unpack(rows, schema, HISTORY) if packed else rows

    def _place(self, visit: Visit) -> str:
        if self.layout.tiles:
            return f"tile IN ({', '.join(map(str, tiles(visit)))})"
        return f"({' OR '.join(f'healpix >= {start} AND healpix < {stop}' for start, stop in ranges(visit))})"

    def write(self, visit: Visit, result: Result) -> None:
        """Write what came of a visit, in one transaction."""
        db, states = self.db, pa.concat_tables([result.changed, result.born])
        db.do("BEGIN")
        try:
            if self.layout.months:
                self._make_month(visit.mjd)
            self._append("source", result.sources, visit.number)
            self._append("forced", result.forced, visit.number)
            if self.layout.last:
                db.append("staged", result.changed, temporary=True)
                values = ", ".join(f"{name} = staged.{name}" for name in CHANGING)
                db.do(f"UPDATE object SET {values} FROM staged WHERE object.object_id = staged.object_id")
                db.append("object", result.born)
                self._append("version", states.sort_by("tile"), visit.number)
            else:
                db.append("staged", result.changed, temporary=True)
                db.do(
                    f"UPDATE version SET validity_end = {visit.mjd!r} FROM staged"
                    " WHERE version.object_id = staged.object_id AND validity_end IS NULL"
                )
                db.append("version", open_versions(states, visit.mjd))
            db.do("COMMIT")
        except BaseException:
            with suppress(Exception):
                db.do("ROLLBACK")
            raise

    def _append(self, table: str, rows: pa.Table, visit: int) -> None:
        if "visit" not in rows.schema.names:
            rows = rows.append_column("visit", pa.repeat(pa.scalar(visit, pa.int64()), len(rows)))
        self.db.append(table, rows if self.layout.form == "rows" else pack(rows, self.layout.form))

    def _make_month(self, mjd: float) -> None:
        month = int((mjd - BEGIN) // MONTH)
        if month in self._months:
            return
        start = BEGIN + MONTH * month
        for table in ("source", "forced", "version"):
            self.db.do(
                f"CREATE TABLE IF NOT EXISTS {table}_{month + 1000} PARTITION OF {table}"
                f" FOR VALUES FROM ({start!r}) TO ({start + MONTH!r})"
            )
        self._months.add(month)

    def counts(self) -> dict[str, int]:
        """Count detections, forced measurements, objects and their versions."""
        number = "count(*)" if self.layout.form == "rows" else "coalesce(sum(n), 0)::bigint"
        objects = "object" if self.layout.last else "version WHERE validity_end IS NULL"
        found = {
            "sources": f"SELECT {number} AS x FROM source",
            "forced": f"SELECT {number} AS x FROM forced",
            "objects": f"SELECT count(*) AS x FROM {objects}",
            "versions": f"SELECT {number} AS x FROM version",
        }
        return {kind: int(self.db.ask(sql)["x"][0].as_py()) for kind, sql in found.items()}

    def size(self) -> int:
        """Give the bytes on disk."""
        return int(self.db.ask("SELECT pg_database_size(current_database()) AS x")["x"][0].as_py())

    def settings(self) -> dict[str, str]:
        """Give what of the engine's settings decides."""
        names = ("server_version", "fsync", "shared_buffers", "max_wal_size")
        asked = ", ".join(f"current_setting('{name}') AS {name}" for name in names)
        row: dict[str, str] = self.db.ask(f"SELECT {asked}").to_pylist()[0]
        return row

    def close(self) -> None:
        """End the connection."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def drop(self) -> None:
        """Delete the database."""
        self.close()
        admin = Connection(Server(self._server))
        admin.do(f"DROP DATABASE IF EXISTS {self._name} WITH (FORCE)")
        admin.close()


def _columns(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name} {_TYPES.get(str(field.type), 'text')}" for field in schema)


def _packed_column(field: pa.Field, form: str) -> str:
    kind = _TYPES.get(str(field.type), "text")
    if field.name in SHARED:
        return f"{field.name} {kind}"
    return f"{field.name} {'bytea' if form == 'bytes' else kind + '[]'}"
