"""How fast a query log is categorised, against parsing every query, and how well categories are found.

Run by ``make bench`` or ``python -m bench.querylog``; the log is made up, of known categories.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from pathlib import Path

from bench.report import show
from vobroker.adql.querylog import mine, read
from vobroker.adql.querylog.clusters import outcome
from vobroker.adql.querylog.simulate import MAKERS, access_log, entries
from vobroker.adql.querylog.skeleton import normal

QUERIES = 1_000_000
PARSED = 20_000  # of them, parsed one by one for comparison


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "access.log"
        with log.open("w") as file:
            file.writelines(access_log(QUERIES))
        started = time.perf_counter()
        mined = mine(read([log]))
        whole = (time.perf_counter() - started) / QUERIES
        megabytes = log.stat().st_size / 1e6
    texts = [normal(entry.text) for _, entry in entries(PARSED)]
    started = time.perf_counter()
    for text in texts:
        outcome(text)
    each = (time.perf_counter() - started) / PARSED + whole
    rows = [
        ("structures remembered", f"{whole * 1e6:.1f}", f"{60e-6 / whole:.2f}", f"{each / whole:.1f}"),
        ("every query parsed", f"{each * 1e6:.1f}", f"{60e-6 / each:.2f}", "1"),
    ]
    title = f"An access log of {mined.queries} queries, {megabytes:.0f} MB, {len(mined.clusters)} structures"
    show(title, ("one process", "µs a query", "million a minute", "ratio"), rows)
    show("Categories", ("category", "queries", "precision", "recall"), categories())


def categories(number: int = 50_000) -> list[tuple[str, str, str, str]]:
    """Measure how often a category is right, and how much of it is found."""
    made: Counter[str] = Counter()
    said: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for category, entry in entries(number, seed=9):
        shape = outcome(normal(entry.text))[0]
        found = shape.category if shape else "invalid"
        made[category] += 1
        said[found] += 1
        right[category] += category == found
    return [
        (name, str(made[name]), f"{right[name] / said[name]:.3f}", f"{right[name] / made[name]:.3f}")
        for name in MAKERS
    ]


if __name__ == "__main__":
    main()
