"""Dead letters tried again: after a schema has come, a survey file was written, or a fault was mended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from vobroker.alerts.decode import Decoded, decode
from vobroker.alerts.origin import Origin
from vobroker.alerts.packets import RawBatch
from vobroker.alerts.schemas import SchemaSource
from vobroker.archive import Archive
from vobroker.enrich import Enrichment
from vobroker.filters import Running
from vobroker.pipeline.river import NOTHING, Counts, Filters, commit
from vobroker.publish.folder import publish_folder

PAGE = 256
"""Most dead letters that are tried, and committed, at once."""

_PAGE = """
    SELECT id, source, partition, position, data FROM dead_letter
    WHERE id > ? AND reason <> 'conflict' AND reason = coalesce(?, reason)
    AND (? = 0 OR id = ANY(CAST(? AS BIGINT[]))) ORDER BY id LIMIT ?
"""


def redrive(
    archive: Archive,
    *,
    schemas: SchemaSource,
    numbers: Sequence[int] = (),
    reason: str | None = None,
    filters: Filters = (),
    enrichment: Enrichment = NOTHING,
    voevents: Path | None = None,
) -> tuple[int, int, Counts]:
    """Try dead letters again; what can be used now is archived, filtered and published as if just received.

    A letter that is used leaves the dead letters, and its account moves with it: it was received once. The
    others stay as they are. Conflicts are never tried: the archive has the alert with other content.

    Parameters
    ----------
    archive
        Open for writing.
    schemas
        Where schemas that packets do not carry are found.
    numbers, reason
        Only these; all when neither is given.
    filters, enrichment, voevents
        As for :func:`vobroker.pipeline.river.run`.

    Returns
    -------
    tried, used
        Numbers of dead letters that were tried, and of those that could be used.
    counts
        What became of those that could be used.
    """
    tried, well, counts = 0, 0, Counts()
    for letters in _pages(archive, list(numbers), reason):
        tried += len(letters)
        # The number in the name tells afterwards which letter an alert was.
        origins = [
            Origin(row["source"], row["partition"], row["position"], f"#{row['id']}") for row in letters
        ]
        raw = RawBatch([row["data"] for row in letters], origins)
        decoded = decode(raw, schemas, whole=True)
        still = {letter.origin.member for letter in decoded.dead}
        used = [row["id"] for row, origin in zip(letters, origins, strict=True) if origin.member not in still]
        well += len(used)
        if used:
            commit(
                raw, Decoded(decoded.batches), archive, filters, counts, letters=used, enrichment=enrichment
            )
    if isinstance(filters, Running):
        filters.close()
    if voevents is not None and counts.archived:
        with archive.alone():
            counts.events += publish_folder(archive, voevents)
    return tried, well, counts


def _pages(archive: Archive, numbers: list[int], reason: str | None) -> Iterator[list[dict[str, Any]]]:
    last = 0
    while rows := archive.query(_PAGE, [last, reason, len(numbers), numbers, PAGE]).to_pylist():
        last = rows[-1]["id"]
        yield rows
