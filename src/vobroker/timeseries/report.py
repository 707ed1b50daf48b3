"""Comparisons for people and for programs: Markdown, HTML, JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from html import escape
from typing import Any

from vobroker.timeseries.compare import Comparison, Point, Said
from vobroker.timeseries.series import Statement

VERDICTS = {"same": "same", "differ": "**differ**", "lacking": "not in all", "only": "in one only"}
"""Verdicts for people."""


TOO_LONG = frozenset({"column.description"})
"""Aspects that tables for people leave out."""


def short(path: str) -> str:
    """Shorten the way to an element: its block, and the last three steps."""
    if not path.startswith("/"):
        return path
    steps = path.split("/")[1:]
    if len(steps) <= 5:
        return path.removeprefix("/VOTABLE/")
    block = next((step for step in steps if step in ("VODML", "MODEL_INSTANCE")), "")
    return "/".join([block, "…", *steps[-3:]] if block else ["…", *steps[-4:]])


def place(statement: Statement) -> str:
    """Give the place of a statement, shortened, with its line."""
    return f"line {statement.line}: {short(statement.path)}" if statement.line else short(statement.path)


def markdown(
    comparison: Comparison, *, level: int = 3, notes: bool = True, leave_out: frozenset[str] = TOO_LONG
) -> str:
    """Write a comparison as Markdown.

    Parameters
    ----------
    comparison
        What to write.
    level
        Level of its headings.
    notes
        Whether to list what was missing or odd.
    leave_out
        Aspects that the table leaves out.
    """
    mark = "#" * level
    head = ["What", *(f"{name}" for name in comparison.names), "Verdict"]
    rows = [
        [one.title, *(_cell(said) for said in one.said), VERDICTS[one.verdict]]
        for one in comparison.points
        if any(one.said) and one.aspect.key not in leave_out
    ]
    lines = [*table(head, rows), ""]
    nowhere = [one.title for one in comparison.points if not any(one.said)]
    if nowhere:
        lines += [f"In none of them: {', '.join(nowhere).lower()}.", ""]
    lines += [f"{mark} The numbers, against {comparison.names[0]}", ""]
    head = ["Document", "Rows", "Matched by", "Numbers"]
    rows = [
        [
            one.name,
            f"{one.rows[2]} of {one.rows[0]} and {one.rows[1]}",
            one.matched,
            "<br>".join(f"{each.title}: {each}" for each in one.agreements),
        ]
        for one in comparison.numbers
    ]
    lines += [*table(head, rows), ""]
    if notes and any(comparison.notes):
        lines += [f"{mark} What is missing or odd", ""]
        for name, found in zip(comparison.names, comparison.notes, strict=True):
            lines += [f"- {name}: {plain(shortened(sentence))}" for sentence in found]
        lines.append("")
    return "\n".join(lines)


def html(comparison: Comparison) -> str:
    """Write a comparison as one HTML page that needs nothing else."""
    names = "".join(f"<th scope='col'>{escape(name)}</th>" for name in comparison.names)
    rows = "".join(
        f"<tr class='{one.verdict}'><th scope='row'>{escape(one.title)}</th>"
        + "".join(_html_cell(said) for said in one.said)
        + f"<td>{escape(VERDICTS[one.verdict].strip('*'))}</td></tr>\n"
        for one in comparison.points
    )
    numbers = ""
    for one in comparison.numbers:
        told = "<br>".join(escape(f"{each.title}: {each}") for each in one.agreements)
        shared = f"{one.rows[2]} of {one.rows[0]} and {one.rows[1]}, by {escape(one.matched)}"
        numbers += f"<tr><th scope='row'>{escape(one.name)}</th><td>{shared}</td><td>{told}</td></tr>\n"
    notes = "".join(
        f"<h3>{escape(name)}</h3><ul>{''.join(f'<li>{escape(sentence)}</li>' for sentence in found)}</ul>"
        for name, found in zip(comparison.names, comparison.notes, strict=True)
        if found
    )
    title = escape(" · ".join(comparison.names))
    more = f"<h2>What is missing or odd</h2>{notes}" if notes else ""
    return _PAGE.format(
        title=title,
        style=_STYLE,
        names=names,
        rows=rows,
        first=escape(comparison.names[0]),
        numbers=numbers,
        more=more,
    )


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>{style}</style></head><body><h1>Time series compared</h1>
<table><thead><tr><th scope="col">What</th>{names}<th scope="col">Verdict</th></tr></thead><tbody>
{rows}</tbody></table>
<h2>The numbers, against {first}</h2>
<table><thead><tr><th scope="col">Document</th><th scope="col">Rows in both</th><th scope="col">Agreement</th>
</tr></thead><tbody>
{numbers}</tbody></table>
{more}</body></html>
"""

