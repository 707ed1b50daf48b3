"""What came of a run, for people (HTML), for continuous integration (JUnit XML) and for programs (JSON)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from importlib.resources import files
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from vobroker.adql.corpus.runner import Outcome, Run
from vobroker.adql.corpus.tally import by_features, by_folder, by_kind, settled_trouble

_SAYS = {True: "valid", False: "invalid"}
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_dict(runs: Sequence[Run], made: datetime) -> dict[str, Any]:
    """Give runs as plain data."""
    return {
        "made": made.isoformat(timespec="seconds"),
        "adql": runs[0].version,
        "implementations": [run.implementation for run in runs],
        "by_kind": [asdict(row) for row in by_kind(runs)],
        "by_features": [asdict(row) for row in by_features(runs)],
        "by_folder": [asdict(row) for row in by_folder(runs)],
        "queries": [
            {
                "name": outcome.question.name,
                "text": outcome.question.query.text,
                "kind": outcome.question.kind,
                "since": outcome.question.since,
                "verdict": _SAYS[outcome.question.valid],
                "answers": {run.implementation: _answer(run.outcomes[number]) for run in runs},
            }
            for number, outcome in enumerate(runs[0].outcomes)
        ],
    }


def _answer(outcome: Outcome) -> dict[str, Any]:
    return {"judgement": outcome.judgement, **(asdict(outcome.answer) if outcome.answer else {})}


def to_html(runs: Sequence[Run], made: datetime) -> str:
    """Give runs as one page that needs nothing else."""
    import jinja2

    source = files("vobroker.adql.corpus").joinpath("report.html").read_text(encoding="utf-8")
    template = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(source)
    return template.render(
        made=made.strftime("%Y-%m-%d %H:%M UTC"),
        runs=runs,
        says=_SAYS,
        tables=(
            ("Queries by version and verdict", by_kind(runs)),
            ("By what they use beyond the core of the language", by_features(runs)),
            ("By folder of the corpus", by_folder(runs)),
        ),
        trouble=[(run, settled_trouble(run)) for run in runs],
        unsettled=[
            [run.outcomes[number] for run in runs]
            for number, outcome in enumerate(runs[0].outcomes)
            if outcome.question.kind in ("contested", "extension")
        ],
    )


def to_junit(runs: Sequence[Run]) -> str:
    """Give runs as JUnit XML: a suite for each implementation and file of the corpus.

    A query is a failure where corpus and implementation disagree and an error where there was no answer.
    Contested queries, extensions and those that were not asked are skipped, with the reason.
    """
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<testsuites>"]
    for run in runs:
        groups: dict[str, list[Outcome]] = {}
        for outcome in run.outcomes:
            groups.setdefault(outcome.question.group.name, []).append(outcome)
        for group, outcomes in groups.items():
            cases = [(outcome, *_result(outcome)) for outcome in outcomes]
            counts = " ".join(
                f'{name}="{sum(tag == element for _, tag, _ in cases)}"'
                for name, element in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped"))
            )
            seconds = sum(o.answer.seconds for o in outcomes if o.answer)
            name = quoteattr(f"{run.implementation}: {group}")
            lines.append(f'  <testsuite name={name} tests="{len(cases)}" {counts} time="{seconds:.6f}">')
            lines += [_case(run, *case) for case in cases]
            lines.append("  </testsuite>")
    return "\n".join([*lines, "</testsuites>", ""])


def _result(outcome: Outcome) -> tuple[str, str]:
    """Give the element that tells of an outcome, and its message."""
    question, answer = outcome.question, outcome.answer
    if answer is None:
        return "skipped", "not asked: the verdict depends on declared functions"
    if answer.verdict == "fails":
        return "error", answer.reason
    if question.query.contested:
        return "skipped", f"contested, section {question.query.contested.section}; it {answer.verdict}"
    if question.kind == "extension":
        return "skipped", f"extension {question.query.extension}; it {answer.verdict}"
    if outcome.judgement == "agrees":
        return "", ""
    return "failure", f"{_SAYS[question.valid]}, but it {answer.verdict}: {answer.reason}".removesuffix(": ")


def _case(run: Run, outcome: Outcome, tag: str, message: str) -> str:
    question = outcome.question
    place = quoteattr(f"{run.implementation}.{question.group.name}")
    seconds = outcome.answer.seconds if outcome.answer else 0.0
    head = f'    <testcase classname={place} name={quoteattr(question.query.id)} time="{seconds:.6f}"'
    if not tag:
        return head + "/>"
    text = escape(_NOT_XML.sub("\N{REPLACEMENT CHARACTER}", question.query.text))
    message = quoteattr(_NOT_XML.sub("\N{REPLACEMENT CHARACTER}", message))
    body = f"<skipped message={message}/>" if tag == "skipped" else f"<{tag} message={message}>{text}</{tag}>"
    return f"{head}>{body}</testcase>"
