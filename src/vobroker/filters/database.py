"""The file beside an archive that holds the filters of users, and what filters cost: a small SQLite database.

Any number of processes read and change it; a change is there as a whole or not at all.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FILE = "filters.sqlite"
"""Name of the file beside an archive's other files."""

PATIENCE = 20.0
"""Seconds that a change waits for those of others."""

_TABLES = """
CREATE TABLE IF NOT EXISTS entry (
    number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, owner TEXT NOT NULL, role TEXT NOT NULL,
    version TEXT NOT NULL, text TEXT, by TEXT NOT NULL, at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS entry_name ON entry (name);
CREATE TABLE IF NOT EXISTS cost (
    filter TEXT NOT NULL, version TEXT NOT NULL, night INTEGER NOT NULL, batches INTEGER NOT NULL,
    alerts INTEGER NOT NULL, seconds REAL NOT NULL, failed INTEGER NOT NULL, paused INTEGER NOT NULL,
    state TEXT NOT NULL, reason TEXT NOT NULL, at TEXT NOT NULL, PRIMARY KEY (filter, version, night)
);
"""


class DatabaseError(Exception):
    """A file that cannot be read or written, with the reason in one sentence."""


@contextmanager
def changing(files: Path) -> Iterator[sqlite3.Connection]:
    """Change the database: all of the block, or nothing when it raises. It is made where it is not there.

    Parameters
    ----------
    files
        Folder of what goes with an archive.

    Raises
    ------
    DatabaseError
        If it cannot be written.
    """
    file = files / FILE
    try:
        files.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(file, timeout=PATIENCE, isolation_level=None)
        try:
            connection.executescript(_TABLES)
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            connection.execute("COMMIT")
        finally:
            connection.close()
    except (sqlite3.Error, OSError) as error:
        raise DatabaseError(f"cannot write {file}: {error}") from error


def ask(files: Path, sql: str, *parameters: object) -> list[sqlite3.Row]:
    """Run a query; nothing is found where there is no database.

    Raises
    ------
    DatabaseError
        If it cannot be read.
    """
    file = files / FILE
    if not file.exists():
        return []
    try:
        # Its address is a URI so that asking never makes it; what SQLite reads as more is written %XX.
        connection = sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", timeout=PATIENCE, uri=True)
        try:
            connection.row_factory = sqlite3.Row
            return connection.execute(sql, parameters).fetchall()
        finally:
            connection.close()
    except sqlite3.Error as error:
        if "no such table" in str(error):  # it is being made
            return []
        raise DatabaseError(f"cannot read {file}: {error}") from error
