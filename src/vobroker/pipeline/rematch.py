"""Alerts of the archive compared with a catalogue that came after them, or has changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pyarrow as pa

from vobroker.archive import Access
from vobroker.enrich import Layer
from vobroker.enrich.layer import CROSSMATCH
from vobroker.enrich.store import tables_for

PAGE = 50_000
"""Most alerts that are compared, and committed, at once."""

_PAGE = """
    SELECT survey, alert_id, ra, dec, healpix FROM alert WHERE (survey, alert_id) > (?, ?)
    ORDER BY survey, alert_id LIMIT ?
"""


def rematch(
    turns: Access, layer: Layer, *, watch: Callable[[int, int], None] = lambda done, total: None
) -> tuple[int, int]:
    """Compare all alerts of an archive with a catalogue, anew; what was stored by it before is replaced.

    Parameters
    ----------
    turns
        Of this process at the archive; others may have theirs between two pages.
    layer
        The catalogue, region or sky map.
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
    for page in _pages(turns):
        found = layer.of(page.combine_chunks().to_batches()[0])
        known = page.select(["survey", "alert_id"])
        with turns.take() as archive, archive.transaction() as transaction:
            transaction.forget_enriched(layer.table, known)
            if found.matches is not None:
                transaction.forget_enriched(CROSSMATCH, known, catalogue=layer.table.name)
            transaction.add_enriched(tables_for({layer.table.name: found}))
        done += len(page)
        rows += len(found.rows)
        watch(done, max(done, total))
    return done, rows


def _pages(turns: Access) -> Iterator[pa.Table]:
    survey, alert = "", 0
    while True:
        with turns.take() as archive:
            page = archive.query(_PAGE, [survey, alert, PAGE])
        if not len(page):
            return
        yield page
        survey, alert = page["survey"][-1].as_py(), page["alert_id"][-1].as_py()
