"""The nightly load of a survey's own database, visit after visit: the workload of DMTN-018 and DMTN-113.

A visit reads the last states of the objects in its footprint and their measurements of the last 12 months,
associates its detections with the objects, and writes detections, forced measurements and new states, in one
transaction. Every engine and layout gets the same visits in turn, and what it gives is held against the
simulation. A run is kept in its folder; --more goes on with it.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from urllib.parse import quote

from bench.nightly import figures
from bench.nightly.conduct import Run, VisitsError
from bench.nightly.design import Design
from bench.nightly.layouts import BEST, ENGINES, LAYOUTS
from vobroker.cli.common import progress

SERVERS = Path(
    os.environ.get("VOBROKER_SERVERS") or Path(tempfile.gettempdir()) / f"vobroker-servers-{os.getuid()}"
)
SERVER = f"postgresql://vobroker@/postgres?host={quote(str(SERVERS), safe='')}"
USUAL = ("duckdb:naive", "duckdb:best", "postgresql:naive", "postgresql:best")


def main() -> None:
    """Run, show the table, and write the page where asked."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    usual = Design()
    options.add_argument(
        "--stores", nargs="+", default=USUAL, metavar="ENGINE:LAYOUT", help="what is compared"
    )
    options.add_argument("--layouts", action="store_true", help="list the layouts of each engine")
    options.add_argument("--visits", type=int, default=400, help="most visits of this call")
    options.add_argument("--seconds", type=float, default=100, help="most time of this call")
    options.add_argument("--every", type=int, default=4, help="measure each so-many-th visit of a field")
    options.add_argument("--more", action="store_true", help="go on with the run in the folder")
    options.add_argument("--forget", action="store_true", help="delete the run in the folder")
    options.add_argument("--fields", type=int, default=usual.fields)
    options.add_argument("--objects", type=int, default=usual.objects, help="objects of a footprint")
    options.add_argument("--detections", type=int, default=usual.detections, help="detections of a visit")
    options.add_argument("--yearly", type=int, default=usual.yearly, help="visits of a field in a year")
    options.add_argument("--seed", type=int, default=usual.seed)
    options.add_argument("--folder", type=Path, default=Path("build/visits"), help="where the run is kept")
    options.add_argument(
        "--server", default=SERVER, help="PostgreSQL; that of scripts/servers.sh if not given"
    )
    options.add_argument(
        "--write", nargs="*", type=Path, metavar="FOLDER", help="write docs/visits.md from runs"
    )
    chosen = options.parse_args()
    if chosen.layouts:
        for engine, known in LAYOUTS.items():
            for each in known:
                mark = " (best)" if each.name == BEST[engine] else ""
                print(f"{engine}:{each.name:<8} {each.words}{mark}")
        return
    if chosen.write is not None:
        figures.write([figures.kept(folder) for folder in chosen.write or [chosen.folder]])
        return
    run = Run(chosen.folder, chosen.server)
    try:
        if chosen.forget:
            run.forget()
            return
        if chosen.more:
            run.resume()
        else:
            design = Design(
                chosen.fields, chosen.objects, chosen.detections, yearly=chosen.yearly, seed=chosen.seed
            )
            run.begin(design, [_store(each) for each in chosen.stores])
        with progress() as bar:
            task = bar.add_task("visits", total=chosen.visits, note="")
            run.go_on(
                chosen.visits,
                every=chosen.every,
                seconds=chosen.seconds,
                each=lambda done: bar.update(task, completed=done),
            )
        figures.show(run.result())
    except (ValueError, VisitsError) as error:
        raise SystemExit(f"error: {error}") from error
    finally:
        run.close()


def _store(text: str) -> tuple[str, str]:
    engine, _, name = text.partition(":")
    if engine not in ENGINES:
        raise ValueError(f"there is no engine '{engine}'; there are {', '.join(ENGINES)}")
    return engine, name or "best"


if __name__ == "__main__":
    main()
