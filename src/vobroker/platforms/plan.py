"""Where a job should run, and why: places ranked, with every term that was used.

First come hard filters: may one go there, is the machine large enough, are the data there or can they be
brought. Then the ladder of access: data that are mounted before data in a database there, at the same site,
with the same provider, over the internet. Then estimated seconds. What is not known never beats what is
known: a place that may fail a filter comes after all that pass; data of a place whose closeness is not
documented are taken for as far as they can be, with the provider; among equals the place with more open
questions comes later, and an estimate that rests on an assumption after one that does not.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from vobroker.platforms.descriptor import CLOSENESS, IDENTITIES, OF_SESSION, Fact, Facts, Item, Platform
from vobroker.platforms.jobs import Job, Need
from vobroker.platforms.units import duration, shown, size

OK, UNKNOWN, NO = "ok", "unknown", "no"
"""What a filter says, from the best on."""

STATES = (OK, UNKNOWN, NO)
LADDER = tuple(CLOSENESS)

RATES = {"mounted": 500e6, "database": 50e6, "site": 100e6, "provider": 50e6, "remote": 10e6}
"""Bytes a second that are assumed, by closeness, where a descriptor does not say; each use is printed so."""

REQUEST = 0.5
"""Seconds of a request that are assumed where a descriptor does not say."""

MOVED = ("provider", "remote")
"""Rungs on which data have to be copied before they can be used."""


@dataclass(frozen=True, slots=True)
class Term:
    """One filter: what it asks, what it says, and why in words."""

    name: str
    state: str
    text: str


@dataclass(frozen=True, slots=True)
class Step:
    """One part of the time: what is done, the arithmetic, and the seconds; None where they are not known."""

    name: str
    arithmetic: str
    seconds: float | None
    assumed: bool


@dataclass(frozen=True, slots=True)
class Move:
    """Data that would have to be copied: what, how much, from where to where."""

    dataset: str
    bytes: float
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A place and a role there, weighed.

    Attributes
    ----------
    platform, role
        The place, and as what one would go there.
    state
        The worst that a filter says.
    rung
        The farthest rung of the ladder on which data are.
    terms, steps, moves, missing
        The filters, the time, what is copied, and what one would have to bring along.
    moved, seconds
        Bytes that go over a network, and the time; of steps that are not known nothing is counted.
    exact
        Whether every step of the time is known, and none rests on an assumption.
    words
        The reason in a sentence.
    """

    platform: Platform
    role: str
    state: str
    rung: str
    terms: tuple[Term, ...]
    steps: tuple[Step, ...]
    moves: tuple[Move, ...]
    missing: tuple[str, ...]
    moved: float
    seconds: float
    exact: bool
    words: str

    def as_dict(self) -> dict[str, Any]:
        """Give it for programs."""
        told = {
            name: getattr(self, name)
            for name in ("role", "state", "rung", "moved", "seconds", "exact", "words")
        }
        parts = {name: [asdict(one) for one in getattr(self, name)] for name in ("terms", "steps", "moves")}
        return {"platform": self.platform.id, **told, **parts, "missing": list(self.missing)}

    @property
    def key(self) -> tuple[int, int, int, int, bool, float, str]:
        """Order of choices, the best first."""
        rung = LADDER.index(self.rung)
        wrong = sum(term.state == NO for term in self.terms)
        open_ = sum(term.state == UNKNOWN for term in self.terms)
        return STATES.index(self.state), wrong, rung, open_, not self.exact, self.seconds, self.platform.id


def plan(job: Job, platforms: Mapping[str, Platform]) -> list[Choice]:
    """Rank places for a job, the best first, each in the role that is best there.

    Parameters
    ----------
    job
        The job.
    platforms
        Places by their short names.
    """
    best: list[Choice] = []
    for platform in platforms.values():
        found = [_weigh(job, platform, role, platforms) for role in platform.roles if role != "operator"]
        first = min(found, key=lambda choice: choice.key)
        others = [one for one in found if one is not first]
        best.append(replace(first, words=_words(job, first, others)))
    return sorted(best, key=lambda choice: choice.key)


