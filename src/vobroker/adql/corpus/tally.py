"""Count outcomes: by version and kind of query, by group of features, by folder of the corpus."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from vobroker.adql.corpus.runner import Outcome, Question, Run
from vobroker.adql.features import FEATURES

KINDS = ("valid", "invalid", "contested", "extension")


@dataclass(frozen=True, slots=True)
class Tally:
    """How many of some outcomes were asked, agree, disagree, and came to nothing."""

    asked: int
    agrees: int
    disagrees: int
    fails: int

    @property
    def percent(self) -> float:
        """Share that agrees."""
        return 100 * self.agrees / self.asked if self.asked else 0.0


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table: what is counted, how many queries that is, and a tally for each run."""

    name: str
    queries: int
    tallies: tuple[Tally, ...]


def tally(outcomes: Iterable[Outcome]) -> Tally:
    """Count outcomes."""
    found = [outcome.judgement for outcome in outcomes]
    agrees, disagrees, fails = (found.count(j) for j in ("agrees", "disagrees", "fails"))
    return Tally(agrees + disagrees + fails, agrees, disagrees, fails)


def rows(runs: Sequence[Run], keys: Callable[[Question], Iterable[str]]) -> list[Row]:
    """Count the outcomes of runs over the same corpus; ``keys`` names the lines that a query counts in."""
    names = dict.fromkeys(key for outcome in runs[0].outcomes for key in keys(outcome.question))
    found = []
    for name in names:
        picked = [[o for o in run.outcomes if name in keys(o.question)] for run in runs]
        found.append(Row(name, len(picked[0]), tuple(map(tally, picked))))
    return found


def by_kind(runs: Sequence[Run]) -> list[Row]:
    """Count valid and invalid queries of each version apart, then those where nothing is settled."""

    def keys(question: Question) -> tuple[str]:
        if question.kind in ("contested", "extension"):
            return (question.kind,)
        version = "ADQL 2.0 and 2.1" if question.since == "2.0" else "ADQL 2.1"
        return (f"{version}, {question.kind}",)

    order = [f"{v}, {k}" for v in ("ADQL 2.0 and 2.1", "ADQL 2.1") for k in KINDS[:2]] + list(KINDS[2:])
    return sorted(rows(runs, keys), key=lambda row: order.index(row.name))


def by_features(runs: Sequence[Run]) -> list[Row]:
    """Count settled queries by the groups of what they use beyond the core of the language."""
    groups = [group for group in dict.fromkeys(feature.group for feature in FEATURES.values()) if group]

    def keys(question: Question) -> list[str]:
        if question.kind not in ("valid", "invalid"):
            return []
        found = {FEATURES[name].group for name in question.query.features if name in FEATURES}
        return [f"{group}, {question.kind}" for group in (found - {"core", ""} or {"core"})]

    order = [f"{group}, {kind}" for group in groups for kind in KINDS[:2]]
    return sorted(rows(runs, keys), key=lambda row: order.index(row.name))


def by_folder(runs: Sequence[Run]) -> list[Row]:
    """Count settled queries by the folder of the corpus that they are in."""

    def keys(question: Question) -> list[str]:
        folder = question.group.name.partition("/")[0]
        return [f"{folder}, {question.kind}"] if question.kind in ("valid", "invalid") else []

    return rows(runs, keys)


def settled_trouble(run: Run) -> list[Outcome]:
    """Give the outcomes that speak against an implementation: of valid and invalid queries only."""
    return [
        outcome
        for outcome in run.outcomes
        if outcome.question.kind in ("valid", "invalid") and outcome.judgement in ("disagrees", "fails")
    ]
