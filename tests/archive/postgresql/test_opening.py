"""What cannot be opened is said in one clear sentence, without the password."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from vobroker.archive import ArchiveError, Server, open_archive, place


def refused(url: str, **options: bool) -> str:
    with pytest.raises(ArchiveError) as caught:
        open_archive(url, **options)
    sentence = str(caught.value)
    assert "secret" not in sentence
    assert "\n" not in sentence
    return sentence


def test_a_host_that_is_not_there() -> None:
    said = refused("postgresql://me:secret@127.0.0.1:1/alerts")
    assert said.startswith("cannot open the archive postgresql://me@127.0.0.1:1/alerts: ")
    assert "refused" in said


def test_a_database_that_is_not_there(database: str) -> None:
    said = refused(database.replace("vobroker@/", "vobroker:secret@/no_such_"))
    assert "does not exist" in said


def test_a_database_without_an_archive(database: str) -> None:
    for options in ({"read_only": True}, {"create": False}):
        said = refused(database, **options)
        assert said.startswith("there is no archive in postgresql://vobroker@/archive_")
        assert "?" not in said


def test_an_archive_of_a_newer_version(database: str, server: Callable[..., list[tuple[Any, ...]]]) -> None:
    open_archive(database).close()
    server("UPDATE meta SET value = '99' WHERE key = 'format'")
    assert "has archive format 99" in refused(database)


def test_who_only_reads_cannot_write(database: str) -> None:
    open_archive(database).close()
    with (
        open_archive(database, read_only=True) as archive,
        pytest.raises(ArchiveError, match="read-only"),
        archive.transaction() as transaction,
    ):
        transaction.set_positions({("a", 0): 1})


@pytest.fixture
def locked(database: str) -> str:
    """URL of a database for the role that has to give a password, with a place for it."""
    name = "vobroker_password"
    with psycopg.connect(database, autocommit=True) as server:
        if not server.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchall():
            server.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'right secret@/'")
        server.execute("GRANT ALL ON SCHEMA public TO vobroker_password")
    return database.replace("vobroker@", name + "{}@")


def test_a_wrong_password(locked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said that it is wrong, and neither it nor what it might be."""
    why = r'password authentication failed for user "vobroker_password"$'
    told = rf"^cannot open the archive postgresql://vobroker_password@/archive_\w+: .*{why}"
    assert re.search(told, refused(locked.format(":wrong-secret")))
    assert re.search(told, refused(locked.format("") + "&password=wrong-secret"))
    monkeypatch.setenv("PGPASSWORD", "wrong-secret")
    assert re.search(told, refused(locked.format("")))
    monkeypatch.delenv("PGPASSWORD")
    monkeypatch.setenv("PGPASSFILE", "/nowhere")
    assert "no password supplied" in refused(locked.format(""))


def test_the_right_password(locked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_archive(locked.format(":right%20secret%40%2F")) as archive:
        assert "secret" not in archive.place
    monkeypatch.setenv("PGPASSWORD", "right secret@/")
    open_archive(locked.format("")).close()


@pytest.mark.parametrize("password", ["a/secret", "a?secret", "a#secret", "a@b/secret", "a/b?c#secret"])
def test_a_password_that_is_not_written_as_it_must_be(password: str) -> None:
    """The rest of it looks like a host or a database, and would be shown as one."""
    said = refused(f"postgresql://me:{password}@db.example.org/alerts")
    assert said == (
        "cannot open the archive postgresql://me:…: write / ? # and @ in its password as %2F %3F %23 and %40"
    )
    assert "secret" not in repr(Server(f"postgresql://me:{password}@db.example.org/alerts"))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:secret@db.example.org:5433/alerts",
        "postgresql://me@db.example.org:5433/alerts?password=secret",
        "postgresql://me@db.example.org:5433/alerts?sslpassword=sec@ret&password=secret",
        "postgres://me:s%40ecret@db.example.org:5433/alerts",
    ],
)
def test_a_place_is_shown_without_password(url: str) -> None:
    assert "cret" not in f"{place(url)} {place(url)!r}"
    assert "me" in str(place(url))


def test_a_url_without_a_host(database: str) -> None:
    open_archive(database.replace("vobroker@/", "/") + "&user=vobroker").close()