def _weigh(job: Job, platform: Platform, role: str, platforms: Mapping[str, Platform]) -> Choice:
    facts = platform.roles[role]
    terms = [_let_in(job, facts, f"as {role}", "identity"), *_machine(job, facts, role)]
    copies = [_copy(job, need, platform, platforms.values()) for need in job.needs]
    steps: list[Step] = []
    for copy in copies:
        terms.append(copy.term)
        if copy.source is not None and copy.dataset is not None:
            terms += _room(copy, facts)
            terms += _limits(job, copy, facts if copy.source is platform else _as(job, copy.source))
            steps += _reading(copy, copy.dataset, copy.source)
    steps += [*_computing(job, facts), *_waiting(job, platform, facts, role)]
    moves = [
        Move(copy.need.id, copy.amount, copy.source.id, platform.id)
        for copy in copies
        if copy.source is not None and copy.rung in MOVED
    ]
    return Choice(
        platform,
        role,
        max((term.state for term in terms), key=STATES.index),
        max((copy.rung for copy in copies), key=LADDER.index),
        tuple(terms),
        tuple(steps),
        tuple(moves),
        tuple(_missing(job, platform)),
        sum(move.bytes for move in moves) + _results(job),
        sum(step.seconds for step in steps if step.seconds is not None),
        not any(step.assumed or step.seconds is None for step in steps)
        and all(copy.dataset is None or copy.dataset.facts["closeness"] for copy in copies),
        "",
    )


@dataclass(frozen=True, slots=True)
class _Copy:
    """The copy of a dataset that a job would use: where it is, on which rung, and what is said of it.

    ``asked`` tells whether a query in the database is all that is wanted of it.
    """

    need: Need
    term: Term
    rung: str
    source: Platform | None = None
    dataset: Item | None = None
    asked: bool = False

    @property
    def amount(self) -> float:
        """Bytes that are read of it, or of the result."""
        return (self.need.result or 0.0) if self.asked else self.need.amount


def _as(job: Job, platform: Platform) -> Facts:
    """Give the limits of the best role that one may have at a place."""
    allowed = [role for role in ("user", "guest") if role in platform.roles]
    fitting = [one for one in allowed if _let_in(job, platform.roles[one], one, one).state != NO]
    return platform.roles[(fitting or allowed)[0]]


def _results(job: Job) -> float:
    """Bytes of results that go to who asks, where no session there takes them."""
    return 0.0 if job.compute else sum(need.result or 0 for need in job.needs)


# -- hard filters --------------------------------------------------------------------------------------


def _let_in(job: Job, facts: Facts, where: str, name: str) -> Term:
    """Whether who one is suffices for a role or a dataset."""
    wanted = facts["identity"]
    if wanted is None:
        return Term(name, UNKNOWN, f"{where}: it is not documented who is let in")
    order = list(IDENTITIES)
    said = IDENTITIES[wanted.value]
    if wanted.value == "collaboration":
        group = facts["collaboration"]
        if group is None:
            return Term(name, UNKNOWN, f"{where}: {said}, and it is not documented which")
        state = OK if group.value in job.collaborations else NO
        text = f"{where}: members of {group.value}" + (", which you are not" if state == NO else "")
        return Term(name, state, text)
    state = OK if order.index(job.identity) >= order.index(wanted.value) else NO
    return Term(name, state, f"{where}: {said}" + (f"; you are {job.identity}" if state == NO else ""))


_MACHINE = (
    ("cores", ("cores",)),
    ("memory", ("memory",)),
    ("gpus", ("gpus",)),
    ("disk", ("home", "scratch")),
)


def _machine(job: Job, facts: Facts, role: str) -> Iterator[Term]:
    """Whether a session has what the job needs; a job that only asks a database needs none."""
    if not job.compute:
        return
    sessions = facts["sessions"]
    if sessions is not None and not sessions.value:
        yield Term("session", NO, f"as a {role} you get no notebook")
        return
    if sessions is None and facts["cores"] is None:
        yield Term("session", UNKNOWN, f"whether a {role} gets a notebook is not documented")
    for name, fields in _MACHINE:
        if wanted := job.compute.get(name, 0):
            yield _enough(name, wanted, _found(facts, fields), "byte" if name in ("memory", "disk") else "")


