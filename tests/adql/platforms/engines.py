"""The engines that queries are executed on: how each is reached, loaded and asked.

An engine is a context manager that gives two functions: ``load(table, rows)`` makes a table, ``fetch(sql,
parameters)`` gives the rows of a query. ``scripts/servers.sh start`` starts the servers.
"""

from __future__ import annotations

import math
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow as pa
import pymysql
from pyspark.sql import SparkSession

from vobroker.votypes.arrow import from_arrow
from vobroker.votypes.columns import Table
from vobroker.votypes.databases import stored, to_database

Rows = list[tuple[Any, ...]]
Load = Callable[[Table, pa.Table], None]
Fetch = Callable[[str, list[Any]], Rows]
Engine = Callable[[], AbstractContextManager[tuple[Load, Fetch]]]

SERVERS = Path(
    os.environ.get("VOBROKER_SERVERS")
    or Path(os.environ.get("TMPDIR", "/tmp")) / f"vobroker-servers-{os.getuid()}"
)


@contextmanager
def duckdb_engine() -> Iterator[tuple[Load, Fetch]]:
    with duckdb.connect() as connection:

        def load(table: Table, rows: pa.Table) -> None:
            connection.register("rows", rows)
            connection.execute(f"CREATE TABLE {table.name} AS FROM rows")
            connection.unregister("rows")

        yield load, lambda sql, parameters: connection.execute(sql, parameters).fetchall()


@contextmanager
def sqlite_engine() -> Iterator[tuple[Load, Fetch]]:
    with sqlite3.connect(":memory:") as connection:

        def load(table: Table, rows: pa.Table) -> None:
            columns = ", ".join(f'"{column.name}" {stored(column.type, "sqlite")}' for column in table)
            connection.execute(f"CREATE TABLE {table.name} ({columns})")
            marks = ", ".join("?" * len(table.columns))
            connection.executemany(
                f"INSERT INTO {table.name} VALUES ({marks})", values(table, rows, "sqlite")
            )

        yield load, lambda sql, parameters: connection.execute(sql, parameters).fetchall()


@contextmanager
def postgresql_engine(*extensions: str) -> Iterator[tuple[Load, Fetch]]:
    where = {"host": str(SERVERS), "user": "vobroker", "autocommit": True}
    name = f"test_{os.getpid()}_{'_'.join(extensions) or 'plain'}"
    with psycopg.connect(dbname="postgres", **where) as server:
        server.execute(f"DROP DATABASE IF EXISTS {name}")
        # A locale with rules of its own: order by code point must not depend on the server's.
        server.execute(f"CREATE DATABASE {name} TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'")
        try:
            with psycopg.connect(dbname=name, **where) as connection:
                for extension in extensions:
                    connection.execute(f"CREATE EXTENSION {extension}")

                def load(table: Table, rows: pa.Table) -> None:
                    columns = ", ".join(
                        f'"{column.name}" {stored(column.type, "postgresql")}' for column in table
                    )
                    connection.execute(f"CREATE TABLE {table.name} ({columns})")
                    with connection.cursor().copy(f"COPY {table.name} FROM STDIN") as copy:
                        for row in values(table, rows, "postgresql"):
                            copy.write_row(row)
                    if "ra" in table and "q3c" in extensions:
                        connection.execute(f"CREATE INDEX ON {table.name} (q3c_ang2ipix(ra, dec))")
                    if "ra" in table and "pg_sphere" in extensions:
                        place = "spoint(radians(ra), radians(dec))"
                        connection.execute(f"CREATE INDEX ON {table.name} USING gist ({place})")
                    connection.execute(f"ANALYZE {table.name}")

                def fetch(sql: str, parameters: list[Any]) -> Rows:
                    with psycopg.RawCursor(connection) as cursor:
                        return cursor.execute(sql, parameters).fetchall()

                yield load, fetch
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def mariadb_engine() -> Iterator[tuple[Load, Fetch]]:
    socket = str(SERVERS / "mariadb.sock")
    connection = pymysql.connect(unix_socket=socket, user="root", charset="utf8mb4", autocommit=True)
    name = f"test_{os.getpid()}"
    with connection, connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name}")
        cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        cursor.execute(f"USE {name}")
        try:

            def load(table: Table, rows: pa.Table) -> None:
                columns = ", ".join(
                    f"`{column.name}` {_MARIADB.get(column.type) or stored(column.type, 'mariadb')}"
                    for column in table
                )
                cursor.execute(f"CREATE TABLE {table.name} ({columns})")
                marks = ", ".join(["%s"] * len(table.columns))
                cursor.executemany(
                    f"INSERT INTO {table.name} VALUES ({marks})", values(table, rows, "mariadb")
                )

            def fetch(sql: str, parameters: list[Any]) -> Rows:
                cursor.execute("PREPARE query FROM %s", (sql,))
                for number, value in enumerate(parameters):
                    cursor.execute(f"SET @p{number} = %s", (value,))
                given = ", ".join(f"@p{number}" for number in range(len(parameters)))
                cursor.execute(f"EXECUTE query{' USING ' if given else ''}{given}")
                return list(cursor.fetchall())

            yield load, fetch
        finally:
            cursor.execute(f"DROP DATABASE {name}")


