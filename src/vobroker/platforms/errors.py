"""What is wrong with a file, where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Path = tuple[str | int, ...]
"""Keys and places from the top of a document to a value."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: in which line, at which field, and why."""

    line: int
    path: Path
    reason: str


class PlatformError(Exception):
    """A descriptor, a job or a service that cannot be used, with the reason in one sentence."""


class DocumentError(PlatformError):
    """A file that cannot be used.

    Attributes
    ----------
    name
        Its name.
    problems
        All that is wrong with it.
    """

    def __init__(self, name: str, problems: Sequence[Problem]) -> None:
        self.name = name
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{name}, {_where(one)}{one.reason}" for one in self.problems))


def dotted(path: Path) -> str:
    """Write a path: ``roles.user.memory``, ``datasets[2].size``."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def _where(problem: Problem) -> str:
    at = f", {dotted(problem.path)}" if problem.path else ""
    return f"line {problem.line}{at}: "
