"""Arrow schemas from column metadata."""

from __future__ import annotations

import subprocess
import sys

import pyarrow as pa

from vobroker.votypes.arrow import schema
from vobroker.votypes.columns import Column, Table
from vobroker.votypes.types import TYPES

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
        "import sys, vobroker.votypes.columns, vobroker.votypes.types\n"
        "print([name for name in ('pyarrow', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
