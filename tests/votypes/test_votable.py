"""The parts of a VOTable, read back by astropy."""

from __future__ import annotations

import datetime
import io
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from astropy.io import votable as astropy_votable
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.votypes.values import VALUES, narrow, same

from vobroker.votypes.arrow import schema, to_arrow
from vobroker.votypes.columns import Column, Table
from vobroker.votypes.literals import read as from_text
from vobroker.votypes.types import EXTENDED, datatype
from vobroker.votypes.votable import NAMESPACE, binary2, element, field, param, tabledata

ALL = Table("all", tuple(Column(name.lower(), name) for name in (
    "BOOLEAN", "SMALLINT", "INTEGER", "BIGINT", "REAL", "DOUBLE", "VARCHAR", "TIMESTAMP", "BLOB"
)))  # fmt: skip

ROWS: list[dict[str, Any]] = [
    {
        "boolean": True,
        "smallint": -32768,
        "integer": 2**31 - 1,
        "bigint": 2**63 - 1,
        "real": 0.1,
        "double": math.pi,
        "varchar": "α Cen & <b>",
        "timestamp": datetime.datetime(2026, 11, 24, 1, 2, 3, 456789),
        "blob": b"\x00\xff",
    },
    dict.fromkeys(ALL.names),
    {
        "boolean": False,
        "smallint": 0,
        "integer": 0,
        "bigint": -(2**63),
        "real": -math.inf,
        "double": 5e-324,
        "varchar": "x",
        "timestamp": datetime.datetime(1999, 12, 31),
        "blob": b"a",
    },
]

both = pytest.mark.parametrize("data", [tabledata, binary2])
Writer = Callable[[pa.Table], str]


def document(table: Table, data: str) -> bytes:
    fields = "".join(field(column) for column in table)
    body = element("TABLE", {}, fields, element("DATA", {}, data))
    return element("VOTABLE", {"version": "1.5", "xmlns": NAMESPACE}, element("RESOURCE", {}, body)).encode()


def read(table: Table, data: str) -> np.ma.MaskedArray:
    parsed = astropy_votable.parse(io.BytesIO(document(table, data)), verify="exception")
    return parsed.get_first_table().array


@both
def test_every_type_comes_back(data: Writer) -> None:
    array = read(ALL, data(pa.Table.from_pylist(ROWS, schema=schema(ALL))))
    for name in ("boolean", "smallint", "integer", "bigint", "double", "varchar"):
        for row in (0, 2):
            assert array[name][row] == ROWS[row][name], name
    assert array["real"][0] == np.float32(0.1)
    assert array["real"][2] == -np.inf
    assert array["timestamp"].tolist()[0] == "2026-11-24T01:02:03.456789"
    assert [list(array["blob"][row]) for row in (0, 2)] == [[0, 255], [97]]


@both
def test_nulls_of_every_type_are_masked(data: Writer) -> None:
    array = read(ALL, data(pa.Table.from_pylist(ROWS, schema=schema(ALL))))
    for name in ("boolean", "smallint", "integer", "bigint", "real", "double"):
        assert array.mask[name].tolist() == [False, True, False], name
    assert array["varchar"].tolist()[1] in (None, "")
    assert array["timestamp"].tolist()[1] in (None, "")


@both
def test_no_rows(data: Writer) -> None:
    assert len(read(ALL, data(schema(ALL).empty_table()))) == 0


ONE = Table("one", (Column("double", "DOUBLE"), Column("real", "REAL"), Column("text", "VARCHAR")))
texts = st.text(
    st.characters(
        max_codepoint=0xFFFF,
        exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"],
        exclude_characters="\ufffe\uffff",
    ),
    min_size=1,
)
rows = st.lists(
    st.tuples(st.floats(allow_nan=False), st.floats(width=32, allow_nan=False), texts),
    min_size=1,
    max_size=20,
)


@both
@given(rows)
def test_numbers_and_text_come_back_to_the_last_bit(
    data: Writer, rows: list[tuple[float, float, str]]
) -> None:
    table = pa.Table.from_pylist([dict(zip(ONE.names, row, strict=True)) for row in rows], schema=schema(ONE))
    array = read(ONE, data(table))
    for name, wanted in zip(ONE.names, zip(*rows, strict=True), strict=True):
        assert array[name].data.tolist() == list(wanted)


def test_nan_is_written_as_votable_spells_it() -> None:
    rows = pa.table({"x": [math.nan, math.inf, -math.inf, None]})
    assert tabledata(rows).split() == [
        "<TABLEDATA>",
        "<TR><TD>NaN</TD></TR>",
        "<TR><TD>+Inf</TD></TR>",
        "<TR><TD>-Inf</TD></TR>",
        "<TR><TD></TD></TR>",
        "</TABLEDATA>",
    ]


def test_characters_that_xml_cannot_hold_are_replaced() -> None:
    assert "<TD>a\ufffdb</TD>" in tabledata(pa.table({"x": ["a\x00b"]}))
    assert 'value="a\ufffdb"' in param(Column("x", "VARCHAR"), "a\x00b")


def test_field_and_param_say_all_that_the_column_knows() -> None:
    column = Column("mag", "REAL", "mag", "phot.mag", "Brightness <AB>", "phot:mag")
    assert field(column, ref="system") == (
        '<FIELD ID="mag" name="mag" datatype="float" unit="mag" ucd="phot.mag" utype="phot:mag" ref="system">'
        "<DESCRIPTION>Brightness &lt;AB&gt;</DESCRIPTION></FIELD>"
    )


@pytest.mark.parametrize(
    ("kind", "value", "attributes"),
    [
        ("BIGINT", 2**63 - 1, 'datatype="long" value="9223372036854775807"'),
        ("DOUBLE", math.nan, 'datatype="double" value="NaN"'),
        ("VARCHAR", "", 'datatype="unicodeChar" arraysize="*" value=""'),
    ],
)
def test_a_param_always_has_a_value(kind: str, value: float | str, attributes: str) -> None:
    assert param(Column("x", kind), value) == f'<PARAM name="x" {attributes}/>'


def _lists(name: str) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.none() | VALUES[name], min_size=1, max_size=4)


@pytest.mark.parametrize("name", EXTENDED)
@both
@settings(max_examples=12, deadline=None)
@given(draw=st.data())
def test_structured_values_come_back_by_their_xtype(data: Writer, name: str, draw: st.DataObject) -> None:
    values = draw.draw(_lists(name).filter(lambda values: plain(name, values)))
    table = Table("one", (Column("x", name),))
    text = document(table, data(pa.table({"x": to_arrow(name, values)})))
    parsed = astropy_votable.parse(io.BytesIO(text), verify="exception").get_first_table()
    kind = datatype(name)
    assert (parsed.fields[0].datatype, parsed.fields[0].arraysize, parsed.fields[0].xtype) == (
        kind.votable,
        kind.arraysize,
        kind.xtype,
    )
    for wanted, found in zip(values, parsed.array["x"], strict=True):
        if wanted is None:
            assert (
                np.all(np.ma.getmaskarray(np.ma.asarray(found))) or not len(np.atleast_1d(found)) or not found
            )
        elif kind.element:
            assert same(narrow(name, tuple(np.asarray(found).tolist())), wanted)
        else:
            assert same(from_text(name, str(found)), wanted)


def plain(name: str, values: list[Any]) -> bool:
    """Whether astropy reads the text back: it has no characters outside the basic plane, and trims."""
    return name != "JSON" or all(v is None or all(ord(c) < 0x10000 for c in v) for v in values)
