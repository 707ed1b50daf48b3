"""Values of every type go through every format and come back, or become what the page on formats says."""

from __future__ import annotations

import io
import json
import re
import warnings
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from astropy.table import Table
from astropy.utils.exceptions import AstropyUserWarning
from hypothesis import given, settings
from tests.tap.formats.results import EVERY, Values, results, written
from tests.votypes.values import narrow, same

from vobroker.votypes import literals
from vobroker.votypes.arrow import from_arrow, to_arrow
from vobroker.votypes.types import datatype

ABSENT = {"SMALLINT": -(2**15), "INTEGER": -(2**31), "BIGINT": -(2**63)}
NOT_XML = "[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]"


def few(examples: int = 25) -> Any:
    return settings(max_examples=examples, deadline=None)


@pytest.mark.parametrize("form", ["arrow", "parquet"])
@few()
@given(result=results())
def test_arrow_and_parquet_keep_every_value(form: str, result: tuple[Values, list[pa.RecordBatch]]) -> None:
    values, batches = result
    content = written(form, batches)
    table = pa.ipc.open_stream(content).read_all() if form == "arrow" else pq.read_table(io.BytesIO(content))
    assert table.num_rows == len(values["DOUBLE"])
    for column, (name, wanted) in zip(table.columns, values.items(), strict=True):
        sent = from_arrow(name, to_arrow(name, wanted))  # a REAL has the digits of a REAL
        assert same(tuple(from_arrow(name, column.combine_chunks())), tuple(sent)), name


@few()
@given(result=results())
def test_json(result: tuple[Values, list[pa.RecordBatch]]) -> None:
    values, batches = result
    document = json.loads(written("json", batches))
    assert [column["type"] for column in document["columns"]] == list(values)
    for column in EVERY:
        found = [row[column.name] for row in document["rows"]]
        wanted = [in_json(column.type, value) for value in values[column.type]]
        assert [narrow_json(column.type, value) for value in found] == wanted, column.type


def in_json(name: str, value: Any) -> Any:
    kind = datatype(name)
    if value is None or (isinstance(value, float) and not np.isfinite(value)):
        return None
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return str(value) if name == "BIGINT" else value
    if isinstance(value, float):
        return value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC)
    if kind.element:
        return [in_json(kind.element, element) for element in value]
    return literals.write(name, value)


def narrow_json(name: str, value: Any) -> Any:
    if name == "TIMESTAMP" and value is not None:
        return datetime.fromisoformat(value)
    if isinstance(value, list):
        return [narrow_json(datatype(name).element, element) for element in value]
    return narrow(name, value) if name == "REAL" else value


@pytest.mark.parametrize(("form", "separator"), [("csv", ","), ("tsv", "\t")])
@few()
@given(result=results())
def test_csv_and_tsv_tell_nulls_from_empty_texts(
    form: str, separator: str, result: tuple[Values, list[pa.RecordBatch]]
) -> None:
    values, batches = result
    content = written(form, batches)
    options = pa.csv.ConvertOptions(
        column_types={column.name: pa.string() for column in EVERY},
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    layout = pa.csv.ParseOptions(delimiter=separator, newlines_in_values=True)
    table = pa.csv.read_csv(io.BytesIO(content), parse_options=layout, convert_options=options)
    for column, (name, wanted) in zip(table.columns, values.items(), strict=True):
        for found, value in zip(column.to_pylist(), wanted, strict=True):
            if value is None or found is None:
                assert found is value, name
            elif name in ("VARCHAR", "JSON"):
                assert found == value
            elif name == "BLOB":
                assert bytes.fromhex(found) == value
            else:
                assert same(narrow(name, literals.read(name, found)), value), name


def cell(name: str, found: Any) -> Any:
    """Make of what astropy gives a value, and None of what stands for none."""
    if found is np.ma.masked or (isinstance(found, str) and not found):
        return None
    if isinstance(found, np.ndarray):
        elements = [cell(name, element) for element in np.ma.asarray(found)]
        if name == "BLOB":
            return bytes(elements) or None
        return None if all(element is None for element in elements) else tuple(elements)
    value = found.item() if isinstance(found, np.generic) else found
    return None if isinstance(value, float) and np.isnan(value) else value


def in_table(name: str, value: Any, *, magic: bool) -> Any:
    """Make of a value what a format has it as that knows numbers and texts."""
    kind = datatype(name)
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return None
    if magic and value == ABSENT.get(name):
        return None
    if isinstance(value, int | float):
        return value
    if isinstance(value, bytes):
        return value or None
    if kind.element:
        elements = tuple(in_table(kind.element, element, magic=magic) for element in value)
        return None if all(element is None for element in elements) else elements
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds")
    return (value if isinstance(value, str) else literals.write(name, value)) or None


@pytest.mark.parametrize("form", ["votable/td", "votable/b2", "votable/b"])
@few()
@given(result=results())
def test_votable(form: str, result: tuple[Values, list[pa.RecordBatch]]) -> None:
    values, batches = result
    table = Table.read(io.BytesIO(written(form, batches)), format="votable")
    for column, (name, wanted) in zip(table.itercols(), values.items(), strict=True):
        assert len(column) == len(wanted)
        for found, value in zip(column, wanted, strict=True):
            expected = in_table(name, value, magic=form == "votable/b")
            if form == "votable/td" and isinstance(expected, str):
                # Text of XML: what it cannot hold is replaced, and astropy takes blanks from the ends.
                expected = re.sub(NOT_XML, "\ufffd", expected).strip(" \t\r\n") or None
            assert narrow(name, cell(name, found)) == expected, name


@few()
@given(result=results())
def test_fits(result: tuple[Values, list[pa.RecordBatch]]) -> None:
    values, batches = result
    with warnings.catch_warnings():
        # astropy says that it makes False of a truth that is not known.
        warnings.simplefilter("ignore", AstropyUserWarning)
        table = Table.read(io.BytesIO(written("fits", batches)), format="fits")
    for column, (name, wanted) in zip(table.itercols(), values.items(), strict=True):
        assert len(column) == len(wanted)
        magic = None in wanted and not (datatype(name).element and datatype(name).arraysize == "*")
        for found, value in zip(column, wanted, strict=True):
            expected = in_table(name, value, magic=magic)
            if name == "BOOLEAN":
                expected = bool(expected)
            if isinstance(expected, str):
                expected = re.sub("[^ -~]", "?", expected).rstrip() or None
            assert narrow(name, cell(name, found)) == expected, name
