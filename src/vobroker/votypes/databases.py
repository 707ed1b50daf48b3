"""How each database stores the types of the type table, so that every value comes back as it went in.

An engine with arrays stores an array as one; the others store its DALI text, and every engine stores text for
what it has no type for. pgSphere's own types are for indexes beside that: they keep angles in radians, and
so not every double comes back. What an engine cannot hold at all is in :data:`LACKS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from vobroker.votypes import literals
from vobroker.votypes.types import EXTENDED, TYPES, datatype

_STORED: dict[str, Mapping[str, str]] = {
    "duckdb": {row.name: row.duckdb for row in (*TYPES.values(), *EXTENDED.values())},
    "postgresql": {
        "BOOLEAN": "boolean",
        "SMALLINT": "smallint",
        "INTEGER": "integer",
        "BIGINT": "bigint",
        "REAL": "real",
        "DOUBLE": "double precision",
        "VARCHAR": "text",
        "TIMESTAMP": "timestamp",
        "BLOB": "bytea",
        "UUID": "uuid",
    },
    "sqlite": {
        **dict.fromkeys(("BOOLEAN", "SMALLINT", "INTEGER", "BIGINT"), "INTEGER"),
        **dict.fromkeys(("REAL", "DOUBLE"), "REAL"),
        **dict.fromkeys(("VARCHAR", "TIMESTAMP"), "TEXT"),
        "BLOB": "BLOB",
    },
    "mariadb": {
        "BOOLEAN": "BOOLEAN",
        "SMALLINT": "SMALLINT",
        "INTEGER": "INT",
        "BIGINT": "BIGINT",
        # The server shows six digits of a FLOAT.
        **dict.fromkeys(("REAL", "DOUBLE"), "DOUBLE"),
        "VARCHAR": "LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin",
        "TIMESTAMP": "DATETIME(6)",
        "BLOB": "LONGBLOB",
    },
    "spark": {
        "BOOLEAN": "BOOLEAN",
        "SMALLINT": "SMALLINT",
        "INTEGER": "INT",
        "BIGINT": "BIGINT",
        "REAL": "FLOAT",
        "DOUBLE": "DOUBLE",
        "VARCHAR": "STRING",
        "TIMESTAMP": "TIMESTAMP_NTZ",
        "BLOB": "BINARY",
    },
    "sqlserver": {
        "BOOLEAN": "bit",
        "SMALLINT": "smallint",
        "INTEGER": "int",
        "BIGINT": "bigint",
        "REAL": "real",
        "DOUBLE": "float",
        "VARCHAR": "varchar(max) COLLATE Latin1_General_100_BIN2_UTF8",
        "TIMESTAMP": "datetime2(6)",
        "BLOB": "varbinary(max)",
        "UUID": "uniqueidentifier",
    },
    "oracle": {
        "BOOLEAN": "NUMBER(1)",
        "SMALLINT": "NUMBER(5)",
        "INTEGER": "NUMBER(10)",
        "BIGINT": "NUMBER(19)",
        "REAL": "BINARY_FLOAT",
        "DOUBLE": "BINARY_DOUBLE",
        "VARCHAR": "CLOB",
        "TIMESTAMP": "TIMESTAMP(6)",
        "BLOB": "BLOB",
    },
    "trino": {
        "BOOLEAN": "boolean",
        "SMALLINT": "smallint",
        "INTEGER": "integer",
        "BIGINT": "bigint",
        "REAL": "real",
        "DOUBLE": "double",
        "VARCHAR": "varchar",
        "TIMESTAMP": "timestamp(6)",
        "BLOB": "varbinary",
        "UUID": "uuid",
    },
}
_ARRAYS = {"postgresql": "{}[]", "spark": "ARRAY<{}>", "trino": "array({})"}

DATABASES = tuple(_STORED)
"""Engines by name."""

LACKS: dict[str, str] = {
    "postgresql": "the character NUL in text",
    "sqlite": "NaN: it becomes NULL; the sign of zero",
    "mariadb": "NaN and infinity; the sign of zero",
    "sqlserver": "NaN and infinity; denormal numbers",
    "oracle": "an empty text: it is NULL",
}
"""Values that an engine has no place for, which nothing can bring back."""


def stored(type_name: str, engine: str) -> str:
    """Give the type of a column of an engine that holds a type of the type table without loss."""
    kind, types = datatype(type_name), _STORED[engine]
    if type_name in types:
        return types[type_name]
    if kind.element and engine in _ARRAYS:
        return _ARRAYS[engine].format(types[kind.element])
    return types["VARCHAR"]


def to_database(type_name: str, engine: str, value: Any) -> Any:
    """Give a value, as :mod:`vobroker.votypes.literals` has it, as the engine's driver takes it.

    Raises
    ------
    LiteralError
        If the value is none of the type.
    """
    if value is None or (engine == "sqlite" and type_name == "BOOLEAN"):
        return value if value is None else int(value)
    if _is_text(type_name, engine):
        return literals.write(type_name, value)
    if datatype(type_name).element:
        return list(value)
    return str(value) if isinstance(value, UUID) else value


def from_database(type_name: str, engine: str, value: Any) -> Any:
    """Give what an engine's driver returned as a value; the inverse of :func:`to_database`."""
    if value is None:
        return None
    if _is_text(type_name, engine):
        return literals.read(type_name, value)
    if type_name == "BOOLEAN":
        return bool(value)
    if type_name == "UUID":
        return value if isinstance(value, UUID) else UUID(value)
    if type_name == "BLOB":
        return bytes(value)
    if isinstance(value, datetime):
        return value
    return tuple(value) if datatype(type_name).element else value


def _is_text(type_name: str, engine: str) -> bool:
    """Whether a value goes as its DALI text."""
    if type_name in ("VARCHAR", "CHAR", "JSON"):
        return False
    if type_name == "TIMESTAMP":
        return engine == "sqlite"
    return stored(type_name, engine) == _STORED[engine]["VARCHAR"]
