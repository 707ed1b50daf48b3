"""Which alternatives of the grammar a query really uses: an interpreter of ``adql.peg``, for tests only.

It walks the grammar as it is read, without the code that is made of it, and so is a second opinion too.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from vobroker.adql import peg
from vobroker.adql.parser import parser

Use = tuple[str, str]
"""A rule and the way through it."""


@cache
def grammar() -> Any:
    return peg._read(files("vobroker.adql").joinpath("adql.peg").read_text(encoding="utf-8"))


def ways() -> set[Use]:
    """Every alternative of every rule, and every optional part both there and not there."""
    return {use for name, rule in grammar().rules.items() for use in _ways(name, rule.body, "")}


def _ways(rule: str, part: Any, at: str) -> set[Use]:
    found: set[Use] = {(rule, "")}
    for number, inner in enumerate(_inner(part)):
        found |= _ways(rule, inner, f"{at}.{number}")
    if isinstance(part, peg._Choice):
        found |= {(rule, f"{at} alternative {number}") for number in range(len(part.options))}
    if isinstance(part, peg._Repeat):
        amounts = {
            "?": ("none", "one"),
            "*": ("none", "one", "more"),
            "+": ("one", "more"),
            "%": ("one", "more"),
        }
        found |= {(rule, f"{at} {amount}") for amount in amounts[part.sign]}
    return found


def _inner(part: Any) -> tuple[Any, ...]:
    if isinstance(part, peg._Choice):
        return tuple(part.options)
    if isinstance(part, peg._Sequence):
        return tuple(part.parts)
    return (part.part,) if isinstance(part, (peg._Repeat, peg._Label)) else ()


def uses(text: str) -> set[Use] | None:
    """The ways through the grammar by which a text is a query; None if it is none."""
    tokens = parser().tokens(text)
    kinds = tokens.kinds
    rules = grammar().rules
    known: dict[tuple[str, int], tuple[int, frozenset[Use]] | None] = {}

    def rule(name: str, at: int) -> tuple[int, frozenset[Use]] | None:
        if (name, at) not in known:
            found = match(name, rules[name].body, "", at)
            known[name, at] = (found[0], found[1] | {(name, "")}) if found else None
        return known[name, at]

    def match(name: str, part: Any, path: str, at: int) -> tuple[int, frozenset[Use]] | None:
        if isinstance(part, peg._Text):
            return (at + 1, frozenset()) if kinds[at] == part.text else None
        if isinstance(part, peg._Name):
            if part.name in rules:
                return rule(part.name, at)
            return (at + 1, frozenset()) if kinds[at] == part.name else None
        if isinstance(part, peg._Label):
            return match(name, part.part, f"{path}.0", at)
        if isinstance(part, peg._Not):
            return None if match(name, part.part, path, at) else (at, frozenset())
        if isinstance(part, peg._Choice):
            for number, option in enumerate(part.options):
                if found := match(name, option, f"{path}.{number}", at):
                    return found[0], found[1] | {(name, f"{path} alternative {number}")}
            return None
        if isinstance(part, peg._Sequence):
            used: frozenset[Use] = frozenset()
            for number, inner in enumerate(part.parts):
                found = match(name, inner, f"{path}.{number}", at)
                if found is None:
                    return None
                at, used = found[0], used | found[1]
            return at, used
        assert isinstance(part, peg._Repeat)
        return repeat(name, part, path, at)

    def repeat(name: str, part: Any, path: str, at: int) -> tuple[int, frozenset[Use]] | None:
        used: frozenset[Use] = frozenset()
        count, end = 0, at
        while part.sign != "?" or count == 0:
            if count and part.separator:
                if kinds[end] != part.separator:
                    break
                end += 1
            found = match(name, part.part, f"{path}.0", end)
            if found is None:
                break
            at = end = found[0]
            used |= found[1]
            count += 1
        if not count and part.sign in "+%":
            return None
        return at, used | {(name, f"{path} {('none', 'one')[count] if count < 2 else 'more'}")}

    found = rule("Query", 0)
    return set(found[1]) if found and kinds[found[0]] == peg.END else None
