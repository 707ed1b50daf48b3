"""Queries of a log in clusters of the same skeleton, and only such as enough people asked."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from vobroker.adql.errors import AdqlError
from vobroker.adql.parser import parse
from vobroker.adql.querylog.advice import advice
from vobroker.adql.querylog.logs import Entry
from vobroker.adql.querylog.skeleton import Skeleton, normal, skeleton

CACHE = 100_000
"""Normal texts whose outcome is remembered."""

MAX_CLUSTERS = 1_000_000
"""Most different skeletons; queries of more are counted as rare."""

_FIXES = {
    "syntax": "",
    "too-long": "Shorter queries; long lists of identifiers belong in TAP_UPLOAD.",
    "too-deep": "Fewer brackets.",
}


@dataclass(slots=True)
class Cluster:
    """Queries of one skeleton: how many, when, by how many people."""

    skeleton: Skeleton
    advice: tuple[str, ...]
    count: int = 0
    people: set[str] = field(default_factory=set)
    days: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Mistake:
    """Queries with the same mistake: its kind, and what to write instead."""

    kind: str
    fix: str
    count: int = 0
    people: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Mined:
    """What a log holds.

    Attributes
    ----------
    clusters
        Those that enough people asked, the largest first.
    mistakes
        Of invalid queries, likewise.
    queries, invalid
        All, and those that are no ADQL.
    rare
        Queries of clusters and mistakes below the threshold: nothing else of them leaves.
    threshold
        How many people, or queries where the log names nobody, a cluster needs.
    """

    clusters: list[Cluster]
    mistakes: list[Mistake]
    queries: int
    invalid: int
    rare: int
    threshold: int


Outcome = tuple[Skeleton | None, tuple[str, ...], tuple[str, str]]


def mine(entries: Iterable[Entry], *, threshold: int = 5) -> Mined:
    """Sort queries into clusters.

    Parameters
    ----------
    entries
        The queries.
    threshold
        A cluster of fewer people is left out (k-anonymity). Where the log does not say who asked, of fewer
        queries.
    """
    known: OrderedDict[str, Outcome] = OrderedDict()
    clusters: dict[str, Cluster] = {}
    mistakes: dict[tuple[str, str], Mistake] = {}
    queries = invalid = lost = 0
    for entry in entries:
        queries += 1
        text = normal(entry.text)
        found = known.get(text)
        if found is None:
            found = known[text] = outcome(text)
            if len(known) > CACHE:
                known.popitem(last=False)
        shape, helps, mistake = found
        group: Cluster | Mistake
        if shape is None:
            invalid += 1
            group = mistakes.setdefault(mistake, Mistake(*mistake))
        else:
            cluster = clusters.get(shape.fingerprint)
            if cluster is None:
                if len(clusters) >= MAX_CLUSTERS:
                    lost += 1
                    continue
                cluster = clusters[shape.fingerprint] = Cluster(shape, helps)
            cluster.days[entry.day] += 1
            group = cluster
        group.count += 1
        if len(group.people) < threshold:
            group.people.add(entry.user or f"query {queries}")
    kept = [c for c in clusters.values() if len(c.people) >= threshold]
    told = [m for m in mistakes.values() if len(m.people) >= threshold]
    rare = lost + sum(c.count for c in clusters.values()) - sum(c.count for c in kept)
    rare += sum(m.count for m in mistakes.values()) - sum(m.count for m in told)
    kept.sort(key=lambda c: (-c.count, c.skeleton.fingerprint))
    told.sort(key=lambda m: (-m.count, m.kind, m.fix))
    return Mined(kept, told, queries, invalid, rare, threshold)


def outcome(text: str) -> Outcome:
    """Parse a normal text: its skeleton with advice, or the kind of its mistake with the fix."""
    try:
        query = parse(text)
    except AdqlError as error:
        return None, (), (_kind(error), _fix(error))
    return skeleton(query), advice(query), ("", "")


def _kind(error: AdqlError) -> str:
    """Say what kind of mistake it is without a word of the query."""
    if error.code != "syntax":
        return error.code
    for words, kind in _KINDS:
        if words in error.suggestion or words in error.message:
            return kind
    return "syntax"


def _fix(error: AdqlError) -> str:
    return _FIXES.get(error.code) or next((fix for kind, fix in _CURES.items() if kind == _kind(error)), "")


_KINDS = (
    ("no LIMIT", "LIMIT"),
    ("reserved word", "reserved word as a name"),
    ("Curly quotes", "curly quotes"),
    ("never closed", "quotation mark not closed"),
    ("CONTAINS and INTERSECTS give", "predicate without = 1"),
    ("without a semicolon", "semicolon"),
    ("comma too many", "comma too many"),
    ("no TRUE", "TRUE or FALSE"),
    ("no FALSE", "TRUE or FALSE"),
    ("Equality is one", "== for ="),
    ("no arrays", "arrays"),
    ("MOD(a, b)", "% for MOD"),
    ("A column alone", "column as a condition"),
    ("belongs to one JOIN", "condition of a join too many"),
    ("Did you mean", "misspelt keyword"),
    ("ends too early", "incomplete query"),
)
_CURES = {
    "LIMIT": "SELECT TOP n instead of LIMIT n.",
    "reserved word as a name": "The name in double quotes.",
    "curly quotes": "Straight quotation marks.",
    "quotation mark not closed": "Another quotation mark.",
    "predicate without = 1": "1 = CONTAINS(...).",
    "semicolon": "No semicolon.",
    "comma too many": "One comma less.",
    "TRUE or FALSE": "Compare with 1 or 0.",
    "== for =": "One =.",
    "arrays": "ADQL has none.",
    "% for MOD": "MOD(a, b).",
    "column as a condition": "Compare the column with a value.",
    "condition of a join too many": "One ON for each JOIN.",
    "misspelt keyword": "Look at the keywords.",
    "incomplete query": "The rest of the query.",
}
