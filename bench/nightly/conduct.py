"""Visit after visit: read, associate, write, each step timed; a run is kept in a folder and can go on."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.nightly.design import Design
from bench.nightly.layouts import Layout, Store
from bench.nightly.on_duckdb import DuckDB
from bench.nightly.on_postgresql import PostgreSQL
from bench.nightly.sky import Result, Sky, Visit, associate, seen

STEPS = ("objects", "history", "associate", "write")
"""Steps of a visit: last states read, twelve months of measurements read, association, one transaction."""


class VisitError(Exception):
    """A database that gives other rows than were put into it, or a run that cannot go on."""


@dataclass
class Run:
    """What was measured of one layout on one engine.

    Attributes
    ----------
    visits
        For each measured visit its number, the seconds of each step and the rows that were read.
    sizes
        Visits and bytes on disk, at the end of each call.
    """

    engine: str
    layout: str
    design: dict[str, Any]
    settings: dict[str, str] = field(default_factory=dict)
    visits: list[dict[str, float]] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)

    @property
    def done(self) -> int:
        """Visits that are in the database."""
        return self.sizes[-1][0] if self.sizes else 0


def store_of(engine: str, layout: Layout, folder: Path, server: str) -> Store:
    """Give the database of a run."""
    if engine == "duckdb":
        return DuckDB(folder / "visits.duckdb", layout)
    mark = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]
    return PostgreSQL(server, f"visits_{mark}", layout)


def go_on(
    folder: Path,
    engine: str,
    layout: Layout,
    design: Design,
    *,
    server: str,
    visits: int,
    seconds: float,
    every: int = 1,
    watch: Callable[[int, float], None] = lambda *_: None,
) -> Run:
    """Make more visits.

    Parameters
    ----------
    folder
        Where the run is kept; a new one is begun where there is none.
    engine, layout, design
        What is measured; of a run that goes on they must be the same.
    server
        URL of a PostgreSQL database in which others can be made.
    visits, seconds
        Most visits of this call, and most time.
    every
        Only each so-many-th visit is read and measured; the others are only written, which brings a large
        number of visits within reach.
    watch
        Called after each visit with the number made and the seconds of the last measured one.

    Raises
    ------
    VisitError
        If the database gives other rows than it should, or the run was broken off.
    """
    folder.mkdir(parents=True, exist_ok=True)
    notes, state = folder / "run.json", folder / "sky.npz"
    store, sky = store_of(engine, layout, folder, server), Sky(design)
    run = Run(engine, layout.name, asdict(design))
    if notes.exists():
        run = Run(**json.loads(notes.read_text()))
        if run.design != asdict(design):
            raise VisitError(f"{folder} is a run of another design: {run.design}")
        if not state.exists():
            raise VisitError(f"{folder} was broken off in a visit; delete it and begin anew")
        sky.load(state)
    else:
        store.drop()
        store.create(sky.everything())
        notes.write_text(json.dumps(asdict(run)))
    state.unlink(missing_ok=True)  # until the end of this call the database is ahead of it
    try:
        end, last = time.monotonic() + seconds, 0.0
        for number in range(visits):
            if time.monotonic() > end:
                break
            visit = sky.observe()
            if sky.done % every == every - 1:
                told, result = measured(store, sky, visit)
                run.visits.append(told)
                last = sum(told[step] for step in STEPS)
            else:
                result = associate(visit, sky.reference(visit), sky.next_number(visit))
                store.write(visit, result)
            sky.apply(visit, result)
            watch(number + 1, last)
        agree(store, sky)
        run.settings = store.settings()
        run.sizes.append((sky.done, store.size()))
        sky.save(state)
        notes.write_text(json.dumps(asdict(run)))
    finally:
        store.close()
    return run


def measured(store: Store, sky: Sky, visit: Visit) -> tuple[dict[str, float], Result]:
    """Make one visit with the database alone, and hold what it gives against what it should.

    Raises
    ------
    VisitError
        If it is not the same.
    """
    at = [time.perf_counter()]
    objects = seen(visit, store.objects(visit))
    at.append(time.perf_counter())
    history = store.history(visit)
    at.append(time.perf_counter())
    result = associate(visit, objects, sky.next_number(visit))
    at.append(time.perf_counter())
    store.write(visit, result)
    at.append(time.perf_counter())
    told: dict[str, float] = {"number": visit.number}
    told |= {step: at[place + 1] - at[place] for place, step in enumerate(STEPS)}
    told |= {"objects_read": len(objects), "sources_read": len(history[0]), "forced_read": len(history[1])}
    wanted = sky.reference(visit)
    if not objects["object_id"].equals(wanted["object_id"]) or not objects["n_sources"].equals(
        wanted["n_sources"]
    ):
        raise VisitError(f"visit {visit.number}: the last states that were read are not those that were left")
    expected = sky.expected(visit, wanted)
    for kind, rows in zip(("sources", "forced"), history, strict=True):
        found = sky.found(visit, wanted, rows["object_id"].to_numpy())
        if found != expected[kind]:
            raise VisitError(f"visit {visit.number}: {found[0]} {kind} were read, not {expected[kind][0]}")
    return told, result


def agree(store: Store, sky: Sky) -> None:
    """Hold the counts of the database against those of the sky.

    Raises
    ------
    VisitError
        If they differ.
    """
    wanted = {"sources": sky.totals["sources"], "forced": sky.totals["forced"], "objects": len(sky)}
    wanted["versions"] = sky.totals["versions"]
    if (found := store.counts()) != wanted:
        raise VisitError(f"after {sky.done} visits there are {found}, not {wanted}")
