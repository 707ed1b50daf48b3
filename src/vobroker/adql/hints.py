"""Plain words for a text that does not parse: what was found, what could stand there, what to write."""

from __future__ import annotations

from vobroker.adql.errors import AdqlError, nearest
from vobroker.adql.peg import END, OTHER, Limits, SyntaxFailureError, Tokens

_NAMES = {
    "Integer": "a whole number",
    "Real": "a number",
    "Decimal": "a number",
    "Regular": "a name",
    "Delimited": "a name",
    "String": "a string",
}
_CURLY = {"“": '"', "”": '"', "‘": "'", "’": "'", "´": "'", "`": "'"}
_ELSEWHERE = {
    "==": "Equality is one = in ADQL.",
    "LIMIT": "ADQL has no LIMIT: write SELECT TOP n ... instead.",
    "TRUE": "ADQL 2.1 has no TRUE: compare the column with 1.",
    "FALSE": "ADQL 2.1 has no FALSE: compare the column with 0.",
    ";": "ADQL takes one query, without a semicolon.",
    "%": "Write MOD(a, b) for the remainder.",
    "^": "Write POWER(a, b) for a power.",
    "&": "Write AND between conditions.",
    "[": "ADQL has no arrays.",
}

_STRUCTURE = {
    "SELECT", "FROM", "WHERE", "GROUP", "BY", "HAVING", "ORDER", "UNION", "INTERSECT", "EXCEPT", "JOIN", "ON",
    "AND", "OR", "NOT", "IN", "IS", "LIKE", "ILIKE", "BETWEEN", "AS", "WITH", "THEN", "ELSE", "END", "WHEN",
}  # fmt: skip
"""Keywords that nobody means as a name."""


def syntax_error(text: str, failure: SyntaxFailureError, limits: Limits) -> AdqlError:
    """Turn a failure of the parser into words."""
    tokens, at = failure.tokens, failure.at
    span = (tokens.starts[at], tokens.ends[at])
    if failure.code == "too-long":
        message = f"The query has {len(text)} characters; at most {limits.length} are read."
        return AdqlError("too-long", message, text, span)
    if failure.code == "too-deep":
        message = f"Brackets, CASE and joins without condition are nested more than {limits.depth} deep."
        return AdqlError("too-deep", message, text, span)
    if failure.code == "too-many-steps":
        return AdqlError("too-many-steps", "The query takes too many steps to parse.", text, span)
    found = _found(tokens, at)
    wanted = _wanted(failure.expected)
    message = f"{found} {'ends too early' if tokens.kinds[at] == END else 'cannot stand here'}"
    message += f"; expected {wanted}." if wanted else "."
    return AdqlError("syntax", message, text, span, _advice(text, tokens, at, failure.expected))


def _found(tokens: Tokens, at: int) -> str:
    if tokens.kinds[at] == END:
        return "The query"
    text = tokens.texts[at]
    return f"'{text if len(text) <= 30 else text[:27] + '...'}'"


def _wanted(expected: tuple[str, ...]) -> str:
    words = sorted(
        {_NAMES.get(word, word) for word in expected} - {"Nothing"}, key=lambda w: (not w.startswith("a "), w)
    )
    if len(words) > 8:
        words = [word for word in words if word[0].isalpha()][:8]
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + f" or {words[-1]}" if words else ""


def _advice(text: str, tokens: Tokens, at: int, expected: tuple[str, ...]) -> str:
    """Name the usual mistake that leads to this failure, if it is one of them."""
    kind, word = tokens.kinds[at], tokens.texts[at]
    before = tokens.texts[at - 1] if at else ""
    if kind == OTHER and word in _CURLY:
        return f"Curly quotes are not ADQL: write {_CURLY[word]} instead of {word}."
    if kind == OTHER and word in "'\"":
        return f"The quotation mark {word} is never closed."
    if kind == "=" and before == "=":
        return _ELSEWHERE["=="]
    if kind in ("<", ">") and before == "=":
        return f"Write {kind}= instead of ={kind}."
    if kind in _STRUCTURE and before == ",":
        return f"There is a comma too many before {kind}."
    if kind in ("ON", "USING"):
        return f"{kind} belongs to one JOIN each, and to no NATURAL JOIN."
    if kind == "Regular" and word.startswith("_"):
        return f'Names begin with a letter; write "{word}" in double quotes.'
    for candidate in (word, before):
        if candidate.upper() in _ELSEWHERE:
            return _ELSEWHERE[candidate.upper()]
    if _after_geometry_test(tokens, at) and "a comparison" in expected:
        return "CONTAINS and INTERSECTS give 1 or 0: write 1 = CONTAINS(...)."
    if "a comparison" in expected and at and tokens.kinds[at - 1] in ("Regular", "Delimited"):
        return f"A column alone is no condition: compare it, as in {before} = 1."
    names_wanted = {"a name", "a column", "a value", "a table", "Regular", "a condition"} & set(expected)
    if kind.isupper() and kind not in _STRUCTURE and names_wanted:
        return (
            f'{word} is a reserved word; as a name write "{_as_written(text, tokens, at)}" in double quotes.'
        )
    if expected == ("(",) and before.isupper():
        name = _as_written(text, tokens, at - 1)
        return f'{before} is a function; as a name write "{name}" in double quotes.'
    for place in (at, at - 1):
        keywords = [w for w in expected if w.isupper()]
        if (
            place >= 0
            and tokens.kinds[place] == "Regular"
            and (near := nearest(tokens.texts[place], keywords))
        ):
            return f"Did you mean {near}?"
    return ""


def _as_written(text: str, tokens: Tokens, at: int) -> str:
    return text[tokens.starts[at] : tokens.ends[at]]


def _after_geometry_test(tokens: Tokens, at: int) -> bool:
    """Whether the token before is the bracket that closes CONTAINS( or INTERSECTS(."""
    depth = 0
    for place in range(at - 1, -1, -1):
        kind = tokens.kinds[place]
        depth += (kind == ")") - (kind == "(")
        if depth == 0:
            return kind == "(" and place > 0 and tokens.kinds[place - 1] in ("CONTAINS", "INTERSECTS")
    return False
