"""Rows for JSON: numbers that JavaScript cannot hold, times and bytes become text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from vobroker.votypes.columns import Table


def jsonable(row: Mapping[str, Any], table: Table) -> dict[str, Any]:
    """Give a row of a table as JSON knows it.

    64-bit identifiers become strings (JSON numbers are safe to 2**53 only: RFC 8259, section 6), times
    ISO 8601 in UTC, bytes hexadecimal, NaN and infinity null.
    """
    return {name: _value(value, name, table) for name, value in row.items()}


def _value(value: Any, name: str, table: Table) -> Any:
    if isinstance(value, datetime):
        return f"{value.isoformat()}Z"
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, int) and name in table and table[name].type == "BIGINT":
        counted = table[name].ucd.startswith(("meta.number", "phys.size"))
        return value if counted else str(value)
    return value
