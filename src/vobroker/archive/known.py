"""What was known of an alert when it came: its rows in the tables of what it was compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vobroker.archive.tables import quote
from vobroker.enrich.layer import enriched

if TYPE_CHECKING:
    from vobroker.archive.archive import Archive

Row = dict[str, Any]

MAX_ROWS = 1000
"""Most rows of one table."""


def known(archive: Archive, survey: str, alert_id: int) -> dict[str, list[Row]]:
    """Give the rows of an alert by table, see :func:`vobroker.enrich.enriched`; tables without are left out.

    Raises
    ------
    ArchiveError
        If the database does not answer.
    """
    found = {}
    for name in archive.native_tables():
        if enriched(name):
            sql = f"SELECT * FROM {quote(name)} WHERE survey = ? AND alert_id = ? LIMIT {MAX_ROWS}"  # noqa: S608
            rows: list[Row] = archive.query(sql, [survey, alert_id]).to_pylist()
            if rows:
                found[name] = rows
    return found