_STYLE = (
    "body{font:15px/1.4 system-ui,sans-serif;margin:2em auto;max-width:110em;padding:0 1em}"
    "table{border-collapse:collapse}th,td{border-bottom:1px solid #ccc;padding:.35em .8em;text-align:left;"
    "vertical-align:top}thead th{border-bottom:2px solid #666}.place{color:#595959;font-size:.85em;"
    "word-break:break-all}tr.differ{background:#fff1d6}tr.lacking td,tr.only td{background:#f4f4f4}"
    "@media(prefers-color-scheme:dark){body{background:#111;color:#eee}.place{color:#aaa}"
    "tr.differ{background:#4a3a10}tr.lacking td,tr.only td{background:#222}}"
)


def content(comparison: Comparison) -> dict[str, Any]:
    """Give a comparison as plain values, for JSON; ways to elements are whole."""
    return {
        "documents": [
            {"name": name, "dialect": dialect, "notes": list(notes)}
            for name, dialect, notes in zip(
                comparison.names, comparison.dialects, comparison.notes, strict=True
            )
        ],
        "points": [_point(one) for one in comparison.points],
        "numbers": [
            {
                "document": one.name,
                "rows": {"first": one.rows[0], "this": one.rows[1], "both": one.rows[2]},
                "matched_by": one.matched,
                "agreements": [
                    {
                        "what": each.title,
                        "count": each.count,
                        "same": each.same,
                        "difference": each.difference,
                        "relative": each.relative,
                        "unit": each.unit,
                        "remark": each.remark,
                    }
                    for each in one.agreements
                ],
            }
            for one in comparison.numbers
        ],
    }


def as_json(comparison: Comparison) -> str:
    """Write a comparison as JSON."""
    return json.dumps(content(comparison), ensure_ascii=False, indent=1)


def _point(one: Point) -> dict[str, Any]:
    return {
        "aspect": one.aspect.key,
        "key": one.key,
        "title": one.title,
        "verdict": one.verdict,
        "said": [
            None
            if said is None
            else {
                "value": said.value,
                "places": [
                    {"path": at.path, "line": at.line or None, "value": at.value} for at in said.places
                ],
            }
            for said in one.said
        ],
    }


def _cell(said: Said | None) -> str:
    if said is None:
        return "–"
    value = plain(said.value if len(said.value) <= 80 else f"{said.value[:77]}…")
    if not said.places:
        return value
    more = f" and {len(said.places) - 1} more" if len(said.places) > 1 else ""
    return f"{value}<br>`{code(place(said.places[0]))}`{more}"


def _html_cell(said: Said | None) -> str:
    if said is None:
        return "<td>–</td>"
    places = "".join(f"<div class='place'>{escape(one.place)}</div>" for one in said.places)
    return f"<td>{escape(said.value)}{places}</td>"


def table(head: list[str], rows: Iterable[list[str]]) -> list[str]:
    """Write a table of Markdown, a line for each row."""
    return ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)]


def plain(text: str) -> str:
    """Keep text from being taken for Markdown or HTML."""
    for character in "\\`*_{}[]<>|#$~":
        text = text.replace(character, f"\\{character}")
    return " ".join(text.split())


def code(text: str) -> str:
    """Keep text within backticks and within a cell."""
    return text.replace("|", "\\|").replace("`", "'")


def shortened(sentence: str) -> str:
    """Shorten the ways to elements that a sentence names."""
    return " ".join(short(word) if word.startswith("/VOTABLE") else word for word in sentence.split())
