"""What cannot be opened is said in one clear sentence, without the password."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from vobroker.archive import ArchiveError, open_archive


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


def test_a_url_without_a_host(database: str) -> None:
    open_archive(database.replace("vobroker@/", "/") + "&user=vobroker").close()
