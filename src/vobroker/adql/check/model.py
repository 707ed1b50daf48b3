"""What is found out about a query: types, columns, tables, and the checked query that holds them all."""

from __future__ import annotations

from dataclasses import dataclass, field

from vobroker.adql import tree
from vobroker.votypes.columns import Column, Position

INTEGERS = ("SMALLINT", "INTEGER", "BIGINT")
NUMERIC = (*INTEGERS, "REAL", "DOUBLE")
"""Types of numbers, from the narrowest to the widest."""

TEXTS = ("VARCHAR", "CHAR")
SHAPES = ("POINT", "CIRCLE", "POLYGON", "BOX", "REGION")
UNDECIDED = ("NULL", "UNKNOWN")
"""Types of values that fit everywhere: NULL, and what a function without declared result gives."""


@dataclass(frozen=True, slots=True)
class ValueType:
    """Type, unit and UCD of a value; ``unit`` is None where it is not known.

    Description, utype and system (of coordinates or time) are a column's, and go where it goes as it is.
    """

    type: str
    unit: str | None = None
    ucd: str = ""
    description: str = ""
    utype: str = ""
    system: str = ""

    @property
    def is_integer(self) -> bool:
        """Whether the type is an exact number."""
        return self.type in INTEGERS

    @property
    def is_numeric(self) -> bool:
        """Whether the type is a number."""
        return self.type in NUMERIC


@dataclass(frozen=True, eq=False, slots=True)
class Field:
    """One column that a FROM clause offers.

    ``places`` are pairs of a source and a column in it; there are two where a FULL JOIN merged them.
    """

    name: str
    places: tuple[tuple[Source, str], ...]
    type: ValueType


@dataclass(eq=False, slots=True)
class Source:
    """One table in a FROM clause.

    ``alias`` is the name translators give it (``t1``, ``t2`` ...); ``table`` is its name in the catalogue, or
    in the WITH clause, or empty for a subquery. ``position`` is that of a catalogue table.
    """

    alias: str
    names: tuple[tree.Identifier, ...]
    table: str = ""
    fields: list[Field] = field(default_factory=list)
    position: Position | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """One column of a SELECT: its name, its value (a :class:`Field` where it came from ``*``), its type."""

    name: str
    value: tree.Value | Field
    type: ValueType


@dataclass(slots=True)
class CheckedQuery:
    """A query with all that was found out about it.

    Attributes
    ----------
    query
        The tree.
    columns
        Output columns with type, unit, UCD; names are unique.
    used
        Columns of catalogue tables that the query names, by table.
    """

    query: tree.Query
    columns: tuple[Column, ...] = ()
    used: dict[str, set[str]] = field(default_factory=dict)
    types: dict[int, ValueType] = field(default_factory=dict)
    fields: dict[int, Field] = field(default_factory=dict)
    sources: dict[int, Source] = field(default_factory=dict)
    merged: dict[int, list[tuple[Field, Field]]] = field(default_factory=dict)
    outputs: dict[int, tuple[Output, ...]] = field(default_factory=dict)
    with_names: dict[int, str] = field(default_factory=dict)

    def type_of(self, value: tree.Node) -> ValueType:
        """Type, unit and UCD of a value in the tree."""
        return self.types[id(value)]

    def field_of(self, reference: tree.ColumnReference) -> Field | None:
        """Column that a reference means; None where it means an output column (ORDER BY, GROUP BY)."""
        return self.fields.get(id(reference))
