"""The nightly load of a survey's own database, visit after visit: the workload of DMTN-018 and DMTN-113.

A visit reads the last states of the objects in its footprint and their measurements of the last 12 months,
associates its detections with the objects, and writes detections, forced measurements and new states, in one
transaction. Each engine does it with the layout that one would begin with and with the one that measurements
led to. What a database gives is held against the simulation after each visit.

A run is kept in its folder: the same command again goes on where it ended.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from urllib.parse import quote

from bench.nightly import pages
from bench.nightly.conduct import Run, VisitError, go_on
from bench.nightly.design import Design
from bench.nightly.layouts import BEST, ENGINES, LAYOUTS, layout
from vobroker.cli.common import progress

SERVERS = Path(
    os.environ.get("VOBROKER_SERVERS") or Path(tempfile.gettempdir()) / f"vobroker-servers-{os.getuid()}"
)


def main() -> None:
    """Measure, show the table, and write the page where asked."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    usual = Design()
    options.add_argument("--engine", choices=[*ENGINES, "both"], default="both")
    options.add_argument("--layout", default="both", help="naive, best, both, or another by its name")
    options.add_argument("--visits", type=int, default=400, help="most visits of each run in this call")
    options.add_argument("--seconds", type=float, default=25, help="most time of each run in this call")
    options.add_argument(
        "--every", type=int, default=1, help="measure each so-many-th visit, write the others"
    )
    options.add_argument("--fields", type=int, default=usual.fields)
    options.add_argument("--objects", type=int, default=usual.objects, help="objects of a footprint")
    options.add_argument("--detections", type=int, default=usual.detections, help="detections of a visit")
    options.add_argument("--yearly", type=int, default=usual.yearly, help="visits of a field in a year")
    options.add_argument("--seed", type=int, default=usual.seed)
    options.add_argument("--folder", type=Path, default=Path("build/visits"), help="where the runs are kept")
    options.add_argument(
        "--server",
        default=f"postgresql://vobroker@/postgres?host={quote(str(SERVERS), safe='')}",
        help="PostgreSQL; that of scripts/servers.sh when not given",
    )
    options.add_argument(
        "--write", action="store_true", help="write table, figures and plots of docs/visits.md"
    )
    options.add_argument("--list", action="store_true", help="list the layouts")
    chosen = options.parse_args()
    if chosen.list:
        for engine, known in LAYOUTS.items():
            for each in known:
                mark = " (best)" if each.name == BEST[engine] else ""
                print(f"{ENGINES[engine]:<10} {each.name:<8} {each.words}{mark}")
        return
    runs = []
    try:
        design = Design(
            chosen.fields, chosen.objects, chosen.detections, yearly=chosen.yearly, seed=chosen.seed
        )
        for engine in ENGINES if chosen.engine == "both" else (chosen.engine,):
            for name in ("naive", "best") if chosen.layout == "both" else (chosen.layout,):
                runs.append(_one(chosen, design, engine, name))  # noqa: PERF401 -- kept where one fails
    except (ValueError, VisitError) as error:
        raise SystemExit(f"error: {error}") from error
    pages.show(runs)
    if chosen.write:
        pages.write(pages.kept(chosen.folder))


def _one(chosen: argparse.Namespace, design: Design, engine: str, name: str) -> Run:
    kept = layout(engine, name)
    with progress() as bar:
        task = bar.add_task(f"{ENGINES[engine]}, {kept.name}", total=chosen.visits, note="")

        def watch(made: int, last: float) -> None:
            bar.update(task, completed=made, note=f"{last:.2f} s a visit" if last else "")

        return go_on(
            chosen.folder / f"{engine}-{kept.name}-{design.objects}x{design.fields}",
            engine,
            kept,
            design,
            server=chosen.server,
            visits=chosen.visits,
            seconds=chosen.seconds,
            every=chosen.every,
            watch=watch,
        )


if __name__ == "__main__":
    main()