@contextmanager
def spark_engine() -> Iterator[tuple[Load, Fetch]]:
    settings = {
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "1",
        "spark.default.parallelism": "1",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.adaptive.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.log.level": "OFF",
    }
    with tempfile.TemporaryDirectory() as folder:
        builder = SparkSession.builder.master("local[1]").appName("vobroker-tests")
        for key, value in settings.items():
            builder = builder.config(key, value)
        session = builder.config("spark.sql.warehouse.dir", folder).getOrCreate()
        try:

            def load(table: Table, rows: pa.Table) -> None:
                columns = [
                    spark_column(column.type, cells.combine_chunks())
                    for column, cells in zip(table, rows.columns, strict=True)
                ]
                frame = session.createDataFrame(pa.table(columns, names=rows.schema.names))
                frame.cache().createOrReplaceTempView(table.name)

            def fetch(sql: str, parameters: list[Any]) -> Rows:
                given = {f"p{number}": value for number, value in enumerate(parameters, 1)}
                return [tuple(row) for row in session.sql(sql, args=given).collect()]

            yield load, fetch
        finally:
            session.stop()


def spark_column(type_name: str, cells: pa.Array) -> pa.Array:
    """A column as Spark reads it from Arrow: arrays without a size, and what it has no type for as text."""
    if stored(type_name, "spark") == "STRING" and not pa.types.is_string(cells.type):
        return pa.array(
            [to_database(type_name, "spark", v) for v in from_arrow(type_name, cells)], pa.string()
        )
    if pa.types.is_fixed_size_list(cells.type):
        return cells.cast(pa.list_(cells.type.value_type))
    return cells.cast(pa.timestamp("us")) if pa.types.is_timestamp(cells.type) else cells


def values(table: Table, rows: pa.Table, engine: str) -> list[tuple[Any, ...]]:
    """Rows for a driver; NaN and infinity are NULL where the engine has no such values."""
    columns = []
    for column, cells in zip(table, rows.columns, strict=True):
        found = [to_database(column.type, engine, v) for v in from_arrow(column.type, cells.combine_chunks())]
        if engine == "mariadb" and pa.types.is_floating(cells.type):
            found = [None if v is None or not math.isfinite(v) else v for v in found]
        columns.append(found)
    return list(zip(*columns, strict=True))


# Columns as data centres have them, rather than as we would make them.
_MARIADB = {"REAL": "FLOAT"}

ENGINES: dict[str, Engine] = {
    "duckdb": duckdb_engine,
    "sqlite": sqlite_engine,
    "postgresql": postgresql_engine,
    "postgresql-q3c": lambda: postgresql_engine("q3c"),
    "postgresql-pgsphere": lambda: postgresql_engine("pg_sphere"),
    "mariadb": mariadb_engine,
    "spark": spark_engine,
}
"""Engines by platform."""
