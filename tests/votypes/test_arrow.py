"""Arrow schemas from column metadata."""

from __future__ import annotations

import io
import subprocess
import sys

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet
from tests.votypes.values import NAMES, VALUES, same

from vobroker.votypes.arrow import data_type, from_arrow, schema, to_arrow
from vobroker.votypes.columns import Column, Table
from vobroker.votypes.types import TYPES, datatype

SKY = Table(
    "sky",
    (Column("ra", "DOUBLE", "deg", "pos.eq.ra", "Right ascension", "stc:ra"), Column("n", "BIGINT")),
    "A sky",
)


def test_a_field_carries_what_the_column_knows() -> None:
    field = schema(SKY).field("ra")
    assert field.type == pa.float64()
    assert field.metadata == {
        b"unit": b"deg",
        b"ucd": b"pos.eq.ra",
        b"description": b"Right ascension",
        b"utype": b"stc:ra",
    }
    assert not schema(SKY).field("n").metadata


def test_the_schema_carries_the_table() -> None:
    assert schema(SKY).names == ["ra", "n"]
    assert schema(SKY).metadata == {b"name": b"sky", b"description": b"A sky"}


def test_every_type_of_the_type_table_is_an_arrow_type() -> None:
    fields = schema(Table("all", tuple(Column(name.lower(), name) for name in TYPES)))
    assert [str(field.type) for field in fields] == [row.arrow for row in TYPES.values()]


def test_types_and_columns_need_no_package() -> None:
    """The ADQL toolkit installs without pyarrow and numpy."""
    code = (
        "import sys, vobroker.votypes.columns, vobroker.votypes.databases, vobroker.votypes.literals\n"
        "print([name for name in ('pyarrow', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_values_of_every_type_come_back_from_arrow(name: str, data: st.DataObject) -> None:
    values = data.draw(st.lists(st.none() | VALUES[name], max_size=5))
    array = to_arrow(name, values)
    array.validate(full=True)
    assert array.type == data_type(datatype(name))
    assert all(map(same, from_arrow(name, array), values))


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_values_of_every_type_come_back_from_parquet(name: str, data: st.DataObject) -> None:
    """Parquet keeps the Arrow schema, and with it the extension types."""
    values = data.draw(st.lists(st.none() | VALUES[name], min_size=1, max_size=5))
    file = io.BytesIO()
    parquet.write_table(pa.table({"x": to_arrow(name, values)}), file)
    array = parquet.read_table(file).column("x").combine_chunks()
    assert all(map(same, from_arrow(name, array), values))
