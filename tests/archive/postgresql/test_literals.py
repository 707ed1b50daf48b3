"""No value breaks out of its literal: the server gives each back as it was, and what stands beside it too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vobroker.archive import ArchiveError
from vobroker.archive.places import Server
from vobroker.archive.postgresql.connection import Connection
from vobroker.archive.postgresql.literals import bound, literal

TYPES = {str: "text", bytes: "bytea", float: "float8", datetime: "timestamp", int: "numeric", bool: "boolean"}

SHARP = st.text(st.sampled_from("'\"\\$?1;-/*%{}E\n\t\ré\u2019\uff07\U0001f52d "), max_size=30)
WHOLE = st.integers(-(2**63), 2**63 - 1)
TEXT = SHARP | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=50)
TIMES = st.datetimes().map(lambda time: time.replace(fold=0))
VALUES = st.one_of(st.none(), st.booleans(), WHOLE, st.floats(), TEXT, st.binary(max_size=50), TIMES)
LISTS = st.one_of(
    *(st.lists(one | st.none(), max_size=6) for one in (TEXT, WHOLE, st.floats())),
    *(st.lists(one, max_size=6) for one in (st.booleans(), st.binary(max_size=9), TIMES)),
)


@pytest.fixture(scope="module")
def db(module_database: str) -> Iterator[Connection]:
    connection = Connection(Server(module_database))
    yield connection
    connection.close()


def place(value: Any) -> str:
    """Write the place of a value with the type that a column would give it."""
    return f"CAST(? AS {'bigint' if type(value) is int else TYPES.get(type(value), 'text')})"


def same(one: Any, other: Any) -> bool:
    return repr(one) == repr(other)  # NaN is NaN, and 0.0 is not -0.0


@given(values=st.lists(VALUES, min_size=1, max_size=8), between=SHARP)
@example(values=["'; DROP TABLE alert; --", "\\'; SELECT 1 --", "$1 ? ''", "\\"], between="'?")
@example(
    values=["x' || (SELECT 'y') || '", b"\\x00'", float("nan"), float("-inf"), -0.0, 5e-324], between='"'
)
@example(values=[-(2**63), 2**63 - 1, -1, True, False, None, "", b""], between="$1")
def test_every_value_comes_back_and_so_does_what_stands_around_it(
    db: Connection, values: list[Any], between: str
) -> None:
    quoted = between.replace("'", "''")
    asked = ", ".join(f"{place(value)} AS v{n}, '{quoted}' AS b{n}" for n, value in enumerate(values))
    (row,) = db.ask(f"SELECT {asked}, 7 AS last", values).to_pylist()
    found = list(row.values())
    assert found[-1] == 7
    assert set(found[1:-1:2]) == {between}
    assert all(map(same, found[:-1:2], values)), (found[:-1:2], values)


@given(values=LISTS)
@example(values=["a,b", "{}", 'NULL"', None, "'", "\\"])
def test_every_list_comes_back(db: Connection, values: list[Any]) -> None:
    found = db.ask("SELECT value FROM unnest(?) WITH ORDINALITY AS t(value, n) ORDER BY n", [values])
    assert all(map(same, found["value"].to_pylist(), values))
    assert found.num_rows == len(values)


@given(values=st.lists(TEXT, min_size=1, max_size=5), data=st.data())
def test_numbered_places_take_each_value_as_often_as_it_is_named(
    db: Connection, values: list[str], data: st.DataObject
) -> None:
    order = data.draw(st.lists(st.integers(1, len(values)), min_size=1, max_size=8))
    asked = ", ".join(f'CAST(${number} AS text) AS "${n}?"' for n, number in enumerate(order))
    (row,) = db.ask(f"SELECT {asked}", values).to_pylist()
    assert list(row.values()) == [values[number - 1] for number in order]


@given(value=TEXT)
def test_a_condition_is_met_by_the_value_alone(db: Connection, value: str) -> None:
    found = db.ask("SELECT count(*) AS n FROM (VALUES (?), (? || 'x')) AS t(v) WHERE v = ?", [value] * 3)
    assert found["n"][0].as_py() == 1


@given(value=TEXT)
def test_a_statement_takes_it_as_well_as_a_query(db: Connection, value: str) -> None:
    db.do("SELECT set_config('vobroker.tried', ?, false)", [value])
    assert db.ask("SELECT current_setting('vobroker.tried') AS v")["v"][0].as_py() == value


# --- what is refused --------------------------------------------------------------------------------


@given(before=TEXT, after=TEXT)
def test_nul_and_half_characters_are_refused(before: str, after: str) -> None:
    with pytest.raises(ArchiveError, match="the character NUL"):
        literal(f"{before}\0{after}")
    with pytest.raises(ArchiveError, match=re.escape("half a character (U+D800)")):
        literal([f"{before}\ud800{after}"])


@pytest.mark.parametrize("value", [1j, object(), {"a": 1}, {1}, datetime])
def test_what_has_no_literal_is_refused(value: Any) -> None:
    with pytest.raises(ArchiveError, match="there is no SQL literal for a"):
        literal(value)


@pytest.mark.parametrize(
    ("sql", "parameters"), [("SELECT ?, ?", [1]), ("SELECT $2", [1]), ("SELECT $0", [1, 2])]
)
def test_a_place_without_a_value_is_refused(sql: str, parameters: list[int]) -> None:
    with pytest.raises(ValueError, match=rf"there is no parameter \d of {len(parameters)}"):
        bound(sql, parameters)


def test_times_with_a_zone_are_written_in_utc() -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert literal(noon) == literal(noon.astimezone(UTC)) == "'2026-03-01 06:30:00'::timestamp"


@given(values=st.lists(VALUES, max_size=5))
def test_without_a_place_nothing_is_put_in(values: list[Any]) -> None:
    sql = 'SELECT \'a ? b\', "c $1 d", \'it\'\'s ?\', "say ""?"""'
    assert bound(sql, values) == sql
