"""Values of columns as texts of packets, and back, with nothing lost."""

from __future__ import annotations

import math
import re
from datetime import datetime
from typing import Any
from urllib.parse import quote, unquote

import numpy as np

from vobroker.votypes.columns import Column

ENCODED = "vobroker:percent-encoded"
"""Utype of a value with characters that XML does not have (XML 1.0, 2.2): UTF-8 in percent-encoding."""

DATA_TYPES = {"SMALLINT": "int", "INTEGER": "int", "REAL": "float", "DOUBLE": "float"}
"""``dataType`` by ADQL type; others are strings, 64-bit integers too: readers may keep an ``int`` in less."""

_NO_CHARACTER = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_FINITE = {"nan": "NaN", "inf": "INF", "-inf": "-INF"}


def text_of(value: Any, column: Column) -> str | None:
    """Write a value so that it reads back the same; None for a null.

    Numbers are the shortest decimals that read back to the same value. What XML has no character for must be
    encoded, see :func:`encoded`.
    """
    if value is None:
        return None
    if column.type in ("REAL", "DOUBLE"):
        if not math.isfinite(value):
            return _NOT_FINITE[str(float(value))]
        return str(np.float32(value)) if column.type == "REAL" else repr(float(value))
    if column.type == "BOOLEAN":
        return str(value).lower()
    if column.type == "TIMESTAMP":
        return f"{value.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
    return str(value)


def value_of(text: str, column: Column) -> Any:
    """Read a value of a column.

    Raises
    ------
    ValueError
        If it is none.
    """
    if column.type in ("REAL", "DOUBLE"):
        value = float(text)
        return float(np.float32(value)) if column.type == "REAL" else value
    if column.type in ("SMALLINT", "INTEGER", "BIGINT"):
        return int(text)
    if column.type == "BOOLEAN":
        if text not in ("true", "false"):
            raise ValueError(f"{text!r} is neither true nor false")
        return text == "true"
    if column.type == "TIMESTAMP":
        return datetime.fromisoformat(text).replace(tzinfo=None)
    return text


def encoded(text: str) -> tuple[str, str | None]:
    """Give a text as XML can have it, and the utype that says so; None where it is as it was."""
    if _NO_CHARACTER.search(text) is None:
        return text, None
    return quote(text, errors="surrogatepass"), ENCODED


def decoded(text: str, utype: str | None) -> str:
    """Give back the text of :func:`encoded`."""
    return unquote(text, errors="surrogatepass") if utype == ENCODED else text


def characters(text: str) -> str:
    """Replace what XML has no character for by U+FFFD, in texts for people."""
    return _NO_CHARACTER.sub("\ufffd", text)
