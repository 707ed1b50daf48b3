"""The first table of a VOTable (VOTable 1.5), in each of its serializations."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from astropy.io import votable

from vobroker.enrich.errors import EnrichError
from vobroker.enrich.formats.source import BATCH, MAX_COLUMNS, Source, typed
from vobroker.votypes import guard
from vobroker.votypes.columns import Column

MAX_BYTES = 2**30
"""Largest document: it is held in memory as a whole."""

_TYPES = {"boolean": "BOOLEAN", "bit": "BOOLEAN", "unsignedByte": "SMALLINT", "short": "SMALLINT"} | {
    "int": "INTEGER",
    "long": "BIGINT",
    "float": "REAL",
    "double": "DOUBLE",
    "char": "VARCHAR",
    "unicodeChar": "VARCHAR",
}


def open_votable(path: Path) -> Source:
    """Open a VOTable.

    Raises
    ------
    EnrichError
        If it is too large, not a VOTable, or the answer of a TAP service that failed or was cut off.
    """
    if path.stat().st_size > MAX_BYTES:
        raise EnrichError(
            f"{path} has {path.stat().st_size:,} bytes, and a VOTable may have {MAX_BYTES:,}; give FITS"
            " or Parquet"
        )
    data = path.read_bytes()
    try:
        guard.check(data, max_bytes=MAX_BYTES)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            document = votable.parse(io.BytesIO(data), verify="ignore", datatype_mapping=None)
            _refuse_failed(document, path)
            table = document.get_first_table()
    except EnrichError:
        raise
    except Exception as error:  # the reader raises whatever it stumbles over
        reason = (str(error).splitlines() or [type(error).__name__])[0][:300]
        raise EnrichError(f"{path} cannot be read as VOTable: {reason}") from error
    if len(table.fields) > MAX_COLUMNS:
        raise EnrichError(f"{path} has {len(table.fields)} columns; the limit is {MAX_COLUMNS}")
    columns, left, keys = [], {}, {}
    for field in table.fields:
        kind = _TYPES.get(field.datatype)
        text = kind == "VARCHAR"
        if kind is None or (not text and (field.arraysize or "1") != "1") or "x" in (field.arraysize or ""):
            left[field.name] = f"it is {field.datatype}[{field.arraysize or ''}]"
            continue
        keys[field.name] = field.ID
        columns.append(
            Column(field.name, kind, _unit(field), field.ucd or "", (field.description or "").strip())
        )

    def batches(names: list[str]) -> Iterator[pa.RecordBatch]:
        wanted = {column.name: column for column in columns}
        for start in range(0, len(table.array), BATCH):
            part = table.array[start : start + BATCH]
            arrays = []
            for name in names:
                try:
                    arrays.append(typed(_values(part[keys[name]], wanted[name]), wanted[name]))
                except (pa.ArrowException, ValueError, UnicodeDecodeError) as error:
                    raise EnrichError(f"{path}, column {name}: {str(error).splitlines()[0][:300]}") from error
            yield pa.RecordBatch.from_arrays(arrays, names=names)

    return Source(str(path), tuple(columns), left, len(table.array), batches)


def _refuse_failed(document: Any, path: Path) -> None:
    """Refuse what says of itself that it is an error, or not all (DALI 1.1, section 4.4)."""
    for resource in document.resources:
        for info in resource.infos:
            if info.name != "QUERY_STATUS":
                continue
            if info.value == "ERROR":
                raise EnrichError(f"{path} is an error: {(info.content or '').strip()[:500]}")
            if info.value == "OVERFLOW":
                raise EnrichError(
                    f"{path} is cut off at the service's limit of rows; ask for fewer, or raise it"
                )


def _unit(field: Any) -> str:
    unit = field.unit
    try:
        return str(unit.to_string("vounit"))
    except (AttributeError, ValueError):  # none, or one that VOUnits does not know
        return str(unit or "")


def _values(values: Any, column: Column) -> pa.Array:
    data, mask = np.ma.getdata(values), np.ma.getmaskarray(values)
    if column.type == "VARCHAR":
        texts = (v.decode() if isinstance(v, bytes) else str(v) for v in data.tolist())
        return pa.array([None if gone or not t else t for t, gone in zip(texts, mask.tolist(), strict=True)])
    return pa.array(data, mask=mask)