def _found(facts: Facts, names: Sequence[str]) -> list[Fact | None]:
    """Give facts of a role, without those of a session where there is none."""
    sessions = facts["sessions"]
    none = sessions is not None and not sessions.value
    return [facts[name] for name in names if not (none and name in OF_SESSION)]


def _room(copy: _Copy, facts: Facts) -> Iterator[Term]:
    """Whether what would be copied has room; what comes object by object can be used as it comes."""
    delivery = copy.dataset.facts["delivery"] if copy.dataset else None
    by_object = delivery is not None and delivery.value == "request"
    if copy.rung in MOVED and not by_object:
        yield _enough(f"room for {copy.need.id}", copy.amount, _found(facts, ("home", "scratch")), "byte")


def _limits(job: Job, copy: _Copy, facts: Facts) -> Iterator[Term]:
    """Whether the result of a query, and the tables that go with it, are small enough where it runs."""
    need = copy.need
    for name, wanted, field, unit in (
        ("rows of a result", need.rows, "max_rows", ""),
        ("size of a result", need.result, "result", "byte"),
        ("table sent along", job.upload, "upload", "byte"),
        ("rows sent along", job.upload_rows, "upload_rows", ""),
    ):
        if copy.asked and wanted and not (field == "result" and facts[field] is None):
            yield _enough(name, wanted, [facts[field]], unit)


def _enough(name: str, wanted: float, found: Sequence[Fact | None], unit: str) -> Term:
    """Whether the largest of some facts is as large as what is wanted."""
    known = [fact for fact in found if fact is not None]
    want = shown(wanted, unit)
    if not known:
        return Term(name, UNKNOWN, f"{name}: {want} wanted, the limit is not documented")
    most = max(known, key=lambda fact: fact.value)
    if most.value >= wanted:
        return Term(name, OK, f"{name}: {want} wanted, {most.text} there")
    state = UNKNOWN if len(known) < len(found) else NO
    return Term(name, state, f"{name}: {want} wanted, {'only ' * (state == NO)}{most.text} there")


def _copy(job: Job, need: Need, platform: Platform, platforms: Iterable[Platform]) -> _Copy:
    """Find the nearest copy that one may read."""
    refused, here = f"{need.id}: none of the places has it", ""
    for source in (platform, *(one for one in platforms if one is not platform)):
        dataset = source.dataset(need.id)
        if dataset is None:
            continue
        allowed = _let_in(job, dataset.facts, need.id, need.id)
        closeness = dataset.facts["closeness"]
        what = f"the {size(need.amount)} of {need.id}"
        asked = need.query and (closeness is None or closeness.value not in MOVED)
        if allowed.state == NO:
            refused = allowed.text
        elif short := _short(need, dataset):
            refused = f"{source.title} has {short}"
            here = f", since it has {short}" if source is platform else here
        elif source is platform:
            rung = "provider" if closeness is None else closeness.value
            state, text = allowed.state, f"{what} are {CLOSENESS[rung]}"
            if closeness is None:
                text += ", whether nearer is not documented"
            if closeness is None and asked:
                state, text = UNKNOWN, f"{text}, nor whether they can be queried"
            return _Copy(need, Term(need.id, state, text), rung, source, dataset, asked)
        elif need.query and not job.compute:
            refused = f"{need.id} is in no database there"
        else:
            state = UNKNOWN if asked and closeness is None else allowed.state
            if asked:
                what = f"the {size(need.result or 0)} that a query on {need.id} gives"
            text = f"{what} would be copied from {source.title}{here}"
            return _Copy(need, Term(need.id, state, text), "remote", source, dataset, asked)
    return _Copy(need, Term(need.id, NO, refused), "remote")


def _short(need: Need, dataset: Item) -> str:
    """Say how much a copy has, where that is less than a job wants."""
    for wanted, fact, what in (
        (need.objects, dataset.facts["rows"], "objects"),
        (need.amount, dataset.facts["size"], ""),
    ):
        if wanted and fact is not None and fact.value < wanted:
            unit = fact.field.unit
            return (
                f"only {shown(fact.value, unit)} of the {shown(wanted, unit)} {what}".rstrip()
                + f" of {need.id}"
            )
    return ""


