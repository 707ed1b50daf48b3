"""Alerts of the archive compared with a catalogue that came after them, or has changed.

Their histories are summed up anew likewise, out of the packets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pyarrow as pa

from vobroker.archive import Access, replay
from vobroker.enrich import Found, History, Layer
from vobroker.enrich.layer import CROSSMATCH
from vobroker.enrich.store import tables_for

PAGE = 50_000
"""Most alerts that are compared, and committed, at once."""

PACKETS = 5_000
"""The same where their packets are read."""

_THESE = "(survey, alert_id) >= (?, ?) AND (survey, alert_id) <= (?, ?)"

_PAGE = """
    SELECT survey, alert_id, ra, dec, healpix FROM alert WHERE (survey, alert_id) > (?, ?)
    ORDER BY survey, alert_id LIMIT ?
"""


def rematch(
    turns: Access, layer: Layer | History, *, watch: Callable[[int, int], None] = lambda done, total: None
) -> tuple[int, int]:
    """Compare all alerts of an archive with a catalogue, anew; what was stored by it before is replaced.

    Parameters
    ----------
    turns
        Of this process at the archive; others may have theirs between two pages.
    layer
        The catalogue, region or sky map, or the histories.
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
    for page in _pages(turns, PACKETS if isinstance(layer, History) else PAGE):
        parts = _of_packets(turns, layer, page) if isinstance(layer, History) else [_of(layer, page)]
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


def _of(layer: Layer, page: pa.Table) -> Found:
    return layer.of(page.combine_chunks().to_batches()[0])


def _of_packets(turns: Access, history: History, page: pa.Table) -> list[Found]:
    ends = [page[name][row].as_py() for row in (0, -1) for name in ("survey", "alert_id")]
    with turns.take() as archive:
        return [history.of(batch) for batch in replay.batches(archive.stored(_THESE, ends))]


def _pages(turns: Access, most: int) -> Iterator[pa.Table]:
    survey, alert = "", 0
    while True:
        with turns.take() as archive:
            page = archive.query(_PAGE, [survey, alert, most])
        if not len(page):
            return
        yield page
        survey, alert = page["survey"][-1].as_py(), page["alert_id"][-1].as_py()
