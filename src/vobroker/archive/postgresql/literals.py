"""Parameters put into SQL as literals: the server's COPY, by which results come, takes no parameters.

What is searched for their places is SQL of ours and of the translator, with plain strings ('…') and
delimited identifiers ("…"), neither comments nor dollar quotes; sessions have
``standard_conforming_strings`` on, so that a quote is the only character which ends a string, and UTF-8 as
encoding, in which no other character has a quote among its bytes (PostgreSQL documentation, sections 4.1.2.1
and 24.3). What is put in is not searched again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from vobroker.archive.errors import ArchiveError

_TOKEN = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(?P<number>\d+)|(?P<next>\?)""")


def bound(sql: str, parameters: Sequence[Any]) -> str:
    """Put parameters in the places of ``$1``, ``$2`` ... or of each ``?`` in turn.

    Raises
    ------
    ArchiveError
        If a value cannot be written, such as a text with the character NUL, which the server does not know.
    ValueError
        If there are fewer parameters than places.
    """
    if not parameters:
        return sql
    used = 0

    def written(found: re.Match[str]) -> str:
        nonlocal used
        if found["next"]:
            used += 1
            number = used
        elif found["number"]:
            number = int(found["number"])
        else:
            return found[0]
        if not 1 <= number <= len(parameters):
            raise ValueError(f"there is no parameter {number} of {len(parameters)}")
        return literal(parameters[number - 1])

    return _TOKEN.sub(written, sql)


def literal(value: Any) -> str:
    """Write a value; the server finds the type of a text from where it stands, as it does of a parameter.

    A time with a zone is written in UTC, which is what times in the tables are.

    Raises
    ------
    ArchiveError
        If the server has no such value.
    """
    match value:
        case None:
            return "NULL"
        case bool():
            return "true" if value else "false"
        case int():
            return f"({value:d})" if value < 0 else f"{value:d}"
        case float():
            return f"'{float(value)!r}'::float8"
        case str():
            return _text(value)
        case bytes():
            return f"'\\x{value.hex()}'::bytea"
        case datetime():
            naive = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
            return f"'{naive.isoformat(sep=' ')}'::timestamp"
        case list() | tuple():
            return f"ARRAY[{', '.join(map(literal, value))}]::{_array(value)}[]"
    raise ArchiveError(f"there is no SQL literal for a {type(value).__name__}")


def _text(value: str) -> str:
    if "\0" in value:
        raise ArchiveError("PostgreSQL knows no text with the character NUL")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        code = ord(value[error.start])
        raise ArchiveError(f"PostgreSQL knows no text with half a character (U+{code:X})") from None
    return "'" + value.replace("'", "''") + "'"


_ARRAYS = ((bool, "boolean"), (str, "text"), (float, "float8"), (bytes, "bytea"), (datetime, "timestamp"))


def _array(values: Sequence[Any]) -> str:
    """Give the type of an array's elements; whole numbers where nothing tells."""
    return next((kind for of, kind in _ARRAYS if any(isinstance(value, of) for value in values)), "bigint")
