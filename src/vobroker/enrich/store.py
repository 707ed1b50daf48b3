"""Everything that alerts are enriched with, in a folder: one folder each, whose name is that of the thing."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from vobroker.alerts.batch import AlertBatch
from vobroker.enrich import catalogue, context, region, skymap
from vobroker.enrich.catalogue import Info
from vobroker.enrich.classifiers import classifier
from vobroker.enrich.classifiers.classifier import Classifier
from vobroker.enrich.context import Context
from vobroker.enrich.errors import EnrichError
from vobroker.enrich.history import TABLE as HISTORY_TABLE
from vobroker.enrich.history import History
from vobroker.enrich.layer import CROSSMATCH, Found, Layer
from vobroker.enrich.match import Matcher
from vobroker.enrich.region import Region
from vobroker.enrich.skymap import SkyMap
from vobroker.votypes.arrow import schema
from vobroker.votypes.columns import Table

AnyLayer = Layer | History | Classifier
"""What makes rows of alerts: out of their columns, of their packets, or of the rows that others made."""

LAYERS: dict[str, Callable[[Path], AnyLayer]] = {
    "catalogue": Matcher,
    "watchlist": Matcher,
    region.KIND: Region,
    skymap.KIND: SkyMap,
    context.KIND: Context,
    classifier.KIND: Classifier,
}
"""What reads a folder of the store, by its kind."""

FOLDER = "catalogues"
"""Name of the folder beside an archive's other files."""


def names(store: Path) -> list[str]:
    """Give the names of all that is in a store; what is being made is not."""
    if not store.is_dir():
        return []
    return sorted(path.name for path in store.iterdir() if path.is_dir() and not path.name.startswith("."))


def infos(store: Path, kind: str = "catalogue") -> list[Info]:
    """Give what is known of the catalogues, or the watchlists.

    Raises
    ------
    EnrichError
        If one is damaged.
    """
    return [catalogue.read(store / name) for name in names(store) if catalogue.kind_of(store / name) == kind]


def layers(store: Path, kind: str) -> list[AnyLayer]:
    """Open all things of one kind.

    Raises
    ------
    EnrichError
        If one is damaged.
    """
    return [layer(store / name) for name in names(store) if catalogue.kind_of(store / name) == kind]


def remove(store: Path, name: str, kind: str) -> None:
    """Remove a catalogue, damaged or not; who has it in use goes on with it for the batch in hand.

    Raises
    ------
    EnrichError
        If there is none of that name and kind.
    """
    catalogue.check_name(name, kind)
    folder = store / name
    if not folder.is_dir() or catalogue.kind_of(folder, kind) != kind:
        raise EnrichError(f"there is no {kind} called '{name}' in {store}")
    gone = store / f".{name}.gone"
    shutil.rmtree(gone, ignore_errors=True)
    folder.rename(gone)
    shutil.rmtree(gone)


def take(store: Path, made: Path, name: str, kind: str, *, replace: bool) -> None:
    """Take something that was made elsewhere on the same disk into a store.

    Parameters
    ----------
    store
        Folder of all.
    made
        The folder of it.
    name, kind
        What it is to be called, and what it is.
    replace
        Whether it takes the place of one that is there, or of none.

    Raises
    ------
    EnrichError
        If there is one, or is none, or what is there is of another kind.
    """
    if not replace:
        made.rename(catalogue.free_place(store, name, kind))
        return
    if not (store / name).is_dir() or catalogue.kind_of(store / name, kind) != kind:
        raise EnrichError(f"there is no {kind} called '{name}' any more")
    gone = store / f".{name}.gone"
    shutil.rmtree(gone, ignore_errors=True)
    (store / name).rename(gone)
    made.rename(store / name)
    shutil.rmtree(gone)


