"""Lines from runs of text: a block stays on one line while it fits, and comments stay where they stood.

A run is text between two places where a line may be broken. Each run knows which part of the source it stands
for, and so which comments belong to it: those before it get lines of their own, one behind it ends its line.
Where lines are broken follows from the runs and their comments alone, so that a text laid out stays as it is.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from vobroker.adql.tree import Span

WIDTH = 100
"""Characters in a line, where its runs allow it."""

_INDENT = 4


@dataclass(slots=True)
class Run:
    """Text that is never broken, the source that it stands for, and the comments that belong to it."""

    text: str
    span: Span
    before: list[str] = field(default_factory=list)
    behind: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that stand indented on their own, or all in the line around them.

    ``spaced`` blocks follow a space and break whenever that line is broken; others are inside brackets and
    break where they do not fit. ``always`` means never in one line.
    """

    lines: tuple[Line, ...]
    spaced: bool = True
    always: bool = False


Line = tuple[Run | Block, ...]
"""Runs and the blocks between them; it begins with a run."""


def line(*parts: str | Run | Block | Line) -> Line:
    """Put parts into one line; runs side by side, and plain words with them, become one."""
    result: list[Run | Block] = []
    words = ""
    for part in _flattened(parts):
        last = result[-1] if result else None
        if isinstance(part, str):
            words += part
        elif isinstance(part, Block):
            result.append(part)
        elif isinstance(last, Run):
            result[-1] = Run(last.text + words + part.text, (last.span[0], part.span[1]))
            words = ""
        else:
            after_space = isinstance(last, Block) and last.spaced
            result.append(Run((words + part.text).lstrip(" " if after_space else ""), part.span))
            words = ""
    return append(tuple(result), words)


def append(one: Line, words: str) -> Line:
    """Put words behind a line, into its last run."""
    _last(one).text += words
    return one


def _flattened(parts: Iterable[str | Run | Block | Line]) -> Iterator[str | Run | Block]:
    for part in parts:
        if isinstance(part, tuple):
            yield from part
        else:
            yield part


def write(lines: Sequence[Line], comments: Iterable[tuple[int, str]], source: str) -> str:
    """Write lines.

    Parameters
    ----------
    lines
        What to write.
    comments
        Comments of the source with their places, in order.
    source
        The text that the spans of the runs are about.
    """
    runs = list(_runs(lines))
    end = Run("", (len(source), len(source)))
    _attach(comments, [*runs, end], source)
    written = [text for one in lines for text in _written(one, 0)]
    return "\n".join([*written, *end.before]) + "\n"


def _runs(lines: Iterable[Line]) -> Iterator[Run]:
    for one in lines:
        for part in one:
            if isinstance(part, Run):
                yield part
            else:
                yield from _runs(part.lines)


def _attach(comments: Iterable[tuple[int, str]], runs: Sequence[Run], source: str) -> None:
    """Give each comment to its run: behind the one that ends in its line, else before the next one."""
    starts: list[int] = []
    ends: list[int] = []
    for run in runs:
        # Words that the source leaves out, such as brackets, have no place: they are where the last run ends.
        starts.append(max(run.span[0], ends[-1] if ends else 0))
        ends.append(max(run.span[1], starts[-1]))
    for at, text in comments:
        number = bisect_right(starts, at, hi=len(runs) - 1) - 1
        if number < 0 or at < ends[number]:
            runs[max(number, 0)].before.append(text)
        elif "\n" in source[ends[number] : at]:
            runs[number + 1].before.append(text)
        else:
            runs[number].behind = text


def _written(one: Line, indent: int) -> Iterator[str]:
    margin = " " * indent
    first, last = one[0], _last(one)
    assert isinstance(first, Run)
    yield from (margin + comment for comment in first.before)
    flat = _flat(one)
    if flat is not None and indent + len(flat) <= WIDTH:
        yield margin + flat + _behind(last)
        return
    text = margin
    for number, part in enumerate(one):
        if isinstance(part, Run):
            text += part.text
            continue
        before, after = one[number - 1], one[number + 1] if number + 1 < len(one) else None
        inside = None if part.spaced else _flat(one[number - 1 : number + 2])
        if inside is not None and len(text) + len(inside) - len(_text(before)) <= WIDTH:
            text += inside[len(_text(before)) : len(inside) - len(_text(after))]
            continue
        yield text + (_behind(before) if isinstance(before, Run) else "")
        for inner in part.lines:
            yield from _written(inner, indent + _INDENT)
        if isinstance(after, Run):
            yield from (" " * (indent + _INDENT) + comment for comment in after.before)
        text = margin
    if text != margin:
        yield text + _behind(last)


def _flat(one: Line) -> str | None:
    """Give a line without any break; None where it has a comment within or must be broken."""
    text = ""
    for number, part in enumerate(one):
        ends = number == len(one) - 1
        if isinstance(part, Run):
            if (part.before and number) or (part.behind and not ends):
                return None
            text += part.text
            continue
        inner = None if part.always else _flat_lines(part.lines, ends)
        if inner is None:
            return None
        space = " " if part.spaced else ""
        text += ("" if text.endswith(" ") else space) + inner + ("" if ends else space)
    return text


def _flat_lines(lines: Sequence[Line], ends: bool) -> str | None:
    texts = []
    for number, one in enumerate(lines):
        first = one[0]
        flat = _flat(one)
        last = ends and number == len(lines) - 1
        if flat is None or (isinstance(first, Run) and first.before) or (_last(one).behind and not last):
            return None
        texts.append(flat)
    return " ".join(texts)


def _last(one: Line) -> Run:
    part = one[-1]
    return part if isinstance(part, Run) else _last(part.lines[-1])


def _text(part: Run | Block | None) -> str:
    return part.text if isinstance(part, Run) else ""


def _behind(run: Run) -> str:
    return f" {run.behind}" if run.behind else ""
