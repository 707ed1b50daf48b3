"""Column metadata as Arrow schemas; the only file of :mod:`vobroker.votypes` that needs pyarrow."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import pyarrow as pa

from vobroker.votypes import literals
from vobroker.votypes.columns import Column, Table
from vobroker.votypes.types import DataType, datatype

_FIXED = re.compile(r"fixed_size_list<(\w+)>\[(\d+)\]")
_LIST = re.compile(r"list<(\w+)>")
_EXTENSIONS = {"arrow.uuid": pa.uuid, "arrow.json": pa.json_}


def data_type(kind: DataType) -> pa.DataType:
    """Give the Arrow type of a row of the type table."""
    if kind.arrow in _EXTENSIONS:
        return _EXTENSIONS[kind.arrow]()
    if found := _FIXED.fullmatch(kind.arrow):
        return pa.list_(pa.type_for_alias(found[1]), int(found[2]))
    if found := _LIST.fullmatch(kind.arrow):
        return pa.list_(pa.type_for_alias(found[1]))
    return pa.type_for_alias(kind.arrow)


def to_arrow(type_name: str, values: list[Any]) -> pa.Array:
    """Give values of a type, as :mod:`vobroker.votypes.literals` has them, as an Arrow array; None is null.

    Values that Arrow has no type for (shapes, MOCs, angles) are their DALI text.
    """
    kind = datatype(type_name)
    into = data_type(kind)
    if pa.types.is_string(into):
        return pa.array([None if v is None else literals.write(type_name, v) for v in values], into)
    if isinstance(into, pa.UuidType):
        return pa.ExtensionArray.from_storage(into, pa.array([v and v.bytes for v in values], pa.binary(16)))
    if isinstance(into, pa.JsonType):
        return pa.ExtensionArray.from_storage(into, pa.array(values, pa.string()))
    return pa.array(values, into)


def from_arrow(type_name: str, array: pa.Array) -> list[Any]:
    """Give the values of an Arrow array of a type; the inverse of :func:`to_arrow`."""
    kind = datatype(type_name)
    if isinstance(array.type, pa.UuidType):
        return [v and UUID(bytes=v) for v in array.storage.to_pylist()]
    if isinstance(array.type, pa.JsonType):
        return list(array.storage.to_pylist())
    values = array.to_pylist()
    if pa.types.is_string(array.type):
        return [None if v is None else literals.read(type_name, v) for v in values]
    return [None if v is None else tuple(v) for v in values] if kind.element else list(values)


def field(column: Column) -> pa.Field:
    """Give the Arrow field of a column; unit, UCD, description, utype and system go along as metadata."""
    keys = ("unit", "ucd", "description", "utype", "system")
    notes = {key: value for key in keys if (value := getattr(column, key))}
    return pa.field(column.name, data_type(column.datatype), metadata=notes)


def schema(table: Table) -> pa.Schema:
    """Give the Arrow schema of a table.

    Every field is nullable, and carries ``unit``, ``ucd``, ``description``, ``utype`` and ``system``
    where the column has them. The schema's own metadata are the table's ``name`` and ``description``.
    """
    return pa.schema(
        [field(column) for column in table],
        metadata={"name": table.name, "description": table.description},
    )
