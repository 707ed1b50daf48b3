"""Archives in databases of their own on a real PostgreSQL, which ``scripts/servers.sh start`` starts."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from tests.adql.platforms.engines import SERVERS

from vobroker.archive import Archive, open_archive

HERE = {"host": str(SERVERS), "user": "vobroker", "autocommit": True}


@contextmanager
def fresh_database(*extensions: str) -> Iterator[str]:
    """Make a database; it is dropped at the end with all who are still in it.

    Yields
    ------
    str
        Its URL.
    """
    name = f"archive_{secrets.token_hex(6)}"
    with psycopg.connect(dbname="postgres", **HERE) as server:
        # A locale with rules of its own: order by code point must not depend on the server's.
        server.execute(f"CREATE DATABASE {name} TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'")
        try:
            with psycopg.connect(dbname=name, **HERE) as connection:
                for extension in extensions:
                    connection.execute(f"CREATE EXTENSION {extension}")
            yield f"postgresql://vobroker@/{name}?host={quote(str(SERVERS), safe='')}"
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database() -> Iterator[str]:
    """URL of an empty database with the extension q3c."""
    with fresh_database("q3c") as url:
        yield url


@pytest.fixture(scope="module")
def module_database() -> Iterator[str]:
    """URL of an empty database that the tests of a file share."""
    with fresh_database("q3c") as url:
        yield url


@pytest.fixture
def archive(database: str) -> Iterator[Archive]:
    """An empty archive on PostgreSQL."""
    with open_archive(database) as opened:
        yield opened


@pytest.fixture(params=["folder", "postgresql"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Archive]:
    """An empty archive, of the one kind and of the other."""
    where: Any = tmp_path / "archive" if request.param == "folder" else request.getfixturevalue("database")
    with open_archive(where) as opened:
        yield opened


@pytest.fixture
def server(database: str) -> Iterator[Callable[..., list[tuple[Any, ...]]]]:
    """Ask the database of the archive past vobroker."""
    with psycopg.connect(database, autocommit=True) as connection:

        def ask(sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
            with psycopg.RawCursor(connection) as cursor:
                cursor.execute(sql, parameters)
                return cursor.fetchall() if cursor.description else []

        yield ask
