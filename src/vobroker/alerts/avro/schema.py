"""Avro schemas as a tree of nodes (Avro 1.11 specification, 'Schema Declaration')."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

MAX_DEPTH = 24
"""Deepest nesting of types, with every named type written out; real packets have four levels.

The kernel's stack of arrays is larger than this.
"""

MAX_NODES = 20_000
"""Most types in a schema with every named type written out where it is used; real ones have some 600."""

MAX_FIXED = 2**24
"""Largest fixed type, in bytes."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""Of a field, and each part of a type's full name (Avro 1.11, 'Names')."""

_LOGICAL = {("long", "timestamp-millis"), ("long", "timestamp-micros")}
"""Logical types that are followed; the specification has any other ignored."""

PRIMITIVES = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})


class SchemaError(ValueError):
    """A schema cannot be read or used; the message names the record and field."""


@dataclass(frozen=True, slots=True)
class Primitive:
    """A primitive type, with its logical type where it has one."""

    kind: str
    logical: str = ""


@dataclass(frozen=True, slots=True)
class Enum:
    """Named symbols, written as the symbol's number."""

    symbols: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fixed:
    """A fixed number of bytes."""

    size: int


@dataclass(frozen=True, slots=True)
class Array:
    """Items in counted blocks."""

    items: Node


@dataclass(frozen=True, slots=True)
class Map:
    """Values under string keys, in counted blocks."""

    values: Node


