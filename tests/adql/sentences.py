"""Random sentences of ADQL, made by walking through the grammar that is the parser."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from hypothesis import strategies as st

from vobroker.adql.peg import _Choice, _Grammar, _Label, _Name, _read, _Repeat, _Sequence, _Text

TOKENS: Mapping[str, tuple[str, ...]] = {
    "Real": ("1.5e-3", "2E+2", ".5e0"),
    "Decimal": ("2.5", "0.", ".25"),
    "Integer": ("0", "1", "7", "9223372036854775807"),
    "String": ("'it''s'", "''", "'-- no comment'", "'two\nlines'", "'deg'", "'2026-11-24T03:15:00'"),
    "Regular": ("col", "T1", "stars"),
    "Delimited": ('"a ""b"" -- c"', '"ra"'),
}

PLAIN: Mapping[str, str] = {
    "Primary": "Number",
    "Geometry": "Point",
    "TablePrimary": "TableName",
    "SetPrimary": "Select",
    "Truth": "Predicate",
    "Test": "IsNull",
    "Shape": "Primary",
    "Position": "ColumnReference",
}
"""What a rule is taken for when a sentence has become long, so that it ends."""

LENGTH = 60
"""Rules after which a sentence begins to end."""


@cache
def grammar() -> _Grammar:
    return _read(files("vobroker.adql").joinpath("adql.peg").read_text())


@st.composite
def sentences(
    draw: Callable[[Any], Any], words: Mapping[str, tuple[str, ...]] | None = None, start: str = "Query"
) -> list[str]:
    """Tokens of a sentence; ``words`` stand in for tokens and for whole rules, by name."""
    given = {**TOKENS, **(words or {})}
    rules = grammar().rules
    left = LENGTH

    def one_of(count: int) -> int:
        return draw(st.integers(0, count - 1)) if count > 1 else 0

    def walk(part: Any) -> list[str]:
        nonlocal left
        match part:
            case _Text(text=text):
                return [text]
            case _Name(name=name) if name in given:
                return [given[name][one_of(len(given[name]))]]
            case _Name(name=name):
                left -= 1
                ends = left < 0 and name in PLAIN
                return walk(_Name(PLAIN[name])) if ends else walk(rules[name].body)
            case _Label(part=inner):
                return walk(inner)
            case _Sequence(parts=parts):
                return [token for inner in parts for token in walk(inner)]
            case _Choice(options=options):
                return walk(options[one_of(len(options))])
            case _Repeat(part=inner, sign=sign, separator=separator):
                least = sign in "+%"
                most = least if left < 0 else 1 if sign == "?" else 2
                tokens: list[str] = []
                for number in range(least + one_of(max(most - least, 0) + 1)):
                    tokens += [separator] if number and separator else []
                    tokens += walk(inner)
                return tokens
        raise TypeError(part)

    return walk(_Name(start))
