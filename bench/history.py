"""What it costs to sum up light curves: a visit of real-size packets through the river, with and without."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from bench import report
from bench.filters import WARM, visit
from vobroker.alerts.batch import AlertBatch
from vobroker.alerts.packets import RawBatch
from vobroker.alerts.schemas import default_schemas
from vobroker.archive import open_archive
from vobroker.enrich import Enrichment, Found, History
from vobroker.pipeline import river

PAGE = Path(__file__).resolve().parents[1] / "docs" / "catalogues.md"
HEADER = ("a visit", "seconds", "to the river without")


class Timed(History):
    """Light curves summed up, with the seconds that it took."""

    seconds = 0.0
    measurements = 0

    def of(self, batch: AlertBatch) -> Found:
        """Sum up the light curves of a batch."""
        start = time.perf_counter()
        found = super().of(batch)
        self.seconds = time.perf_counter() - start
        self.measurements = len(batch.measurements())
        return found


def whole(layers: list[History], warm: RawBatch, packets: RawBatch) -> float:
    """Seconds for a visit through the river, into an archive of its own."""
    enrichment = Enrichment(layers)
    with tempfile.TemporaryDirectory() as folder, open_archive(Path(folder, "archive")) as archive:
        river.run([warm], archive, schemas=default_schemas(), enrichment=enrichment)
        start = time.perf_counter()
        counts = river.run([packets], archive, schemas=default_schemas(), enrichment=enrichment)
        seconds = time.perf_counter() - start
    assert counts.balanced
    assert not counts.failed
    return seconds


def main(arguments: list[str] | None = None) -> None:
    """Measure and show the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--alerts", type=int, default=10_000, help="alerts of the visit")
    options.add_argument("--runs", type=int, default=4, help="of which the fastest counts")
    options.add_argument("--write", action="store_true", help="write the table into the docs")
    chosen = options.parse_args(arguments)
    warm, packets = visit(WARM, 1), visit(chosen.alerts, 2)
    history = Timed()
    whole([history], warm, packets)  # reads and compiles what the process needs once
    without, with_, alone = [], [], []
    for _ in range(chosen.runs):
        without.append(whole([], warm, packets))
        with_.append(whole([history], warm, packets))
        alone.append(history.seconds)
    figures = {
        "the river without light curves summed up": min(without),
        "the river with them, rows stored": min(with_),
        "summing up alone": min(alone),
    }
    rows = [[name, f"{seconds:.2f}", f"{seconds / min(without):.3f}"] for name, seconds in figures.items()]
    what = f"{chosen.alerts:,} alerts with {history.measurements:,} measurements"
    report.show(what, HEADER, rows)
    if chosen.write:
        lines = [f"{what}, on {report.machine()}.", "", *report.markdown(HEADER, rows)]
        report.between(PAGE, "history", "\n".join(lines))


if __name__ == "__main__":
    main()
