"""The type table: ADQL and TAP types against VOTable, Arrow and DuckDB.

Sources: ADQL 2.1 section 2.7 (types), TAP 1.1 section 4.3 (TAP_SCHEMA datatypes), VOTable 1.5
section 2.1 (primitives), DALI 1.1 section 3.3 (xtypes).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DataType:
    """One type in every notation it has to be written in."""

    adql: str
    votable: str
    arraysize: str
    xtype: str
    arrow: str
    duckdb: str
    numeric: bool = False


TYPES: dict[str, DataType] = {
    row.adql: row
    for row in (
        DataType("BOOLEAN", "boolean", "", "", "bool", "BOOLEAN"),
        DataType("SMALLINT", "short", "", "", "int16", "SMALLINT", numeric=True),
        DataType("INTEGER", "int", "", "", "int32", "INTEGER", numeric=True),
        DataType("BIGINT", "long", "", "", "int64", "BIGINT", numeric=True),
        DataType("REAL", "float", "", "", "float", "FLOAT", numeric=True),
        DataType("DOUBLE", "double", "", "", "double", "DOUBLE", numeric=True),
        DataType("VARCHAR", "unicodeChar", "*", "", "string", "VARCHAR"),
        DataType("TIMESTAMP", "char", "*", "timestamp", "timestamp[us]", "TIMESTAMP"),
        DataType("BLOB", "unsignedByte", "*", "", "large_binary", "BLOB"),
    )
}


def datatype(adql: str) -> DataType:
    """Give the row of :data:`TYPES` for an ADQL type name.

    Raises
    ------
    KeyError
        If the type table has no such type.
    """
    return TYPES[adql]