class Enrichment:
    """All that alerts are compared with: what is in a store, as it comes and goes, or nothing.

    Attributes
    ----------
    layers
        What is there.
    damaged
        Why something that came later is not, as if it were a catalogue's table.
    """

    def __init__(self, layers: Sequence[AnyLayer] = (), store: Path | None = None) -> None:
        self.layers = tuple(layers)
        self.damaged: dict[str, str] = {}
        self._store = store
        self._seen: dict[str, tuple[int, AnyLayer]] = {}
        self._lock = threading.Lock()

    @classmethod
    def open(cls, store: Path) -> Enrichment:
        """Open all that is in a store, and look there for more before each batch.

        Raises
        ------
        EnrichError
            If something in it is damaged.
        """
        opened = cls(store=store)
        opened._look(store)
        for reason in opened.damaged.values():
            raise EnrichError(reason)
        return opened

    @property
    def tables(self) -> dict[str, Table]:
        """The tables of the layers, by name."""
        return {layer.table.name: layer.table for layer in self.layers}

    def look(self) -> dict[str, Table]:
        """Give the tables of the layers as the store has them now, for who compares no alerts."""
        if self._store is not None:
            with self._lock:
                self._look(self._store)
        return self.tables

    def of(self, batch: AlertBatch) -> dict[str, Found]:
        """Compare alerts with every layer; one that fails says why, and does not keep the others."""
        if self._store is not None:
            with self._lock:
                self._look(self._store)
        found: dict[str, Found] = {}
        for layer in self.layers:
            found[layer.table.name] = _of(layer, batch, found)
        return found

    def _look(self, store: Path) -> None:
        """Open what is new in the store, and forget what is gone from it."""
        seen: dict[str, tuple[int, AnyLayer]] = {}
        damaged: dict[str, str] = {}
        for name in names(store):
            try:
                when = (store / name / catalogue.INFO).stat().st_mtime_ns
                known = self._seen.get(name)
                seen[name] = known if known and known[0] == when else (when, layer(store / name))
            except (EnrichError, OSError) as error:
                damaged[_table(store / name)] = str(error)
        self._seen, self.damaged = seen, damaged
        found: list[AnyLayer] = [one for _, one in seen.values()]
        if not any(isinstance(one, Context) for one in found):
            found.append(_NOWHERE)
        found.append(_HISTORY)
        # Classifiers are told what the others have found.
        found.sort(key=lambda one: isinstance(one, Classifier))
        self.layers = tuple({one.table.name: one for one in found}.values())


_NOWHERE = Context()
_HISTORY = History()


def layer(folder: Path) -> AnyLayer:
    """Open one thing of a store."""
    return LAYERS.get(catalogue.kind_of(folder), Matcher)(folder)


def whole(folder: Path, *, rows: bool = True) -> None:
    """Look one thing of a store through.

    Parameters
    ----------
    folder
        Where it is.
    rows
        Whether the rows of a catalogue are read.

    Raises
    ------
    EnrichError
        If it is damaged, or not all of it is there.
    """
    found = layer(folder)
    if isinstance(found, Matcher):
        found.check(rows=rows)


def system_of(table: str, column: str) -> str:
    """Give the time system of a column of a table made here, which databases do not keep."""
    for made, ours in ((HISTORY_TABLE, HISTORY_TABLE.name), (skymap.TABLE, f"{skymap.KIND}_")):
        if table.startswith(ours) and column in made:
            return made[column].system
    return ""


def tables_for(found: Mapping[str, Found]) -> list[tuple[Table, pa.Table]]:
    """Give the rows that an archive keeps of what was found, by table."""
    rows = [(one.table, one.values) for one in found.values() if one.error is None]
    matches = [one.matches for one in found.values() if one.matches is not None]
    return [*rows, (CROSSMATCH, pa.concat_tables(matches))] if matches else rows


def _table(folder: Path) -> str:
    """Give the table of something that cannot be opened."""
    kind = catalogue.kind_of(folder)
    return f"{catalogue.PREFIXES.get(kind, f'{kind}_')}{folder.name}"


def _of(layer: AnyLayer, batch: AlertBatch, found: Mapping[str, Found]) -> Found:
    try:
        if isinstance(layer, Classifier):
            return layer.of(batch, found)
        return layer.of(batch) if isinstance(layer, History) else layer.of(batch.alert)
    except EnrichError as error:
        nothing = schema(layer.table).empty_table()
        return Found(layer.table, np.empty(0, np.int64), nothing, error=str(error))
