"""Put a synthetic survey in bulk into the tables that an archive has made, with the archive's own indexes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import duckdb
import psycopg
from psycopg import sql
from rich.progress import Progress

from bench.positions import survey
from bench.positions.kinds import Truth
from vobroker.archive import open_archive
from vobroker.archive.places import Server
from vobroker.archive.postgresql.connection import Connection

TABLES = ("alert", "measurement", "object")
MANY = 50_000_000
"""Alerts from which on an archive in a folder has neither light curves nor objects here, nor their
index: there is no time for them."""
SERVERS = Path(
    os.environ.get("VOBROKER_SERVERS")
    or Path(os.environ.get("TMPDIR", "/tmp")) / f"vobroker-servers-{os.getuid()}"
)
"""Where ``scripts/servers.sh start`` has its sockets."""


def folder(where: Path, count: int, truth: Path, *, scattered: bool = False) -> None:
    """Make an archive in a folder, and the file with the truth about it."""
    open_archive(where).close()
    tables = TABLES if count < MANY else TABLES[:1]
    with duckdb.connect(where / "archive.duckdb") as db:
        if count >= MANY:
            db.execute("DROP INDEX alert_object")
        for rows in _watched(f"{count:,} alerts into DuckDB", count, truth, scattered=scattered):
            db.begin()
            for name in tables:
                db.register("given", getattr(rows, name))
                db.execute(f"INSERT INTO {name} SELECT * FROM given")
                db.unregister("given")
            db.commit()


@contextmanager
def database(name: str, *, keep: bool) -> Iterator[tuple[str, bool]]:
    """Make a database with q3c on the server of ``scripts/servers.sh``; drop it in the end if not to be kept.

    Yields
    ------
    url, new
        Its URL, and whether it was not there before.
    """
    here = {"host": str(SERVERS), "user": "vobroker", "autocommit": True}
    try:
        server = psycopg.connect(dbname="postgres", **here)
    except psycopg.OperationalError as error:
        raise SystemExit(f"no PostgreSQL: {error}\nscripts/servers.sh start starts one") from None
    with server:
        new = not server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchall()
        if new:
            server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            with psycopg.connect(dbname=name, **here) as db:
                db.execute("CREATE EXTENSION IF NOT EXISTS q3c")
            yield f"postgresql://vobroker@/{name}?host={quote(str(SERVERS), safe='')}", new
        except BaseException:
            keep = keep and not new  # what is half filled is of no use
            raise
        finally:
            if not keep:
                server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def server(url: str, count: int, truth: Path, *, scattered: bool = False) -> None:
    """Make an archive in a database, and the file with the truth about it.

    Its indexes are taken away and made again behind the rows, as one does for a bulk load, and the tables are
    analysed, which autovacuum does in an archive that grows.
    """
    open_archive(url).close()
    with psycopg.connect(url, autocommit=True) as db:
        made_again = _without_indexes(db)
        copying = Connection(Server(url))
        for rows in _watched(f"{count:,} alerts into PostgreSQL", count, truth, scattered=scattered):
            for name in TABLES:
                copying.append(name, getattr(rows, name))
        copying.close()
        db.execute("SET maintenance_work_mem = '1GB'")
        for statement in made_again:
            db.execute(statement)
        for name in TABLES:
            db.execute(sql.SQL("VACUUM (ANALYZE, FREEZE) {}").format(sql.Identifier(name)))


def _without_indexes(db: psycopg.Connection) -> list[str]:
    """Drop the indexes and keys of the tables; give the statements that make them again."""
    keys = db.execute(
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conrelid = ANY(%s::regclass[]) AND contype IN ('p', 'u')",
        [list(TABLES)],
    ).fetchall()
    for table, name, _ in keys:
        db.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
    indexes = db.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY(%s)", [list(TABLES)]
    ).fetchall()
    for name, _ in indexes:
        db.execute(f'DROP INDEX "{name}"')
    return [
        *(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {text}' for table, name, text in keys),
        *(text for _, text in indexes),
    ]


def _watched(title: str, count: int, truth: Path, *, scattered: bool) -> Iterator[survey.Rows]:
    made = []
    with Progress(transient=True) as progress:
        task = progress.add_task(title, total=count)
        for rows in survey.chunks(count, scattered=scattered):
            yield rows
            made.append(Truth.of(rows))
            progress.advance(task, len(rows.alert))
    Truth.joined(made).save(truth)
