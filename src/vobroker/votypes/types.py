"""The type table: every type of the VO in each notation it has to be written in.

Sources: ADQL 2.1 section 3 (type system), TAP 1.1 section 4.3 (columns of TAP_SCHEMA), VOTable 1.5 section
2.1 (primitives) and 2.2 (arrays), DALI 1.2 section 3 (data types and literal values; working draft of
2025-09-19). How databases store the types is in :mod:`vobroker.votypes.databases`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DataType:
    """One type in every notation.

    Parameters
    ----------
    name
        Our name: that of ADQL, or where ADQL has none that of the xtype in capitals; an array of other
        elements than DOUBLE has them in brackets: ``POINT(REAL)``.
    votable, arraysize, xtype
        Attributes of a VOTable FIELD and columns of TAP_SCHEMA.columns; empty where there is none.
    arrow
        Arrow type as pyarrow prints it; ``arrow.uuid`` and ``arrow.json`` are canonical extension types.
    duckdb
        Type of a DuckDB column.
    numeric
        Whether ADQL calculates with it.
    adql
        Name of the type in ADQL 2.1; empty where ADQL has no such type.
    element
        Name of the type of an array's elements; empty for what is no array.
    source
        Document and section that define the type or its serialization.
    """

    name: str
    votable: str
    arraysize: str
    xtype: str
    arrow: str
    duckdb: str
    numeric: bool = False
    adql: str = ""
    element: str = ""
    source: str = ""


def _plain(name: str, votable: str, arraysize: str, arrow: str, duckdb: str, section: str) -> DataType:
    numeric = votable in ("short", "int", "long", "float", "double")
    return DataType(name, votable, arraysize, "", arrow, duckdb, numeric, name, source=f"ADQL 2.1, {section}")


_NUMBERS = "Numeric primitives"
_PLAIN = (
    DataType("BOOLEAN", "boolean", "", "", "bool", "BOOLEAN", source="VOTable 1.5, Primitives"),
    _plain("SMALLINT", "short", "", "int16", "SMALLINT", _NUMBERS),
    _plain("INTEGER", "int", "", "int32", "INTEGER", _NUMBERS),
    _plain("BIGINT", "long", "", "int64", "BIGINT", _NUMBERS),
    _plain("REAL", "float", "", "float", "FLOAT", _NUMBERS),
    _plain("DOUBLE", "double", "", "double", "DOUBLE", _NUMBERS),
    _plain("VARCHAR", "unicodeChar", "*", "string", "VARCHAR", "Character primitives"),
    # Texts of ASCII characters alone: what a char column of an upload holds. Any length, as VARCHAR.
    _plain("CHAR", "char", "*", "string", "VARCHAR", "Character primitives"),
    DataType(
        "TIMESTAMP", "char", "*", "timestamp", "timestamp[us]", "TIMESTAMP",
        adql="TIMESTAMP", source="DALI 1.2, Timestamp; ADQL 2.1, TIMESTAMP",
    ),
    _plain("BLOB", "unsignedByte", "*", "large_binary", "BLOB", "BLOB"),
)  # fmt: skip

TYPES: dict[str, DataType] = {row.name: row for row in _PLAIN}
"""Types that a column of an archive has, by name."""


def _text(name: str, section: str, *, xtype: str = "", adql: str = "") -> DataType:
    # DALI 1.2 section 3 allows unicodeChar wherever it says char; Arrow's strings are Unicode.
    return DataType(
        name, "unicodeChar", "*", xtype or name.lower(), "string", "VARCHAR", adql=adql, source=section
    )


def _arrays(
    name: str, size: int, elements: tuple[str, ...], section: str, known_to_adql: tuple[str, ...] = ()
) -> Iterator[DataType]:
    """Give an array type for each type its elements may have; ``size`` 0 is any."""
    for element in elements:
        of = TYPES[element]
        yield DataType(
            name if element == "DOUBLE" else f"{name}({element})",
            of.votable,
            str(size or "*"),
            name.lower(),
            f"fixed_size_list<{of.arrow}>[{size}]" if size else f"list<{of.arrow}>",
            f"{of.duckdb}[{size or ''}]",
            adql=name if element in known_to_adql else "",
            element=element,
            source=section,
        )


_REALS = ("DOUBLE", "REAL")
_NUMERIC = ("DOUBLE", "REAL", "BIGINT", "INTEGER", "SMALLINT")
_EXTENDED = (
    *_arrays("INTERVAL", 2, _NUMERIC, "DALI 1.2, Interval", ("DOUBLE", "REAL", "INTEGER", "SMALLINT")),
    *_arrays("MULTIINTERVAL", 0, _NUMERIC, "DALI 1.2, Multiinterval"),
    *_arrays("POINT", 2, _REALS, "DALI 1.2, Point", _REALS),
    *_arrays("CIRCLE", 3, _REALS, "DALI 1.2, Circle", _REALS),
    *_arrays("RANGE", 4, _REALS, "DALI 1.2, Range"),
    *_arrays("POLYGON", 0, _REALS, "DALI 1.2, Polygon", _REALS),
    _text("REGION", "ADQL 2.1, REGION", xtype="adql:region", adql="REGION"),
    _text("SHAPE", "DALI 1.2, Shape"),
    _text("MULTISHAPE", "DALI 1.2, Multishape"),
    _text("MOC", "DALI 1.2, MOC; MOC 2.0, ASCII serialization"),
    _text("HMS", "DALI 1.2, Sexagesimal Coordinates"),
    _text("DMS", "DALI 1.2, Sexagesimal Coordinates"),
    _text("URI", "DALI 1.2, URI"),
    DataType("UUID", "char", "36", "uuid", "arrow.uuid", "UUID", source="DALI 1.2, UUID"),
    DataType("JSON", "unicodeChar", "*", "json", "arrow.json", "JSON", source="DALI 1.2, JSON"),
)

EXTENDED: dict[str, DataType] = {row.name: row for row in _EXTENDED}
"""Types of structured values, which go by an xtype, by name."""


def datatype(name: str) -> DataType:
    """Give the row of the type table for a name.

    Raises
    ------
    KeyError
        If the type table has no such type.
    """
    return TYPES.get(name) or EXTENDED[name]
