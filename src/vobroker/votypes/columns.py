"""Column and table metadata, in the words of TAP_SCHEMA and VOTable."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from vobroker.votypes.types import DataType, datatype


@dataclass(frozen=True, slots=True)
class Column:
    """One column as TAP_SCHEMA.columns and VOTable FIELD describe it.

    Parameters
    ----------
    name
        Column name, unquoted.
    type
        ADQL type name, a key of :data:`vobroker.votypes.types.TYPES` (``BIGINT``, ``DOUBLE``, ...).
    unit
        Unit in VOUnits 1.1 syntax; empty where the value has none.
    ucd
        UCD1+ word list.
    description
        One sentence for a person.
    utype
        Utype, where a data model gives one.
    system
        Coordinate or time system of the value, as :func:`vobroker.votypes.systems.find` knows it; empty where
        the value has none.
    """

    name: str
    type: str
    unit: str = ""
    ucd: str = ""
    description: str = ""
    utype: str = ""
    system: str = ""

    @property
    def datatype(self) -> DataType:
        """Row of the type table for this column."""
        return datatype(self.type)


class Position(NamedTuple):
    """Columns that hold a place on the sky: ICRS degrees, and the nested HEALPix cell of order 29."""

    ra: str
    dec: str
    cell: str


@dataclass(frozen=True)
class Table:
    """A table: its name, its columns in order, and what it holds.

    ``position`` promises that in every row the cell is that of ra and dec, and null where one of them is:
    queries are cut short by it. It is given to tables whose cells were computed here, whatever the columns of
    others are called.
    """

    name: str
    columns: tuple[Column, ...]
    description: str = ""
    position: Position | None = None

    @cached_property
    def by_name(self) -> dict[str, Column]:
        """Columns by lower-case name: regular ADQL identifiers ignore case (ADQL 2.1, 2.1.3)."""
        return {column.name.lower(): column for column in self.columns}

    def __getitem__(self, name: str) -> Column:
        return self.by_name[name.lower()]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self.by_name

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(column.name for column in self.columns)
