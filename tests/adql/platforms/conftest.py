"""The same sky in every engine, and a record of what each engine did with which feature."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Generator, Iterator
from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest

from vobroker import adql
from vobroker.adql import AdqlError
from vobroker.adql.features import features
from vobroker.votypes.arrow import schema
from vobroker.votypes.columns import Table

from .engines import ENGINES, Rows
from .sky import AWKWARD, LABELS, LIMITS, make_sky

Run = Callable[[str], Rows]


class Record:
    """What came of the queries: features that gave the right rows, and sentences of refusal."""

    def __init__(self) -> None:
        self.exact: dict[str, set[str]] = defaultdict(set)
        self.refused: dict[str, set[str]] = defaultdict(set)
        self.texts: dict[str, None] = {}
        self.asked: list[tuple[str, frozenset[str]]] = []


RECORD = Record()


@pytest.fixture(scope="session")
def record() -> Record:
    return RECORD


@pytest.fixture(scope="session")
def sky() -> pa.Table:
    return make_sky()


@pytest.fixture(scope="session", params=ENGINES)
def engine(
    request: pytest.FixtureRequest, sky: pa.Table, tables: dict[str, Table]
) -> Iterator[tuple[str, Callable[..., Rows]]]:
    """One engine after the other, with the sky in it."""
    with ENGINES[request.param]() as (load, fetch):
        load(tables["stars"], sky.cast(schema(tables["stars"])))
        load(tables["labels"], LABELS.cast(schema(tables["labels"])))
        load(tables["awkward"], AWKWARD.cast(schema(tables["awkward"])))
        load(tables["limits"], LIMITS.cast(schema(tables["limits"])))
        yield request.param, fetch


@pytest.fixture
def run(engine: tuple[str, Callable[..., Rows]], tables: dict[str, Table]) -> Run:
    """Translate a query and execute it."""
    platform, fetch = engine

    def query(text: str) -> Rows:
        parsed = adql.parse(text)
        checked = adql.check(parsed, tables)
        RECORD.texts[text] = None
        try:
            translation = adql.translate(checked, platform)
        except AdqlError as error:
            if error.code == "unsupported":
                RECORD.refused[platform].add(error.message)
            raise
        RECORD.asked.append((platform, features(parsed)))
        kinds = [column.type for column in checked.columns]
        return [tuple(map(_value, row, kinds)) for row in fetch(translation.sql, translation.parameters)]

    return query


def _value(value: Any, kind: str) -> Any:
    """A value of a driver as the engine with the richest types gives it."""
    if value is None:
        return None
    if kind == "TIMESTAMP" and isinstance(value, str):
        return datetime.fromisoformat(value)
    if kind in ("SMALLINT", "INTEGER", "BIGINT"):
        return int(value)
    return float(value) if kind in ("REAL", "DOUBLE") else value


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Note for the matrix what a test showed; a refusal by name is a right answer of an engine."""
    RECORD.asked.clear()
    try:
        result = yield
    except AdqlError as error:
        if error.code != "unsupported" or "run" not in pyfuncitem.fixturenames:
            raise
        return True
    for platform, used in RECORD.asked:
        RECORD.exact[platform] |= used
    return result
