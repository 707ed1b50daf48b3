"""Avro 1.11, 'Binary Encoding': what fastavro writes, the compiled loop reads."""

from __future__ import annotations

import io
import math
from typing import Any

import fastavro
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vobroker.alerts.avro import kernel
from vobroker.alerts.avro.program import compile_program, leaves
from vobroker.alerts.avro.read import Columns, Datums, read
from vobroker.alerts.avro.schema import Record, SchemaError, parse_schema

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "boolean": st.booleans(),
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(width=32),
    "double": st.floats(),
    "string": st.text(max_size=20),
    "bytes": st.binary(max_size=40),
}


@st.composite
def types(draw: st.DrawFn, names: list[str], depth: int = 0) -> tuple[Any, st.SearchStrategy[Any]]:
    """A random schema type with the values it takes."""
    kind = draw(
        st.sampled_from(["plain", "plain", "optional", "enum", "fixed", "record", "array", "map", "union"])
    )
    if depth > 2 or kind == "plain":
        name = draw(st.sampled_from(sorted(VALUES)))
        return name, VALUES[name]
    if kind == "enum":
        names.append(f"e{len(names)}")
        return {"type": "enum", "name": names[-1], "symbols": ["g", "r", "i"]}, st.sampled_from(
            ["g", "r", "i"]
        )
    if kind == "fixed":
        names.append(f"f{len(names)}")
        return {"type": "fixed", "name": names[-1], "size": 5}, st.binary(min_size=5, max_size=5)
    if kind == "record":
        return draw(records(names, depth + 1))
    inner, values = draw(types(names, depth + 1))
    if kind == "array":
        return {"type": "array", "items": inner}, st.lists(values, max_size=4)
    if kind == "map":
        return {"type": "map", "values": inner}, st.dictionaries(st.text(max_size=4), values, max_size=3)
    if isinstance(inner, list):
        return inner, values
    if kind == "union":
        branches = ["int", "string", "null"]
        draw(st.randoms(use_true_random=False)).shuffle(branches)
        return branches, st.one_of(st.none(), VALUES["int"], VALUES["string"])
    branches = ["null", inner] if draw(st.booleans()) else [inner, "null"]
    return branches, st.one_of(st.none(), values)


@st.composite
def records(draw: st.DrawFn, names: list[str], depth: int = 0) -> tuple[Any, st.SearchStrategy[Any]]:
    names.append(f"r{len(names)}")
    schema: dict[str, Any] = {"type": "record", "name": names[-1], "fields": []}
    values = {}
    for number in range(draw(st.integers(1, 5))):
        kind, strategy = draw(types(names, depth))
        schema["fields"].append({"name": f"x{number}", "type": kind})
        values[f"x{number}"] = strategy
    return schema, st.fixed_dictionaries(values)


@st.composite
def schemas_with_data(draw: st.DrawFn) -> tuple[Any, list[Any]]:
    schema, values = draw(records([]))
    return schema, draw(st.lists(values, min_size=1, max_size=5))


def encode(schema: Any, rows: list[Any]) -> list[bytes]:
    parsed = fastavro.parse_schema(schema)
    encoded = []
    for row in rows:
        out = io.BytesIO()
        fastavro.schemaless_writer(out, parsed, row)
        encoded.append(out.getvalue())
    return encoded


def run(schema: Any, encoded: list[bytes], wanted: Any = lambda _: True, whole: bool = True) -> Columns:
    node = parse_schema(schema)
    assert isinstance(node, Record)
    datums = Datums()
    for number, datum in enumerate(encoded):
        # A datum lies anywhere in a packet, at any alignment.
        before = b"\xff" * (number % 9)
        datums.add(before + datum + b"\xff", len(before), len(before) + len(datum))
    return read(compile_program(node, wanted, whole=whole), datums)


