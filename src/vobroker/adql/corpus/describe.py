"""What a query of the corpus uses: exactly where it parses, by its words where it does not."""

from __future__ import annotations

import re
from dataclasses import replace

from vobroker.adql.corpus.model import Group, Query
from vobroker.adql.errors import AdqlError
from vobroker.adql.features import FEATURES, features
from vobroker.adql.parser import parse

_NOT_TEXT = re.compile(r"--[^\n]*|'(?:[^']|'')*'|\"(?:[^\"]|\"\")+\"")
_WORDS = {
    name: re.compile(r"\b" + name.replace(" ", r"\s+") + r"\b", re.IGNORECASE)
    for name in FEATURES
    if name.replace("_", "").replace(" ", "").isalnum() and name.isupper()
}


def described(group: Group) -> Group:
    """Give the group with the features of those queries that name none."""
    return replace(
        group, queries=tuple(q if q.features else replace(q, features=features_of(q)) for q in group.queries)
    )


def features_of(query: Query) -> tuple[str, ...]:
    """Name the features of a query, in the order of :data:`vobroker.adql.features.FEATURES`."""
    try:
        found = features(parse(query.text))
    except AdqlError:
        code = _NOT_TEXT.sub(" ", query.text)
        found = frozenset(name for name, word in _WORDS.items() if word.search(code))
    return tuple(name for name in FEATURES if name in found)
