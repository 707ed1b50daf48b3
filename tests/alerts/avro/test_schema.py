"""Avro 1.11, 'Schema Declaration'."""

from __future__ import annotations

from typing import Any

import pytest

from vobroker.alerts.avro import kernel
from vobroker.alerts.avro.schema import (
    MAX_DEPTH,
    NULL,
    Array,
    Enum,
    Fixed,
    Map,
    Primitive,
    Record,
    SchemaError,
    Union,
    parse_schema,
)


def record(*fields: dict[str, Any], name: str = "a.alert") -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": list(fields)}


def test_every_kind_of_type() -> None:
    node = parse_schema(
        record(
            {"name": "id", "type": "long", "doc": "identifier"},
            {"name": "band", "type": {"type": "enum", "name": "Band", "symbols": ["g", "r"]}},
            {"name": "hash", "type": {"type": "fixed", "name": "Hash", "size": 16}},
            {"name": "flux", "type": ["null", "float"], "default": None},
            {"name": "history", "type": {"type": "array", "items": "double"}},
            {"name": "notes", "type": {"type": "map", "values": "string"}},
            {"name": "seen", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        )
    )
    assert isinstance(node, Record)
    assert [field.type for field in node.fields] == [
        Primitive("long"),
        Enum(("g", "r")),
        Fixed(16),
        Union((NULL, Primitive("float"))),
        Array(Primitive("double")),
        Map(Primitive("string")),
        Primitive("long", "timestamp-micros"),
    ]
    assert node.fields[0].doc == "identifier"


def test_names_are_found_in_their_namespace_and_in_full() -> None:
    source = record({"name": "ra", "type": "double"}, name="diaSource")
    node = parse_schema(
        {
            **record(
                {"name": "one", "type": source},
                {"name": "other", "type": "diaSource"},
                {"name": "third", "type": ["null", "lsst.v1.diaSource"]},
                name="alert",
            ),
            "namespace": "lsst.v1",
        }
    )
    assert isinstance(node, Record)
    one, other, third = node.fields
    assert node.name == "lsst.v1.alert"
    assert one.type == other.type
    assert isinstance(third.type, Union)
    assert third.type.optional == one.type
    assert third.type.null_branch == 0


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ("nonsense", "unknown type 'nonsense'"),
        ([], "a union has no branches"),
        ({"name": "x"}, "not a schema"),
        (record({"name": "x", "type": "int"}, {"name": "x", "type": "int"}), "the field 'x' twice"),
        (record({"name": "x", "type": "int", "default": None}), "the default None is not of its type"),
        (record({"type": "int"}), "a field without a name"),
        ({"type": "record", "name": "r"}, "has no fields"),
        ({"type": "record", "fields": []}, "a record has no name"),
        ({"type": "fixed", "name": "f", "size": -1}, "has no size"),
        ({"type": "fixed", "name": "f", "size": 2**62}, "has no size"),
        ({"type": "enum", "name": "e", "symbols": 7}, "has no symbols"),
        (record({"name": "again", "type": ["null", "a.alert"]}), "contains itself"),
        (record({"name": "", "type": "int"}), "a field named '', which is not a name"),
        (record({"name": 'x" INT', "type": "int"}), "a field named 'x\" INT', which is not a name"),
        (record({"name": "x.y", "type": "int"}), "a field named 'x.y'"),
        (record(name="a..alert"), "'a..alert' is not a name for a record"),
    ],
)
def test_what_cannot_be_read_is_named(schema: Any, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        parse_schema(schema)


def test_a_record_inside_a_record_inside_a_record_ends_somewhere() -> None:
    schema: Any = "int"
    for depth in range(40):
        schema = record({"name": "x", "type": schema}, name=f"r{depth}")
    with pytest.raises(SchemaError, match="nest deeper"):
        parse_schema(schema)


def test_depth_counts_what_a_name_stands_for() -> None:
    """Each record here nests a few levels; by name it holds the one before."""
    fields = []
    inner = "int"
    for number in range(4):
        nested: Any = inner
        for _ in range(10):
            nested = {"type": "array", "items": nested}
        inner = f"r{number}"
        fields.append({"name": inner, "type": record({"name": "x", "type": nested}, name=inner)})
    with pytest.raises(SchemaError, match="levels deep when written out"):
        parse_schema(record(*fields))
    assert parse_schema(record(*fields[:1]))


def test_the_kernel_has_room_for_every_array_that_a_schema_may_nest() -> None:
    assert MAX_DEPTH <= kernel._DEPTH


@pytest.mark.parametrize(
    ("kind", "logical"),
    [("int", "timestamp-millis"), ("double", "timestamp-micros"), ("null", "void"), ("string", "uuid")],
)
def test_logical_types_of_other_types_are_ignored(kind: str, logical: str) -> None:
    assert parse_schema({"type": kind, "logicalType": logical}) == Primitive(kind)


def test_a_few_names_cannot_multiply_to_very_many_fields() -> None:
    first = record(*({"name": f"f{n}", "type": "int"} for n in range(10)), name="r0")
    fields = [{"name": "r0", "type": first}]
    for depth in range(1, 10):
        inner = record(*({"name": f"f{n}", "type": f"r{depth - 1}"} for n in range(10)), name=f"r{depth}")
        fields.append({"name": f"r{depth}", "type": inner})
    with pytest.raises(SchemaError, match="types when written out"):
        parse_schema(record(*fields))


@pytest.mark.parametrize("default", ["NaN", 0, 1.5])
def test_surveys_write_nan_as_text(default: Any) -> None:
    assert parse_schema(record({"name": "x", "type": "double", "default": default}))
