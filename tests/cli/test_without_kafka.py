"""Everything but Kafka works where its library is not installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BLOCKED = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "confluent_kafka":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
from vobroker.cli import main
main()
"""


def vobroker(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", BLOCKED, *arguments],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_a_night_flows_without_it(tmp_path: Path) -> None:
    simulated = vobroker(
        tmp_path, "simulate", "lsst", "--out", "night", "--visits", "1", "--alerts", "20", "--no-history"
    )
    assert simulated.returncode == 0, simulated.stderr
    ingested = vobroker(tmp_path, "ingest", "night")
    assert ingested.returncode == 0, ingested.stderr
    assert "20 received = 20 archived" in ingested.stdout + ingested.stderr
    assert vobroker(tmp_path, "serve", "--help").returncode == 0


@pytest.mark.parametrize(
    "arguments",
    [("run", "-b", "h:1", "-t", "t"), ("simulate", "play", "--kafka", "h:1")],
    ids=["run", "play"],
)
def test_what_needs_it_says_how_to_get_it(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = vobroker(tmp_path, *arguments)
    assert done.returncode == 2
    assert done.stderr == "error: Kafka needs one more package: pip install 'vobroker[kafka]'\n"
