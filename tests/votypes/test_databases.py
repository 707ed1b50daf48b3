"""Values of every type through real databases, and the same afterwards."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.adql.platforms.engines import ENGINES, Fetch, Load
from tests.votypes.values import NAMES, VALUES, narrow, same

from vobroker.votypes.arrow import to_arrow
from vobroker.votypes.columns import Column, Table
from vobroker.votypes.databases import DATABASES, LACKS, from_database, stored

EXECUTED = ("duckdb", "postgresql", "sqlite", "mariadb", "spark")


@pytest.fixture(scope="module", params=EXECUTED)
def engine(request: pytest.FixtureRequest) -> Iterator[tuple[str, Load, Fetch]]:
    with ENGINES[request.param]() as (load, fetch):
        yield request.param, load, fetch


def kept(engine: str, value: Any) -> Any:
    """What the engine can hold of a value: all but what LACKS says."""
    if isinstance(value, float) and engine in ("sqlite", "mariadb"):
        nowhere = math.isnan(value) or (engine == "mariadb" and math.isinf(value))
        return None if nowhere else value + 0.0
    return None if engine == "postgresql" and isinstance(value, str) and "\x00" in value else value


def test_every_value_of_every_type_comes_back(engine: tuple[str, Load, Fetch]) -> None:
    name, load, fetch = engine
    columns = tuple(Column(f"c{number}", kind) for number, kind in enumerate(NAMES))

    @settings(
        max_examples=60,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=[
            HealthCheck.too_slow,
            HealthCheck.data_too_large,
            HealthCheck.large_base_example,
        ],
    )
    @given(st.tuples(*(VALUES[kind] for kind in NAMES)))
    def collect(row: tuple[Any, ...]) -> None:
        rows.append([kept(name, value) for value in row])

    rows: list[list[Any]] = [[None] * len(columns)]
    collect()
    assert len(rows) > 50
    arrays = [to_arrow(kind, [row[n] for row in rows]) for n, kind in enumerate(NAMES)]
    numbers = pa.array(range(len(rows)), pa.int32())
    table = Table("everything", (Column("position", "INTEGER"), *columns))
    load(table, pa.table([numbers, *arrays], names=list(table.names)))
    quote = "`" if name in ("mariadb", "spark") else '"'
    names = ", ".join(f"{quote}{column.name}{quote}" for column in columns)
    if name == "mariadb":  # the server shows six digits of a FLOAT
        names = names.replace(f"`c{NAMES.index('REAL')}`", f"CAST(`c{NAMES.index('REAL')}` AS DOUBLE)")
    back = fetch(f"SELECT {names} FROM everything ORDER BY position", [])
    assert len(back) == len(rows)
    for given_row, found in zip(rows, back, strict=True):
        for kind, wanted, value in zip(NAMES, given_row, found, strict=True):
            assert same(narrow(kind, from_database(kind, name, value)), wanted), kind


@pytest.mark.parametrize("engine", DATABASES)
def test_every_engine_has_a_place_for_every_type(engine: str) -> None:
    assert all(stored(name, engine) for name in NAMES)


def test_what_an_engine_lacks_is_said() -> None:
    assert set(LACKS) <= set(DATABASES)
