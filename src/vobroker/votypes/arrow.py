"""Column metadata as Arrow schemas; the only file of :mod:`vobroker.votypes` that needs pyarrow."""

from __future__ import annotations

import pyarrow as pa

from vobroker.votypes.columns import Column, Table


def field(column: Column) -> pa.Field:
    """Give the Arrow field of a column; unit, UCD, description and utype go along as metadata."""
    notes = {key: value for key in ("unit", "ucd", "description", "utype") if (value := getattr(column, key))}
    return pa.field(column.name, pa.type_for_alias(column.datatype.arrow), metadata=notes)


def schema(table: Table) -> pa.Schema:
    """Give the Arrow schema of a table.

    Every field is nullable, and carries ``unit``, ``ucd``, ``description`` and ``utype`` where the
    column has them. The schema's own metadata are the table's ``name`` and ``description``.
    """
    return pa.schema(
        [field(column) for column in table],
        metadata={"name": table.name, "description": table.description},
    )
