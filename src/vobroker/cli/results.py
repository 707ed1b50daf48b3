"""Query results on the screen and in files."""

from __future__ import annotations

import csv
import io
import json
import re
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from vobroker.votypes.columns import Column


class Form(StrEnum):
    """How a result is written."""

    table = "table"
    csv = "csv"
    json = "json"
    votable = "votable"
    parquet = "parquet"


def show(rows: pa.Table, columns: tuple[Column, ...]) -> None:
    """Print a result as a table with units in its head."""
    from rich.table import Table

    from vobroker.cli.common import out

    table = Table()
    for column in columns:
        unit = f"\n[dim]{column.unit}[/]" if column.unit else ""
        right = column.datatype.numeric
        table.add_column(
            f"{_plain(column.name)}{unit}", justify="right" if right else "left", overflow="fold"
        )
    digits = [6 if column.type == "REAL" else 10 for column in columns]
    for row in zip(*(column.to_pylist() for column in rows.columns), strict=True):
        table.add_row(*map(_cell, row, digits))
    out.print(table)


def write(rows: pa.Table, columns: tuple[Column, ...], form: Form, *, overflow: bool = False) -> bytes:
    """Write a result.

    Parameters
    ----------
    rows
        The result.
    columns
        Its columns with types, units and UCDs.
    form
        Any form but the table for the screen.
    overflow
        Whether rows were left out; the forms that can say so do.

    Raises
    ------
    ValueError
        If the form cannot hold the result.
    """
    if form is Form.csv:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerow(rows.schema.names)
        writer.writerows(zip(*(map(_text, column.to_pylist()) for column in rows.columns), strict=True))
        return text.getvalue().encode()
    if form is Form.json:
        return _json(rows, columns, overflow)
    if form is Form.votable:
        return _votable(rows, columns, overflow)
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(rows, sink, compression="zstd")
    return sink.getvalue()


def _json(rows: pa.Table, columns: tuple[Column, ...], overflow: bool) -> bytes:
    from vobroker.archive.rows import jsonable
    from vobroker.votypes.columns import Table

    table = Table("result", columns)
    described = [
        {"name": c.name, "type": c.type, "unit": c.unit, "ucd": c.ucd, "description": c.description}
        for c in columns
    ]
    data = [jsonable(row, table) for row in rows.to_pylist()]
    document = {"columns": described, "rows": data, "overflow": overflow}
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()


def _votable(rows: pa.Table, columns: tuple[Column, ...], overflow: bool) -> bytes:
    from vobroker.votypes.votable import NAMESPACE, element, field, tabledata

    for column in columns:
        if not re.fullmatch(r"[A-Za-z_][\w.-]*", column.name, re.ASCII):
            raise ValueError(
                f"the column name {column.name!r} cannot stand in a VOTable; give it another: AS x"
            )
        if column.type == "BLOB":
            raise ValueError(f"the column {column.name} holds bytes, which this VOTable cannot")
    status = [element("INFO", {"name": "QUERY_STATUS", "value": "OVERFLOW"})] if overflow else []
    table = element("TABLE", {}, *map(field, columns), element("DATA", {}, tabledata(rows)))
    info = element("INFO", {"name": "QUERY_STATUS", "value": "OK"})
    resource = element("RESOURCE", {"type": "results"}, info, table, *status)
    document = element("VOTABLE", {"version": "1.5", "xmlns": NAMESPACE}, resource)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{document}\n'.encode()


def _text(value: object) -> str:
    return "" if value is None else value.isoformat() if hasattr(value, "isoformat") else str(value)


def _cell(value: object, digits: int) -> str:
    if value is None:
        return "[dim]-[/]"
    return f"{value:.{digits}g}" if isinstance(value, float) else _plain(_text(value))


def _plain(text: str) -> str:
    """Keep text of the data from being read as markup, or as commands to the terminal."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text).replace("[", "\\[")
