"""Query results as files: CSV, JSON, VOTable, Parquet."""

from __future__ import annotations

import csv
import io
import json
import re
from enum import StrEnum

import pyarrow as pa
import pyarrow.parquet as pq

from vobroker.archive.rows import jsonable
from vobroker.votypes.columns import Column, Table
from vobroker.votypes.votable import NAMESPACE, element, field, tabledata


class Form(StrEnum):
    """How a result is written."""

    csv = "csv"
    json = "json"
    votable = "votable"
    parquet = "parquet"


def write(rows: pa.Table, columns: tuple[Column, ...], form: Form, *, overflow: bool = False) -> bytes:
    """Write a result.

    Parameters
    ----------
    rows
        The result.
    columns
        Its columns with types, units and UCDs.
    form
        The form.
    overflow
        Whether rows were left out; the forms that can say so do.

    Raises
    ------
    ValueError
        If the form cannot hold the result.
    """
    if form is Form.csv:
        sheet = io.StringIO()
        writer = csv.writer(sheet, lineterminator="\r\n")
        writer.writerow(rows.schema.names)
        writer.writerows(zip(*(map(text, column.to_pylist()) for column in rows.columns), strict=True))
        return sheet.getvalue().encode()
    if form is Form.json:
        return _json(rows, columns, overflow)
    if form is Form.votable:
        return _votable(rows, columns, overflow)
    sink = io.BytesIO()
    pq.write_table(rows, sink, compression="zstd")
    return sink.getvalue()


def _json(rows: pa.Table, columns: tuple[Column, ...], overflow: bool) -> bytes:
    table = Table("result", columns)
    described = [
        {"name": c.name, "type": c.type, "unit": c.unit, "ucd": c.ucd, "description": c.description}
        for c in columns
    ]
    data = [jsonable(row, table) for row in rows.to_pylist()]
    document = {"columns": described, "rows": data, "overflow": overflow}
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()


def _votable(rows: pa.Table, columns: tuple[Column, ...], overflow: bool) -> bytes:
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


def text(value: object) -> str:
    """Write one value plainly; null is empty."""
    return "" if value is None else value.isoformat() if hasattr(value, "isoformat") else str(value)