def _missing(job: Job, platform: Platform) -> Iterator[str]:
    """Name the software that is not documented to be there."""
    installed = [fact.value for image in platform.images if (fact := image.facts["software"]) is not None]
    there = {name.lower() for names in installed for name in names}
    if job.compute:
        yield from (name for name in job.software if name.lower() not in there)


# -- seconds -------------------------------------------------------------------------------------------


def _reading(copy: _Copy, dataset: Item, source: Platform) -> Iterator[Step]:
    """Say how long it takes to read, or to copy, what is needed of a dataset."""
    told = dataset.facts["bandwidth"]
    if told is None and copy.rung == "remote":
        told = source.facts["bandwidth"]
    if told is not None and not told.value:
        told = None
    rate = told.value if told else RATES[copy.rung]
    name = f"{'the result of a query on' if copy.asked else 'reading'} {copy.need.id}"
    text = f"{size(copy.amount)} / {size(rate)}/s = {duration(copy.amount / rate)}"
    text += "" if told else f", a rate assumed for data {CLOSENESS[copy.rung]}"
    yield Step(name, text, copy.amount / rate, told is None)
    if copy.asked:
        yield Step(f"running the query on {copy.need.id}", "not known beforehand; not counted", None, False)
    delivery, objects = dataset.facts["delivery"], copy.need.objects
    if delivery is None or delivery.value != "request" or not objects or copy.asked:
        return
    batch, pause = dataset.facts["per_request"], dataset.facts["latency"]
    number = batch.value if batch and batch.value else 1
    each = pause.value if pause else REQUEST
    seconds = math.ceil(objects / number) * each
    text = f"{objects:,.0f} objects / {number:,} a request x {each:g} s = {duration(seconds)}"
    text += "" if batch else ", one object a request assumed"
    text += "" if pause else f", {REQUEST:g} s a request assumed"
    yield Step(f"requests for {copy.need.id}", text, seconds, batch is None or pause is None)


def _computing(job: Job, facts: Facts) -> Iterator[Step]:
    if not (work := job.compute.get("core_time")):
        return
    found = facts["cores"]
    cores = found.value if found and found.value else job.compute.get("cores", 1) or 1
    seconds = work / cores
    text = f"{duration(work)} of one core / {cores:g} cores = {duration(seconds)}"
    text += "" if found and found.value else ", with the cores that the job wants"
    longest = facts["session_time"]
    if longest and longest.value and seconds > longest.value:
        text += f", in {math.ceil(seconds / longest.value)} sessions of {longest.text}"
    yield Step("computing", text, seconds, not (found and found.value))


def _waiting(job: Job, platform: Platform, facts: Facts, role: str) -> Iterator[Step]:
    waits = [("waiting for a session", facts["queue_time"])] if job.compute else []
    if role != "guest" and platform.id not in job.accounts:
        waits.append(("waiting for an account", platform.facts["registration_time"]))
    for name, fact in waits:
        seconds = None if fact is None else fact.value
        yield Step(name, "not documented; not counted" if fact is None else fact.text, seconds, False)


# -- words ---------------------------------------------------------------------------------------------


def _words(job: Job, choice: Choice, others: Sequence[Choice]) -> str:
    """Say in a sentence why a place is where it is."""
    order = {NO: 0, UNKNOWN: 1, OK: 2}
    said = sorted((term for term in choice.terms), key=lambda term: order[term.state])
    if choice.state == NO:
        reasons = [term.text for term in said if term.state == NO]
        return f"Not there: {'; '.join(dict.fromkeys(reasons))}."
    data = [term.text for term in choice.terms if any(term.name == need.id for need in job.needs)]
    parts = [f"As {choice.role}: {', '.join(data)}"]
    parts += [term.text for term in said if term.state == UNKNOWN and term.text not in data]
    for other in others:
        wrong = [term.text for term in other.terms if term.state == NO]
        if wrong and other.role == "guest":
            parts.append(wrong[0])
    parts.append(f"data moved: {size(choice.moved) if choice.moved else 0}")
    open_ = any(step.seconds is None for step in choice.steps)
    about = "" if choice.exact else f" ({'at least, and ' * open_}on assumptions)"
    parts.append(f"estimated time {duration(choice.seconds)}{about}")
    return "; ".join(dict.fromkeys(parts)) + "."
