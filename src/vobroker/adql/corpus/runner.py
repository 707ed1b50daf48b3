"""Ask an implementation about every query of a corpus and judge its answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from typing import Literal

from vobroker.adql.corpus.implementations import Answer, Implementation
from vobroker.adql.corpus.model import VERSIONS, Group, Query

Judgement = Literal["agrees", "disagrees", "fails", "not asked"]
Kind = Literal["valid", "invalid", "contested", "extension"]


@dataclass(frozen=True, slots=True)
class Question:
    """A query of the corpus, and what an implementation should say of it.

    Attributes
    ----------
    valid
        The verdict for the version and the extensions that are asked about.
    since
        The first version of the language of which the same verdict is true.
    """

    group: Group
    query: Query
    valid: bool
    since: str

    @property
    def name(self) -> str:
        """Group and id, unique in a corpus."""
        return f"{self.group.name}/{self.query.id}"

    @property
    def kind(self) -> Kind:
        """How it is counted."""
        if self.query.contested:
            return "contested"
        if self.query.extension and not self.valid:
            return "extension"
        return "valid" if self.valid else "invalid"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a question; ``answer`` is None where it was not asked."""

    question: Question
    answer: Answer | None

    @property
    def judgement(self) -> Judgement:
        """Whether the implementation and the corpus agree."""
        if self.answer is None:
            return "not asked"
        if self.answer.verdict == "fails":
            return "fails"
        return "agrees" if (self.answer.verdict == "accepts") == self.question.valid else "disagrees"


@dataclass(frozen=True, slots=True)
class Run:
    """All answers of one implementation."""

    implementation: str
    version: str
    outcomes: tuple[Outcome, ...]


def questions(groups: Iterable[Group], version: str = "2.1", accept: Sequence[str] = ()) -> list[Question]:
    """Give what there is to ask about a version, with the extensions in ``accept`` counted as good."""
    found = []
    for group in groups:
        for query in group.queries:
            if version not in query.verdicts:
                continue
            valid = query.verdicts[version] or query.extension in accept
            found.append(Question(group, query, valid, _since(query, version)))
    return found


def _since(query: Query, version: str) -> str:
    return next(v for v in VERSIONS if query.verdicts.get(v) == query.verdicts[version])


def run(
    groups: Iterable[Group],
    implementation: Implementation,
    *,
    version: str = "2.1",
    accept: Sequence[str] = (),
    jobs: int = 1,
    done: Callable[[Outcome], None] = lambda outcome: None,
) -> Run:
    """Ask an implementation about a corpus.

    Parameters
    ----------
    groups
        The corpus.
    implementation
        Whom to ask.
    version
        Version of ADQL.
    accept
        Extensions that count as good.
    jobs
        Sessions in parallel.
    done
        Called after each answer.

    Raises
    ------
    CorpusError
        If the implementation cannot be asked at all.
    """
    asked = questions(groups, version, accept)
    outcomes: list[Outcome | None] = [None] * len(asked)
    numbers = iter(range(len(asked)))  # the interpreter hands each number to one thread only

    stopped = Event()

    def work() -> None:
        with implementation.start(version) as ask:
            for number in numbers:
                if stopped.is_set():
                    return
                question = asked[number]
                functions = (*question.group.functions, *question.query.functions)
                answer = None
                if question.query.level == "syntax" or implementation.knows_functions:
                    answer = ask(
                        question.query.text, functions if question.query.level == "functions" else None
                    )
                outcomes[number] = outcome = Outcome(question, answer)
                done(outcome)

    with ThreadPoolExecutor(max(1, min(jobs, len(asked)))) as pool:
        try:
            for future in [pool.submit(work) for _ in range(jobs)]:
                future.result()
        except BaseException:  # an interrupt too must not wait for all that is left to ask
            stopped.set()
            raise
    return Run(implementation.name, version, tuple(outcome for outcome in outcomes if outcome))
