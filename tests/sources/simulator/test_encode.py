"""Columns to Avro records, held against fastavro."""

from __future__ import annotations

import io

import fastavro
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vobroker.sources.simulator.encode import RecordEncoder, text, varint

SCHEMA = fastavro.parse_schema(
    {
        "type": "record",
        "name": "r",
        "fields": [
            {"name": "id", "type": "long"},
            {"name": "flag", "type": "boolean"},
            {"name": "flux", "type": ["null", "float"]},
            {"name": "time", "type": "double"},
            {"name": "count", "type": ["null", "int"]},
            {"name": "name", "type": ["null", "string"]},
            {"name": "absent", "type": ["null", "double"]},
            {"name": "when", "type": ["null", {"type": "long", "logicalType": "timestamp-micros"}]},
        ],
    }
)
ENCODER = RecordEncoder(SCHEMA)


def decoded(data: bytes) -> dict:
    stream = io.BytesIO(data)
    record = fastavro.schemaless_reader(stream, SCHEMA)
    assert stream.read() == b""
    return record


LONGS = st.integers(-(2**63), 2**63 - 1)


@given(LONGS)
def test_varint_is_what_fastavro_writes(value):
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, "long", value)
    assert varint(value) == stream.getvalue()


@given(
    st.lists(
        st.tuples(
            LONGS,
            st.booleans(),
            st.one_of(st.none(), st.floats(width=32, allow_nan=False)),
            st.floats(allow_nan=False),
            st.one_of(st.none(), st.integers(-(2**31), 2**31 - 1)),
            st.one_of(st.none(), st.text("abcdé 0", max_size=12)),
        ),
        max_size=8,
    )
)
def test_columns_come_back_as_the_records_they_were(records):
    ids, flags, fluxes, times, counts, names = zip(*records, strict=True) if records else [()] * 6

    def masked(values, filler, dtype):
        mask = [value is None for value in values]
        filled = [filler if value is None else value for value in values]
        return np.ma.masked_array(np.array(filled, dtype), mask)

    columns = {
        "id": np.array(ids, np.int64),
        "flag": np.array(flags, bool),
        "flux": np.array([np.nan if flux is None else flux for flux in fluxes], np.float64),
        "time": np.array(times, np.float64),
        "count": masked(counts, 0, np.int64),
        "name": masked(names, "", "U12"),
        "when": 5,
    }
    rows = ENCODER.encode(columns, len(records)).split()
    got = [decoded(row) for row in rows]
    assert [tuple(record.values())[:6] for record in got] == records
    assert all(record["absent"] is None and record["when"].microsecond == 5 for record in got)


def test_a_column_of_one_value_is_that_value_in_every_row():
    columns = {"id": 7, "flag": True, "flux": 1.5, "time": 2.5, "count": -3, "name": "M 31"}
    rows = ENCODER.encode(columns, 3).split()
    assert len(rows) == 3
    assert decoded(rows[2]) | {"when": None} == columns | {"absent": None, "when": None}


def test_a_field_that_may_not_be_null_needs_a_value():
    with pytest.raises(ValueError, match=r"r\.time may not be null"):
        ENCODER.encode({"id": 1, "flag": False}, 1)


def test_text_has_its_length_in_bytes():
    assert text("é") == b"\x04\xc3\xa9"
