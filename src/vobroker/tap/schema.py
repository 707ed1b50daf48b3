"""TAP_SCHEMA: the service's description of its own tables, as tables (TAP 1.1, section 4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import pyarrow as pa

from vobroker.adql import AdqlError, parse
from vobroker.votypes.arrow import schema as arrow_schema
from vobroker.votypes.columns import Column, Table


@dataclass(frozen=True, slots=True)
class Schema:
    """Tables that belong together."""

    name: str
    description: str
    tables: tuple[Table, ...]
    utype: str = ""


@dataclass(frozen=True, slots=True)
class Key:
    """A foreign key: columns of one table that name a row of another."""

    name: str
    source: str
    target: str
    columns: tuple[tuple[str, str], ...]
    description: str


def _text(name: str, description: str) -> Column:
    return Column(name, "VARCHAR", description=description)


def _number(name: str, description: str) -> Column:
    return Column(name, "INTEGER", description=description)


SCHEMAS = Table(
    "tap_schema.schemas",
    (
        _text("schema_name", "Name of the schema"),
        _text("utype", "Utype of the schema"),
        _text("description", "What the schema holds"),
        _number("schema_index", "Place of the schema in a list"),
    ),
    "Schemas of this service",
)
TABLES = Table(
    "tap_schema.tables",
    (
        _text("schema_name", "Schema of the table"),
        _text("table_name", "Name of the table as a query has it"),
        _text("table_type", "table or view"),
        _text("utype", "Utype of the table"),
        _text("description", "What the table holds"),
        _number("table_index", "Place of the table in a list"),
    ),
    "Tables of this service",
)
COLUMNS = Table(
    "tap_schema.columns",
    (
        _text("table_name", "Table of the column"),
        _text("column_name", "Name of the column as a query has it"),
        _text("datatype", "Type, as in VOTable"),
        _text("arraysize", "Length of an array, as in VOTable"),
        _text("xtype", "Type of a structured value (DALI)"),
        _number("size", "Not used: see arraysize"),
        _text("description", "What the column holds"),
        _text("utype", "Utype of the column"),
        _text("unit", "Unit, as in VOUnits"),
        _text("ucd", "UCD of the column"),
        _number("indexed", "1 where a condition on the column is quick"),
        _number("principal", "1 for the columns that matter most"),
        _number("std", "1 where a standard defines the column"),
        _number("column_index", "Place of the column in its table"),
    ),
    "Columns of the tables of this service",
)
KEYS = Table(
    "tap_schema.keys",
    (
        _text("key_id", "Name of the key"),
        _text("from_table", "Table that names rows of another"),
        _text("target_table", "The other table"),
        _text("description", "What the key is for"),
        _text("utype", "Utype of the key"),
    ),
    "Foreign keys: how tables are joined",
)
KEY_COLUMNS = Table(
    "tap_schema.key_columns",
    (
        _text("key_id", "Name of the key"),
        _text("from_column", "Column of the table that names rows of another"),
        _text("target_column", "Column of the other table"),
    ),
    "Columns of the foreign keys",
)

TAP_SCHEMA = Schema(
    "tap_schema",
    "Description of the tables of this service (TAP 1.1, section 4)",
    (SCHEMAS, TABLES, COLUMNS, KEYS, KEY_COLUMNS),
)

TAP_SCHEMA_KEYS = (
    Key("tables_schemas", TABLES.name, SCHEMAS.name, (("schema_name",) * 2,), "The schema of a table"),
    Key("columns_tables", COLUMNS.name, TABLES.name, (("table_name",) * 2,), "The table of a column"),
    Key("keys_from", KEYS.name, TABLES.name, (("from_table", "table_name"),), "The table of a key"),
    Key("keys_target", KEYS.name, TABLES.name, (("target_table", "table_name"),), "The table a key leads to"),
    Key("key_columns_keys", KEY_COLUMNS.name, KEYS.name, (("key_id",) * 2,), "The key of a pair of columns"),
)

Quality = dict[str, tuple[str, ...]]
"""Columns of tables, by table."""


@cache
def written(name: str) -> str:
    """Write the name of a column as a query has it: in double quotes where ADQL has the word for itself."""
    try:
        parse(f"SELECT {name} FROM t")  # noqa: S608
    except AdqlError:
        return '"' + name.replace('"', '""') + '"'
    return name


def content(
    schemas: Sequence[Schema],
    keys: Sequence[Key],
    *,
    indexed: Quality,
    principal: Quality,
    views: Sequence[str],
) -> dict[str, pa.Table]:
    """Give the rows of the five tables, by name.

    Parameters
    ----------
    schemas
        All schemas, this one among them.
    keys
        Foreign keys.
    indexed, principal
        Columns that conditions are quick on, and those that matter most.
    views
        Tables that are views.
    """
    tables = [(schema, table) for schema in schemas for table in schema.tables]
    return {
        SCHEMAS.name: _rows(SCHEMAS, ((s.name, s.utype, s.description, n) for n, s in enumerate(schemas))),
        TABLES.name: _rows(
            TABLES,
            (
                (s.name, t.name, "view" if t.name in views else "table", "", t.description, n)
                for n, (s, t) in enumerate(tables)
            ),
        ),
        COLUMNS.name: _rows(
            COLUMNS,
            (
                (
                    *(
                        t.name,
                        written(c.name),
                        c.datatype.votable,
                        c.datatype.arraysize,
                        c.datatype.xtype,
                        None,
                    ),
                    *(c.description, c.utype, c.unit, c.ucd),
                    *(int(c.name in quality.get(t.name, ())) for quality in (indexed, principal)),
                    int(s.name in ("tap_schema", "ivoa")),
                    n,
                )
                for s, t in tables
                for n, c in enumerate(t)
            ),
        ),
        KEYS.name: _rows(KEYS, ((k.name, k.source, k.target, k.description, "") for k in keys)),
        KEY_COLUMNS.name: _rows(KEY_COLUMNS, ((k.name, *pair) for k in keys for pair in k.columns)),
    }


def _rows(table: Table, rows: Iterable[tuple[str | int | None, ...]]) -> pa.Table:
    """Make a table of rows; an empty text is null."""
    columns = list(zip(*rows, strict=True)) or [()] * len(table.columns)
    fields = arrow_schema(table)
    arrays = [
        pa.array([None if value == "" else value for value in values], field.type)
        for values, field in zip(columns, fields, strict=True)
    ]
    return pa.table(arrays, names=list(table.names))
