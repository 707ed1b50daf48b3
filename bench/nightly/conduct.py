"""A run: visit after visit on every store in turn, timed by step, each compared with the sky in memory."""

from __future__ import annotations

import json
import secrets
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from bench.nightly.design import Design
from bench.nightly.layouts import Store, layout
from bench.nightly.on_duckdb import DuckDB
from bench.nightly.on_postgresql import PostgreSQL
from bench.nightly.sky import Result, Sky, Visit, associate, seen

STEPS = ("objects", "history", "associate", "write")
FORMAT = "vobroker-bench-visits-1"


class VisitsError(Exception):
    """What cannot be run, or came out wrong."""


class Run:
    """Databases in a folder and on a server, the sky that they are of, and what was measured.

    Parameters
    ----------
    folder
        Holds ``run.json``, the sky, and the DuckDB files.
    server
        URL of a PostgreSQL database, from which others are made.
    """

    def __init__(self, folder: Path, server: str) -> None:
        self._folder, self._server = folder, server
        self.kept: dict[str, Any] = {}
        self.stores: dict[str, Store] = {}
        self.sky: Sky
        self._stopped = False

    def begin(self, design: Design, wanted: Sequence[tuple[str, str]]) -> None:
        """Make the databases of engines and layouts, with the first objects in.

        Raises
        ------
        VisitsError
            If the folder holds a run.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        if (self._folder / "run.json").exists():
            raise VisitsError(f"{self._folder} holds a run; --more goes on with it, --forget deletes it")
        self.sky = Sky(design)
        stores = {}
        for engine, name in wanted:
            chosen = layout(engine, name)
            stores[f"{engine} {chosen.name}"] = {
                "engine": engine,
                "layout": chosen.name,
                "database": f"visits_{secrets.token_hex(6)}",
                "measured": [],
                "sizes": [],
                "settings": {},
            }
        self.kept = {"format": FORMAT, "design": asdict(design), "every": 0, "stores": stores}
        # Before they are made, so that what was made in part can be deleted.
        self._keep()
        everything = self.sky.everything()
        for key, store in self._open().items():
            store.create(everything)
            self.kept["stores"][key]["settings"] = store.settings()
            self.kept["stores"][key]["sizes"].append([0, store.size()])
        self.save()

    def resume(self) -> None:
        """Open a run that was kept.

        Raises
        ------
        VisitsError
            If there is none, or the databases are not as the sky says.
        """
        try:
            self.kept = json.loads((self._folder / "run.json").read_text())
            if self.kept.get("format") != FORMAT:
                raise VisitsError(f"{self._folder} holds a run of another version")
            self.sky = Sky(Design(**self.kept["design"]))
            self.sky.load(self._folder / "sky.npz")
        except FileNotFoundError:
            raise VisitsError(f"{self._folder} holds no run to go on with") from None
        self._open()
        self.check()

    def _open(self) -> dict[str, Store]:
        for key, each in self.kept["stores"].items():
            chosen = layout(each["engine"], each["layout"])
            self.stores[key] = (
                PostgreSQL(self._server, each["database"], chosen)
                if each["engine"] == "postgresql"
                else DuckDB(self._folder / f"{chosen.name}.duckdb", chosen)
            )
        return self.stores

    def forget(self) -> None:
        """Delete databases and files."""
        if not self.stores and (self._folder / "run.json").exists():
            self.kept = json.loads((self._folder / "run.json").read_text())
            self._open()
        for store in self.stores.values():
            store.drop()
        for name in ("run.json", "sky.npz"):
            (self._folder / name).unlink(missing_ok=True)

    def close(self) -> None:
        """End the connections."""
        for store in self.stores.values():
            store.close()

    def save(self) -> None:
        """Keep what was measured and the sky."""
        self.sky.save(self._folder / "sky.npz")
        self._keep()

    def _keep(self) -> None:
        new = self._folder / "run.new.json"
        new.write_text(json.dumps(self.kept))
        new.replace(self._folder / "run.json")

    def go_on(
        self,
        visits: int,
        *,
        every: int,
        seconds: float = np.inf,
        each: Callable[[int], None] = lambda _: None,
    ) -> int:
        """Run visits; an interrupt ends it after the visit that is under way.

        Parameters
        ----------
        visits
            How many.
        every
            Each so-manieth visit of a field reads, and is measured; the others are only written.
        seconds
            When to end, no matter how many are left.
        each
            Told the number of visits done.

        Returns
        -------
        int
            Visits done.

        Raises
        ------
        VisitsError
            If a store gave something else than what is in memory.
        """
        self.kept["every"] = every
        end = time.monotonic() + seconds
        before = signal.signal(signal.SIGINT, lambda *_: setattr(self, "_stopped", True))
        done = 0
        try:
            while done < visits and time.monotonic() < end and not self._stopped:
                self._visit(measured=self.sky.done // self.sky.design.fields % every == 0)
                done += 1
                each(done)
        finally:
            signal.signal(signal.SIGINT, before)
        for key, store in self.stores.items():
            self.kept["stores"][key]["sizes"].append([self.sky.done, store.size()])
        self.check()
        self.save()
        return done

    def _visit(self, *, measured: bool) -> None:
        visit = self.sky.observe()
        objects = self.sky.reference(visit)
        number = self.sky.next_number(visit)
        right = associate(visit, objects, number)
        stores = list(self.stores.items())
        # In turn, so that none is always the one after another.
        shift = visit.number % len(stores)
        for key, store in stores[shift:] + stores[:shift]:
            if not measured:
                store.write(visit, right)
                continue
            figures = self._measure(store, visit, objects, number, right)
            self.kept["stores"][key]["measured"].append(figures)
        self.sky.apply(visit, right)

    def _measure(
        self, store: Store, visit: Visit, objects: pa.Table, number: int, right: Result
    ) -> list[float]:
        """Give the visit, the seconds of each step, and the measurements read and wanted."""
        times = [time.perf_counter()]
        read = seen(visit, store.objects(visit))
        times.append(time.perf_counter())
        sources, forced = store.history(visit)
        times.append(time.perf_counter())
        result = associate(visit, read, number)
        times.append(time.perf_counter())
        store.write(visit, result)
        times.append(time.perf_counter())
        where = f"visit {visit.number} on {store.engine}, layout {store.layout.name}"
        if not read.equals(objects):
            raise VisitsError(
                f"{where}: read {len(read):,} objects, which are not the {len(objects):,} expected"
            )
        if not result.sources.equals(right.sources):
            raise VisitsError(f"{where}: the associations are not those expected")
        wanted = 0
        for (kind, answer), rows in zip(
            self.sky.expected(visit, objects).items(), (sources, forced), strict=True
        ):
            found = self.sky.found(visit, objects, rows["object_id"].to_numpy())
            if found != answer:
                raise VisitsError(f"{where}: read {found[0]:,} {kind}, expected were {answer[0]:,}")
            wanted += answer[0]
        seconds = [round(float(step), 5) for step in np.diff(times)]
        return [visit.number, *seconds, len(sources) + len(forced), wanted]

    def check(self) -> None:
        """Compare the rows of each database with what was written.

        Raises
        ------
        VisitsError
            With the store and the counts.
        """
        right = {
            "sources": self.sky.totals["sources"],
            "forced": self.sky.totals["forced"],
            "objects": len(self.sky),
            "versions": self.sky.totals["versions"],
        }
        for key, store in self.stores.items():
            found = store.counts()
            if found != right:
                raise VisitsError(f"{key} has {found}, but {right} were written; --forget deletes the run")

    def result(self) -> dict[str, Any]:
        """Give what was measured, as it is shown and kept."""
        names = ("format", "design", "every")
        stores = {
            key: {name: each[name] for name in ("engine", "layout", "measured", "sizes", "settings")}
            for key, each in self.kept["stores"].items()
        }
        return {
            **{name: self.kept[name] for name in names},
            "visits": self.sky.done,
            "totals": {**self.sky.totals, "objects": len(self.sky)},
            "stores": stores,
        }
