"""The log of counts: what went in and what the archive says, after each fault."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .workers import Account, account

_LINES = pytest.StashKey[list[str]]()
_HEAD = "| fault | sent | received | archived | duplicates | dead letters | read |"

Holds = Callable[..., Account]


@pytest.fixture
def holds(request: pytest.FixtureRequest) -> Holds:
    """Check an archive against the packets that were sent, and note the counts."""

    def check(folder: Path, sent: list[bytes], *, duplicate: int = 0, dead: int = 0) -> Account:
        found = account(folder)
        name = request.node.name.removeprefix("test_").replace("_", " ")
        numbers = (len(sent), found.received, found.archived, found.duplicate, found.dead, found.read)
        lines = request.config.stash.setdefault(_LINES, [_HEAD, "|---|" + "---:|" * 6])
        lines.append(f"| {name} | {' | '.join(map(str, numbers))} |")
        assert found.faults == ()
        assert (found.received, found.duplicate, found.dead) == (len(sent), duplicate, dead)
        assert found.archived + found.duplicate + found.dead == found.received
        assert found.read == len(sent)
        if not dead:
            assert found.packets == tuple(sorted(set(sent)))
        return found

    return check


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    lines = config.stash.get(_LINES, [])
    if lines:
        terminalreporter.section("counts after each fault")
        terminalreporter.write("\n".join([*lines, ""]))
