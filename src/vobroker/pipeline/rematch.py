"""Alerts of the archive compared with a catalogue that came after them, or has changed.

Their histories are summed up anew likewise, out of the packets; a model judges what is stored of them.
"""

# ruff: noqa: S608 -- what is put into the text are quoted names out of the column table

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import pyarrow as pa

from vobroker.alerts.columns import ALERT
from vobroker.archive import Access, Archive, replay
from vobroker.archive.tables import quote
from vobroker.enrich import Classifier, EnrichError, Found, History, enriched
from vobroker.enrich.layer import CROSSMATCH, command_of
from vobroker.enrich.store import AnyLayer, tables_for

PAGE = 50_000
"""Most alerts that are compared, and committed, at once."""

PACKETS = 5_000
"""The same where their packets are read, or a model judges them."""

_KEYS = ("survey", "alert_id")

_THESE = "(survey, alert_id) >= (?, ?) AND (survey, alert_id) <= (?, ?)"

_PAGE = """
    SELECT survey, alert_id, ra, dec, healpix FROM alert WHERE (survey, alert_id) > (?, ?)
    ORDER BY survey, alert_id LIMIT ?
"""


def rematch(
    turns: Access, layer: AnyLayer, *, watch: Callable[[int, int], None] = lambda done, total: None
) -> tuple[int, int]:
    """Compare all alerts of an archive with a catalogue, anew; what was stored by it before is replaced.

    Parameters
    ----------
    turns
        Of this process at the archive; others may have theirs between two pages.
    layer
        The catalogue, region or sky map, the histories, or a model.
    watch
        Called after each page with the number of alerts so far, and of all.

    Returns
    -------
    alerts, rows
        Numbers of alerts, and of those that have a row in the layer's table.

    Raises
    ------
    vobroker.archive.ArchiveError
        If the archive cannot be read or written; whole pages are stored by then.
    EnrichError
        If the alerts cannot be compared.
    """
    with turns.take() as archive:
        total = archive.query("SELECT count(*) AS n FROM alert")["n"][0].as_py()
    done = rows = 0
    for page in _pages(turns, PACKETS if isinstance(layer, History | Classifier) else PAGE):
        parts = _made(turns, layer, page)
        # Alerts that came meanwhile may be among those whose packets were read.
        tables = [found.values for found in parts] if isinstance(layer, History) else [page]
        known = pa.concat_tables([table.select(["survey", "alert_id"]) for table in tables])
        with turns.take() as archive, archive.transaction() as transaction:
            transaction.forget_enriched(layer.table, known)
            if any(found.matches is not None for found in parts):
                transaction.forget_enriched(CROSSMATCH, known, catalogue=layer.table.name)
            for found in parts:
                transaction.add_enriched(tables_for({layer.table.name: found}))
        done += len(page)
        rows += sum(len(found.rows) for found in parts)
        watch(done, max(done, total))
    return done, rows


def _made(turns: Access, layer: AnyLayer, page: pa.Table) -> list[Found]:
    if isinstance(layer, History):
        with turns.take() as archive:
            return [layer.of(batch) for batch in replay.batches(archive.stored(_THESE, _ends(page)))]
    if isinstance(layer, Classifier):
        return [_judged(turns, layer, page)]
    return [layer.of(page.combine_chunks().to_batches()[0])]


def _ends(page: pa.Table) -> list[str | int]:
    return [page[name][row].as_py() for row in (0, -1) for name in ("survey", "alert_id")]


def _judged(turns: Access, classifier: Classifier, page: pa.Table) -> Found:
    """Have a model judge the alerts of a page by what is stored of them."""
    with turns.take() as archive:
        stored = archive.query(_stored(archive, classifier.needs()), _ends(page))
    # Alerts that came meanwhile may be among those that were read.
    there = pa.table({"place": pa.array(range(len(page)))} | {n: page[n] for n in _KEYS})
    stored = stored.join(there, list(_KEYS), join_type="inner").sort_by("place").combine_chunks()
    alert = stored.select(list(_KEYS)).to_batches()[0]
    given = {name: stored[name].combine_chunks() for name in stored.column_names if "." in name}
    found = classifier.judged(alert, given, None)
    if found.warning and found.values[classifier.info.declaration.outputs[0].column].null_count == len(alert):
        raise EnrichError(f"{classifier.table.name}: {found.warning}")
    return found


def _stored(archive: Archive, needs: Mapping[str, list[str]]) -> str:
    """Write the query for the columns that a model is told, of alerts within two keys."""
    known = {ALERT.name: ALERT} | archive.native_tables()
    columns, joined = [], []
    for table, names in needs.items():
        if table not in known and enriched(table):
            raise EnrichError(
                f"the archive has no {table}, which the model is told;"
                f" 'vobroker {command_of(table)}' makes it"
            )
        has = known.get(table, ())
        if table != ALERT.name and has:
            joined.append(f"LEFT JOIN {quote(table)} USING (survey, alert_id)")
        for name in names:
            found = (
                f"{quote(table)}.{quote(known[table][name].name)}" if name in has else "CAST(NULL AS REAL)"
            )
            columns.append(f"{found} AS {quote(f'{table}.{name}')}")
    these = f"(SELECT * FROM alert WHERE {_THESE}) AS alert"
    return f"SELECT survey, alert_id, {', '.join(columns)} FROM {these} {' '.join(joined)}"


def _pages(turns: Access, most: int) -> Iterator[pa.Table]:
    survey, alert = "", 0
    while True:
        with turns.take() as archive:
            page = archive.query(_PAGE, [survey, alert, most])
        if not len(page):
            return
        yield page
        survey, alert = page["survey"][-1].as_py(), page["alert_id"][-1].as_py()