@dataclass(frozen=True, slots=True)
class Union:
    """One of several types, its number first."""

    branches: tuple[Node, ...]

    @property
    def optional(self) -> Node | None:
        """The other branch, where the union is of null and one type."""
        others = [branch for branch in self.branches if branch != NULL]
        return others[0] if len(self.branches) == 2 and len(others) == 1 else None

    @property
    def null_branch(self) -> int:
        """Number of the null branch."""
        return self.branches.index(NULL)


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a record."""

    name: str
    type: Node
    doc: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """Fields in order, with nothing between them."""

    name: str
    fields: tuple[Field, ...]

    def field(self, name: str) -> Field | None:
        """Field of that name, or None."""
        return next((field for field in self.fields if field.name == name), None)


Node = Primitive | Enum | Fixed | Array | Map | Union | Record
NULL = Primitive("null")


def parse_schema(schema: Any) -> Node:
    """Read a schema as JSON gives it: a name, a list or a mapping.

    Raises
    ------
    SchemaError
        If a type is unknown, a record refers to itself, a field stands twice, a default does not
        fit its type, or types are more than :data:`MAX_NODES` or nest deeper than :data:`MAX_DEPTH`.
    """
    node = _node(schema, "", {}, 0)
    size, depth = _extent(node, {})
    if size > MAX_NODES:
        raise SchemaError(f"the schema has {size} types when written out; {MAX_NODES} is the limit")
    if depth > MAX_DEPTH:
        raise SchemaError(f"types nest {depth} levels deep when written out; {MAX_DEPTH} is the limit")
    return node


def _extent(node: Node, known: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """Count types and levels as they stand when written out; a few named types can multiply to very many."""
    if id(node) not in known:
        match node:
            case Record(fields=fields):
                below = [field.type for field in fields]
            case Union(branches):
                below = list(branches)
            case Array(inner) | Map(inner):
                below = [inner]
            case _:
                below = []
        extents = [_extent(inner, known) for inner in below]
        size = 1 + sum(size for size, _ in extents)
        known[id(node)] = size, 1 + max((depth for _, depth in extents), default=0)
    return known[id(node)]


def _node(schema: Any, namespace: str, named: dict[str, Node | None], depth: int) -> Node:
    if depth > MAX_DEPTH:
        raise SchemaError(f"types nest deeper than {MAX_DEPTH} levels")
    if isinstance(schema, str):
        return _reference(schema, namespace, named)
    if isinstance(schema, list):
        if not schema:
            raise SchemaError("a union has no branches")
        return Union(tuple(_node(branch, namespace, named, depth + 1) for branch in schema))
    if not isinstance(schema, dict) or "type" not in schema:
        raise SchemaError(f"not a schema: {str(schema)[:80]}")
    kind = schema["type"]
    if isinstance(kind, dict | list):
        return _node(kind, namespace, named, depth + 1)
    if kind == "array":
        return Array(_node(schema.get("items"), namespace, named, depth + 1))
    if kind == "map":
        return Map(_node(schema.get("values"), namespace, named, depth + 1))
    if kind in PRIMITIVES:
        logical = schema.get("logicalType")
        return Primitive(kind, str(logical) if (kind, str(logical)) in _LOGICAL else "")
    if kind not in {"record", "error", "enum", "fixed"}:
        return _reference(str(kind), namespace, named)
    return _named(schema, kind, namespace, named, depth)


def _reference(name: str, namespace: str, named: dict[str, Node | None]) -> Node:
    if name in PRIMITIVES:
        return Primitive(name)
    for full in (f"{namespace}.{name}", name):
        if full in named:
            node = named[full]
            if node is None:
                raise SchemaError(f"record '{full}' contains itself")
            return node
    raise SchemaError(f"unknown type '{name[:80]}'")


def _named(
    schema: dict[str, Any], kind: str, namespace: str, named: dict[str, Node | None], depth: int
) -> Node:
    name = str(schema.get("name", ""))
    if not name:
        raise SchemaError(f"a {kind} has no name")
    if "." not in name:
        namespace = str(schema.get("namespace", namespace))
        name = f"{namespace}.{name}" if namespace else name
    else:
        namespace = name.rpartition(".")[0]
    if not all(map(_NAME.fullmatch, name.split("."))):
        raise SchemaError(f"'{name[:80]}' is not a name for a {kind}")
    named[name] = None
    node: Node
    if kind == "enum":
        symbols = schema.get("symbols")
        if not isinstance(symbols, list):
            raise SchemaError(f"enum '{name}' has no symbols")
        node = Enum(tuple(str(symbol) for symbol in symbols))
    elif kind == "fixed":
        size = schema.get("size")
        if not isinstance(size, int) or not 0 <= size <= MAX_FIXED:
            raise SchemaError(f"fixed type '{name}' has no size from 0 to {MAX_FIXED}")
        node = Fixed(size)
    else:
        node = Record(name, _fields(schema.get("fields"), name, namespace, named, depth))
    named[name] = node
    return node


def _fields(
    fields: Any, record: str, namespace: str, named: dict[str, Node | None], depth: int
) -> tuple[Field, ...]:
    if not isinstance(fields, list):
        raise SchemaError(f"record '{record}' has no fields")
    found: dict[str, Field] = {}
    for field in fields:
        if not isinstance(field, dict) or "name" not in field:
            raise SchemaError(f"record '{record}' has a field without a name")
        name = str(field["name"])
        if not _NAME.fullmatch(name):
            raise SchemaError(f"record '{record}' has a field named '{name[:80]}', which is not a name")
        if name in found:
            raise SchemaError(f"record '{record}' has the field '{name}' twice")
        node = _node(field.get("type"), namespace, named, depth + 1)
        if "default" in field and not _fits(field["default"], node):
            default = str(field["default"])[:40]
            raise SchemaError(
                f"field '{name}' of record '{record}': the default {default} is not of its type"
            )
        found[name] = Field(name, node, str(field.get("doc") or ""))
    return tuple(found.values())


def _fits(value: Any, node: Node) -> bool:
    """Whether a JSON default can be of a type; the content of composite types is not followed."""
    match node:
        case Union(branches):
            return any(_fits(value, branch) for branch in branches)
        case Primitive("null"):
            return value is None
        case Primitive("boolean"):
            return isinstance(value, bool)
        case Primitive("int" | "long"):
            return isinstance(value, int) and not isinstance(value, bool)
        case Primitive("float" | "double"):
            # Survey schemas write NaN as a string.
            return isinstance(value, int | float | str) and not isinstance(value, bool)
        case Primitive() | Enum() | Fixed():
            return isinstance(value, str)
        case Array():
            return isinstance(value, list)
        case _:
            return isinstance(value, dict)
