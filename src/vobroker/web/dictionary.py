"""The words of a query as editors want them: tables with their columns, functions, keywords."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from vobroker.adql.functions import FUNCTIONS
from vobroker.tap.catalogue import INDEXED, PRINCIPAL
from vobroker.tap.schema import written
from vobroker.votypes.columns import Column, Table
from vobroker.web import highlight

AGGREGATES = ("COUNT", "AVG", "MIN", "MAX", "SUM")

_MORE = ("COALESCE", "CAST", "IN_UNIT", "POINT", "CIRCLE", "POLYGON", "BOX", "CENTROID")
"""What is written like a function but has rules of its own."""


def described(column: Column) -> dict[str, str]:
    """Give what a page says of a column of a result."""
    return {"name": column.name, "type": column.type, "unit": column.unit, "ucd": column.ucd}


def browsed(tables: Iterable[Table]) -> list[dict[str, Any]]:
    """Give the tables with their columns as the schema browser shows them."""
    return [
        {
            "name": table.name,
            "description": table.description,
            "columns": [
                described(column)
                | {
                    "description": column.description,
                    "written": written(column.name),
                    "indexed": column.name in INDEXED.get(table.name, ()),
                    "principal": column.name in PRINCIPAL.get(table.name, ()),
                }
                for column in table
            ],
        }
        for table in tables
    ]


def language(tables: Mapping[str, Table], *, aggregates: bool = True) -> dict[str, Any]:
    """Give what an editor completes."""
    return {
        "keywords": highlight.KEYWORDS.split("|"),
        "functions": [*FUNCTIONS, *_MORE, *(AGGREGATES if aggregates else ())],
        "tables": {
            table.name: [described(column) | {"description": column.description} for column in table]
            for table in tables.values()
        },
    }
