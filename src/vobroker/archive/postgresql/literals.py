"""Parameters put into SQL as literals: the server's COPY, by which results come, takes no parameters.

What is searched for their places is SQL of ours and of the translator, with plain strings ('…') and
delimited identifiers ("…"), neither comments nor dollar quotes; sessions have
``standard_conforming_strings`` on (PostgreSQL documentation, section 4.1.2.1).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from vobroker.archive.errors import ArchiveError

_TOKEN = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(?P<number>\d+)|(?P<next>\?)""")


def bound(sql: str, parameters: Sequence[Any]) -> str:
    """Put parameters in the places of ``$1``, ``$2`` ... or of each ``?`` in turn.

    Raises
    ------
    ArchiveError
        If a text has the character NUL, which the server does not know.
    """
    if not parameters:
        return sql
    rest = iter(parameters)

    def written(found: re.Match[str]) -> str:
        if found["number"]:
            return literal(parameters[int(found["number"]) - 1])
        return literal(next(rest)) if found["next"] else found[0]

    return _TOKEN.sub(written, sql)


def literal(value: Any) -> str:
    """Write a value; the server finds the type of a text from where it stands, as it does of a parameter."""
    match value:
        case None:
            return "NULL"
        case bool():
            return "true" if value else "false"
        case int():
            return f"({value})" if value < 0 else str(value)
        case float():
            return f"'{value!r}'::float8"
        case str():
            if "\0" in value:
                raise ArchiveError("PostgreSQL knows no text with the character NUL")
            return "'" + value.replace("'", "''") + "'"
        case bytes():
            return f"'\\x{value.hex()}'::bytea"
        case datetime():
            return f"'{value.isoformat(sep=' ')}'::timestamp"
        case list() | tuple():
            kind = _array(value)
            return f"ARRAY[{', '.join(map(literal, value))}]::{kind}[]"
    raise ArchiveError(f"there is no SQL literal for a {type(value).__name__}")


def _array(values: Sequence[Any]) -> str:
    if any(isinstance(value, str) for value in values):
        return "text"
    return "float8" if any(isinstance(value, float) for value in values) else "bigint"