def at(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        value = None if value is None else value[name]
    return value


def same(ours: Any, theirs: Any) -> bool:
    if isinstance(theirs, float) and math.isnan(theirs):
        return isinstance(ours, float) and math.isnan(ours)
    return bool(ours == theirs)


@settings(max_examples=150)
@given(schemas_with_data())
def test_leaves_are_what_fastavro_reads(case: tuple[Any, list[Any]]) -> None:
    schema, rows = case
    encoded = encode(schema, rows)
    back = [fastavro.schemaless_reader(io.BytesIO(datum), fastavro.parse_schema(schema)) for datum in encoded]
    columns = run(schema, encoded)
    assert not columns.status.any()
    node = parse_schema(schema)
    assert isinstance(node, Record)
    for path, _ in leaves(node):
        for row, ours in zip(back, columns.columns[path].to_pylist(), strict=True):
            assert same(ours, at(row, path)), path


@settings(max_examples=60)
@given(schemas_with_data(), st.randoms(use_true_random=False))
def test_a_choice_of_columns_is_the_same_columns(case: tuple[Any, list[Any]], chance: Any) -> None:
    schema, rows = case
    encoded = encode(schema, rows)
    everything = run(schema, encoded).columns
    chosen = {path for path in everything if chance.random() < 0.5}
    fewer = run(schema, encoded, wanted=chosen.__contains__, whole=False).columns
    assert set(fewer) == chosen
    for path in chosen:
        assert all(map(same, fewer[path].to_pylist(), everything[path].to_pylist()))


HISTORY = {
    "type": "record",
    "name": "alert",
    "fields": [
        {"name": "id", "type": "long"},
        {
            "name": "history",
            "type": [
                "null",
                {
                    "type": "array",
                    "items": {
                        "type": "record",
                        "name": "source",
                        "fields": [
                            {"name": "flux", "type": ["null", "float"]},
                            {"name": "good", "type": ["null", "boolean"]},
                            {"name": "band", "type": "string"},
                        ],
                    },
                },
            ],
        },
        {"name": "last", "type": "double"},
    ],
}


def history(*lengths: int) -> list[dict[str, Any]]:
    return [
        {
            "id": number,
            "history": [
                {
                    "flux": None if n % 3 == 0 else n / 2,
                    "good": [None, True, False][n % 3],
                    "band": "ugrizy"[n % 6],
                }
                for n in range(length)
            ],
            "last": float(number),
        }
        for number, length in enumerate(lengths)
    ]


def test_items_of_arrays_know_their_datum() -> None:
    rows = history(3, 0, 70)
    rows[1]["history"] = None
    columns = run(HISTORY, encode(HISTORY, rows))
    items = columns.items["history",]
    assert items.offsets.tolist() == [0, 3, 3, 73]
    assert items.owners.tolist() == [0] * 3 + [2] * 70
    flat = [point for row in rows for point in row["history"] or []]
    for name in ("flux", "good", "band"):
        assert items.columns["history", name].to_pylist() == [point[name] for point in flat]


def test_blocks_may_tell_their_size() -> None:
    """A negative count comes with the block's size in bytes ('Arrays')."""
    item = b"\x00\x00\x02g"  # null flux, null good, "g"
    block = b"\x03" + bytes([2 * 2 * len(item)]) + 2 * item  # zig-zag of -2, then the size
    datum = b"\x02" + b"\x02" + block + b"\x02" + item + b"\x00" + bytes(8)
    columns = run(HISTORY, [datum])
    assert columns.status.tolist() == [kernel.OK]
    assert columns.items["history",].columns["history", "band"].to_pylist() == ["g"] * 3
    skipped = run(HISTORY, [datum], wanted=lambda path: path == ("last",))
    assert skipped.status.tolist() == [kernel.OK]


def test_a_damaged_datum_leaves_no_trace_in_the_next() -> None:
    first, broken, last = encode(HISTORY, history(5, 40, 6))
    alone = run(HISTORY, [first, last])
    for cut in range(1, len(broken)):
        mixed = run(HISTORY, [first, broken[:cut], last])
        assert mixed.status.tolist() in ([0, kernel.TRUNCATED, 0], [0, kernel.BAD_COUNT, 0]), cut
        assert mixed.items["history",].offsets.tolist() == [0, 5, 5, 11]
        for path, column in alone.items["history",].columns.items():
            assert mixed.items["history",].columns[path].equals(column), (cut, path)


@pytest.mark.parametrize(
    ("datum", "status"),
    [
        (b"", kernel.TRUNCATED),
        (b"\xff" * 10, kernel.BAD_VARINT),
        (b"\x02\x08", kernel.BAD_BRANCH),
        (b"\x02\x02" + b"\xfe" * 4 + b"\x01" + b"\x00" * 9, kernel.BAD_COUNT),
        (b"\x02\x02" + b"\xff" * 9 + b"\x01" + b"\x02\x00", kernel.BAD_COUNT),  # the least int64
        (b"\x02\x02\x02\x00\x00\x01", kernel.BAD_LENGTH),
        (b"\x02\x00" + bytes(9), kernel.LEFTOVER),
        (b"\x02\x02\x02\x00\x00\xfe\xff\xff\xff\x0f", kernel.TRUNCATED),
    ],
)
def test_each_damage_has_its_name(datum: bytes, status: int) -> None:
    assert run(HISTORY, [datum]).status.tolist() == [status]
    assert run(HISTORY, [datum], wanted=lambda _: False).status.tolist()[0] != kernel.OK
    assert status in kernel.PROBLEMS


@settings(max_examples=100)
@given(schemas_with_data(), st.data())
def test_every_walk_of_a_damaged_datum_ends_alike(case: tuple[Any, list[Any]], draw: st.DataObject) -> None:
    """What is skipped follows the same rules as what is kept: a datum is good for all or for none."""
    schema, rows = case
    damaged = []
    for datum in encode(schema, rows):
        changed = bytearray(datum)
        for _ in range(draw.draw(st.integers(0, 3))):
            if changed:
                where = draw.draw(st.integers(0, len(changed) - 1))
                changed[where] = draw.draw(st.integers(0, 255))
        damaged.append(bytes(changed))
    kept = run(schema, damaged)
    skipped = run(schema, damaged, wanted=lambda _: False)
    assert (kept.status == 0).tolist() == (skipped.status == 0).tolist()
    for column in kept.columns.values():
        column.validate(full=True)
    for walk in (kept, skipped):
        assert (walk.where <= [len(datum) for datum in damaged]).all()


def test_a_block_that_lies_about_its_size_is_damaged_in_every_walk() -> None:
    datum = b"\x02" + b"\x02" + b"\x03\x0a" + b"hello" + b"\x00" + bytes(8)
    for wanted in (lambda _: True, lambda _: False):
        assert run(HISTORY, [datum], wanted=wanted).status.tolist() != [kernel.OK]


def test_times_outside_the_calendar_are_null() -> None:
    schema = {
        "type": "record",
        "name": "a",
        "fields": [
            {"name": "ms", "type": {"type": "long", "logicalType": "timestamp-millis"}},
            {"name": "us", "type": ["null", {"type": "long", "logicalType": "timestamp-micros"}]},
        ],
    }
    plain = {**schema, "fields": [{"name": "ms", "type": "long"}, {"name": "us", "type": ["null", "long"]}]}
    last, first = 253_402_300_800, -62_135_596_800
    rows = [
        {"ms": ms, "us": us}
        for ms, us in (
            (2**63 - 1, -(2**63)),
            (last * 1000, last * 1_000_000),
            (last * 1000 - 1, first * 1_000_000),
            (0, None),
        )
    ]
    columns = run(schema, encode(plain, rows)).columns
    assert [moment is None for moment in columns["ms",].to_pylist()] == [True, True, False, False]
    assert [moment is None for moment in columns["us",].to_pylist()] == [True, True, False, True]


def test_the_place_of_the_damage_is_told() -> None:
    (datum,) = encode(HISTORY, history(2))
    columns = run(HISTORY, [datum[:-3]])
    assert columns.where.tolist() == [len(datum) - 8]


@settings(max_examples=200)
@given(st.lists(st.binary(max_size=60), min_size=1, max_size=4))
def test_any_bytes_are_read_or_refused(datums: list[bytes]) -> None:
    columns = run(HISTORY, datums)
    assert set(columns.status.tolist()) <= {kernel.OK, *kernel.PROBLEMS}
    assert (columns.where >= 0).all()
    assert (columns.where <= [len(datum) for datum in datums]).all()


def test_text_that_is_not_utf8_is_shown_as_such() -> None:
    datum = b"\x02\x02\x02\x00\x00\x04\xff\xfe\x00" + bytes(8)
    assert run(HISTORY, [datum]).items["history",].columns["history", "band"].to_pylist() == ["\ufffd\ufffd"]


def test_items_that_take_no_bytes_are_refused() -> None:
    schema = {
        "type": "record",
        "name": "a",
        "fields": [{"name": "x", "type": {"type": "array", "items": "null"}}],
    }
    with pytest.raises(SchemaError, match="take no bytes"):
        run(schema, [b"\xfe\xff\xff\xff\xff\x0f\x00"])


def test_an_unknown_symbol_is_null() -> None:
    schema = {
        "type": "record",
        "name": "a",
        "fields": [{"name": "x", "type": {"type": "enum", "name": "E", "symbols": ["g", "r"]}}],
    }
    assert run(schema, [b"\x02", b"\x04", b"\x01"]).columns["x",].to_pylist() == ["r", None, None]


def test_memory_stays_within_seventeen_times_the_input() -> None:
    """An item's columns take at most 16 bytes and a bit for each byte of the item."""
    fields = [{"name": f"s{n}", "type": "string"} for n in range(50)]
    schema = {
        "type": "record",
        "name": "a",
        "fields": [
            {
                "name": "x",
                "type": {"type": "array", "items": {"type": "record", "name": "i", "fields": fields}},
            }
        ],
    }
    items = 20_000
    count = np.uint64(items << 1)
    varint = bytearray()
    while count > 127:
        varint.append(int(count & np.uint64(127)) | 128)
        count >>= np.uint64(7)
    varint.append(int(count))
    datum = bytes(varint) + bytes(50 * items) + b"\0"
    columns = run(schema, [datum]).items["x",].columns
    assert sum(column.nbytes for column in columns.values()) <= 17 * len(datum)
