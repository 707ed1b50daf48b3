"""The log of counts: what went in and what the archive says, after each fault."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from .workers import RUNNING, Account, account

Holds = Callable[..., Account]


@pytest.fixture(autouse=True)
def no_worker_is_left() -> Iterator[None]:
    """End what a test that failed has left running."""
    yield
    for process in RUNNING:
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(process.pid).children():
                child.kill()
        process.kill()
        process.wait(30)
    RUNNING.clear()


@pytest.fixture
def holds(request: pytest.FixtureRequest) -> Holds:
    """Check an archive against the packets that were sent, and note the counts."""

    def check(folder: Path, sent: list[bytes], *, duplicate: int = 0, dead: int = 0) -> Account:
        found = account(folder)
        name = request.node.name.removeprefix("test_").replace("_", " ")
        numbers = (len(sent), found.received, found.archived, found.duplicate, found.dead, found.read)
        # With the report it comes to the process that prints.
        request.node.user_properties.append(("counts", f"| {name} | {' | '.join(map(str, numbers))} |"))
        assert found.faults == ()
        assert (found.received, found.duplicate, found.dead) == (len(sent), duplicate, dead)
        assert found.archived + found.duplicate + found.dead == found.received
        assert found.read == len(sent)
        if not dead:
            assert found.packets == tuple(sorted(set(sent)))
        return found

    return check
