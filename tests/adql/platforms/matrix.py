"""The matrix of platforms and features, as a page: what the tests of this folder showed."""

from __future__ import annotations

import re
from collections.abc import Iterable

from vobroker.adql.features import FEATURES
from vobroker.adql.platforms import ENGINES, EXECUTED

from .conftest import Record

BEGIN, END = "<!-- matrix: written by make platforms -->", "<!-- end of the matrix -->"
GROUPS = {
    "core": "Core of the language",
    "adql-conditional": "Conditional functions",
    "adqlgeo": "Geometry",
    "udf": "User-defined functions",
    "adql-string": "Strings",
    "adql-sets": "Set operators",
    "adql-common-table": "Common table expressions",
    "adql-type": "Types",
    "adql-unit": "Units",
    "adql-offset": "OFFSET",
    "beyond": "Beyond the grammar of the standard",
}


def page_part(record: Record) -> str:
    """Write the tables, and below them each refusal in its own words."""
    notes: dict[str, int] = {}
    lines = []
    heads = " | ".join(engine.name.replace("PostgreSQL with", "…") for engine in ENGINES.values())
    for group, title in GROUPS.items():
        lines += [f"### {title}", "", f"| | {heads} |", f"|---|{':-:|' * len(ENGINES)}"]
        for feature in FEATURES.values():
            if feature.group == group:
                cells = [cell(feature.name, platform, record, notes) for platform in ENGINES]
                name = feature.name.replace("|", r"\|")
                lines.append(f"| {name} | {' | '.join(cells)} |")
        lines.append("")
    lines += ["### What is refused", ""]
    lines += [f"{number}. {note}" for note, number in notes.items()]
    return "\n".join([BEGIN, "", *lines, "", END])


def cell(feature: str, platform: str, record: Record, notes: dict[str, int]) -> str:
    """Write one cell: ✓ executed, ○ read by a parser only, – refused; numbers are notes."""
    said = sorted(general(m, platform) for m in record.refused[platform] if is_about(m, feature))
    numbers = [notes.setdefault(note, len(notes) + 1) for note in dict.fromkeys(said)]
    marks = ("✓" if platform in EXECUTED else "○") if feature in record.exact[platform] else "–"
    return f"{marks} <sup>{' '.join(map(str, sorted(numbers)))}</sup>" if numbers else marks


def general(message: str, platform: str) -> str:
    """Leave out of a refusal which engine it was."""
    name = ENGINES[platform].name
    said = message.removesuffix(f" cannot be done exactly on {name}.")
    return re.sub(r"is in the frame \w+", "is in another frame than ICRS", said)


def is_about(message: str, feature: str) -> bool:
    """Whether a refusal names a feature."""
    named = "user-defined" if feature == "user-defined function" else feature
    return any(word == named for word in _words(message))


def _words(message: str) -> Iterable[str]:
    about = message.partition(" that ")[0]
    yield from re.findall(r"\|\||[A-Z]+(?: (?:JOIN|ALL|BY)\b)?|[A-Z_0-9]+", about)
    if message.startswith("The function"):
        yield "user-defined"
    if message.startswith("The coordinate system"):
        yield "coordinate system argument"
