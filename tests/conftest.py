"""Fixtures that every test folder shares."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

pytest_plugins = ["tests.brokers", "tests.stilts"]

settings.register_profile("unhurried", deadline=None)  # a busy machine is no failure
settings.load_profile("unhurried")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def data() -> Path:
    """Small real packets that travel with the source."""
    return ROOT / "tests" / "data"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The large collection of real alerts, queries, events and time series.

    It lies beside the checkout, or where VOBROKER_TEST_DATA says. Under CI its absence is a failure.
    """
    path = Path(os.environ.get("VOBROKER_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not path.is_dir():
        message = f"real test data not found at {path}; set VOBROKER_TEST_DATA to run this test"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return path


class ByFile(LoadScopeScheduling):
    """Keeps the tests of a file in one process, and those of the platforms, which share a record."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "platforms" if "adql/platforms/" in file else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    config.option.loadscopereorder = False  # as pytest_collection_modifyitems has ordered them
    return ByFile(config, log)


def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are cores: those first in :data:`LONG` mostly wait for brokers."""
    return (os.cpu_count() or 1) + 1


LONG = (
    "tests/pipeline/test_faults.py",
    "tests/test_docs.py",
    "tests/adql/platforms/",
    "tests/cli/test_serve.py",
    "tests/notebooks/",
    "tests/gateway/test_restart.py",
    "tests/pipeline/test_river.py",
    "tests/web/test_browser.py",
)
"""Files that take longest: they begin first, so that none is left alone at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def rank(item: pytest.Item) -> int:
        return next((n for n, file in enumerate(LONG) if item.nodeid.startswith(file)), len(LONG))

    items.sort(key=rank)


_HEAD = ("| fault | sent | received | archived | duplicates | dead letters | read |", "|---|" + "---:|" * 6)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the counts that fault tests noted; the process that prints has not loaded their folder."""
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.getreports(outcome)]
    lines = [line for report in reports for name, line in report.user_properties if name == "counts"]
    if lines:
        terminalreporter.section("counts after each fault")
        terminalreporter.write("\n".join([*_HEAD, *dict.fromkeys(lines), ""]))
