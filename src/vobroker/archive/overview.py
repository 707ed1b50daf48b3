"""What somebody who looks at an archive wants to know first: counts, the latest, and what is where."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from vobroker.archive.dialects import dialect
from vobroker.sky import cone_ranges, separation

if TYPE_CHECKING:
    from vobroker.archive.archive import Archive

Row = dict[str, Any]

MAX_CANDIDATES = 100_000
"""Most objects near a place that are looked at one by one."""

_NIGHTS = """
    SELECT night, survey, CAST(sum(archived) AS BIGINT) AS alerts FROM ledger
    WHERE night IS NOT NULL AND archived > 0 GROUP BY night, survey ORDER BY night DESC, survey LIMIT ?
"""

_TOTALS = """
    SELECT (SELECT count(*) FROM alert) AS alerts, (SELECT count(*) FROM object) AS objects,
           (SELECT count(*) FROM event) AS events, (SELECT count(*) FROM dead_letter) AS dead_letters,
           (SELECT count(*) FROM measurement) AS measurements
"""

_ARRIVALS = """
    SELECT CAST(floor(extract(epoch FROM $3 - received) / $1) AS BIGINT) AS step, count(*) AS alerts
    FROM alert WHERE received > $2 GROUP BY 1
"""

_ACCOUNT = """
    SELECT night, survey, source, CAST(sum(received) AS BIGINT) AS received,
           CAST(sum(archived) AS BIGINT) AS archived, CAST(sum(duplicate) AS BIGINT) AS duplicate,
           CAST(sum(dead) AS BIGINT) AS dead
    FROM ledger GROUP BY night, survey, source
    ORDER BY night DESC NULLS LAST, survey NULLS LAST, source LIMIT ?
"""

_BY_NIGHT = """
    SELECT night, survey, CAST(sum(received) AS BIGINT) AS received,
           CAST(sum(archived) AS BIGINT) AS archived, CAST(sum(duplicate) AS BIGINT) AS duplicate,
           CAST(sum(dead) AS BIGINT) AS dead
    FROM ledger GROUP BY night, survey ORDER BY night DESC NULLS LAST, survey NULLS LAST LIMIT ?
"""

_BALANCE = """
    SELECT CAST(coalesce(sum(received), 0) AS BIGINT) AS received,
           CAST(coalesce(sum(archived), 0) AS BIGINT) AS archived,
           CAST(coalesce(sum(duplicate), 0) AS BIGINT) AS duplicate,
           CAST(coalesce(sum(dead), 0) AS BIGINT) AS dead
    FROM ledger
"""

_REASONS = "SELECT reason, count(*) AS letters FROM dead_letter GROUP BY reason ORDER BY letters DESC, reason"

_JUDGED = """
    SELECT filter, (array_agg(version ORDER BY night DESC NULLS LAST))[1] AS version,
           CAST(sum(seen) AS BIGINT) AS seen, CAST(sum(passed) AS BIGINT) AS passed,
           CAST(sum(rejected) AS BIGINT) AS rejected, CAST(sum(failed) AS BIGINT) AS failed,
           max(night) AS last_night
    FROM filter_ledger GROUP BY filter ORDER BY filter
"""

_JUDGED_BY_NIGHT = """
    SELECT night, version, seen, passed, rejected, failed FROM filter_ledger WHERE filter = ?
    ORDER BY night DESC, version LIMIT ?
"""

_EVENTS = """
    SELECT event.*, alert.ra, alert.dec, alert.band, alert.mag, alert.mag_error, alert.snr, alert.n_detections
    FROM (SELECT * FROM event WHERE stream = coalesce($1, stream) AND sequence < $2
          ORDER BY sequence DESC LIMIT $3) AS event
    LEFT JOIN alert USING (survey, alert_id) ORDER BY sequence DESC
"""

_EVENTS_OF = """
    SELECT event.* FROM event JOIN (SELECT unnest($1) AS survey, unnest($2) AS alert_id) AS chosen
    USING (survey, alert_id) ORDER BY sequence
"""

_OBJECTS = """
    SELECT object.*, alert.band, alert.mag, alert.mag_error FROM ({}) AS object
    LEFT JOIN alert ON alert.survey = object.survey AND alert.alert_id = object.last_alert_id
"""

_NAMED = _OBJECTS.format(
    "SELECT * FROM object WHERE starts_with(lower(object_id), lower($1)) ORDER BY object_id, survey LIMIT $2"
)

_NUMBERED = "SELECT survey, alert_id, object_id, mjd FROM alert WHERE alert_id = ? ORDER BY survey"

_IN_CELLS = _OBJECTS.format(
    "SELECT object.* FROM object JOIN (SELECT unnest($1) AS low, unnest($2) AS high) AS cells ON"
    " healpix >= low AND healpix < high LIMIT $3"
)


def totals(archive: Archive) -> Row:
    """Give how many alerts, objects, measurements, events and dead letters there are."""
    row: Row = archive.query(_TOTALS).to_pylist()[0]
    return row


def nights(archive: Archive, limit: int = 30) -> list[Row]:
    """Give the archived alerts by ``night`` and ``survey``, the last night first."""
    return _rows(archive, _NIGHTS, limit)


def arrivals(archive: Archive, until: datetime, step: int = 10, count: int = 60) -> list[int]:
    """Give how many alerts arrived in each of ``count`` steps of ``step`` seconds before ``until`` (UTC)."""
    moment = until.astimezone(UTC).replace(tzinfo=None)
    begin = moment - timedelta(seconds=step * count)
    ago = {row["step"]: row["alerts"] for row in _rows(archive, _ARRIVALS, step, begin, moment)}
    return [ago.get(number, 0) for number in range(count - 1, -1, -1)]


def account(archive: Archive, limit: int = 500) -> list[Row]:
    """Give the ledger by night, survey and source, the last night first."""
    return _rows(archive, _ACCOUNT, limit)


def by_night(archive: Archive, limit: int = 500) -> list[Row]:
    """Give the ledger by night and survey, the last night first."""
    return _rows(archive, _BY_NIGHT, limit)


def balance(archive: Archive) -> Row:
    """Give the sums of the ledger: received = archived + duplicate + dead."""
    row: Row = archive.query(_BALANCE).to_pylist()[0]
    return row


def reasons(archive: Archive) -> list[Row]:
    """Give the number of dead letters by reason."""
    return _rows(archive, _REASONS)


def judged(archive: Archive) -> list[Row]:
    """Give the account of each filter over all nights and versions."""
    return _rows(archive, _JUDGED)


def judged_by_night(archive: Archive, filter_name: str, limit: int = 100) -> list[Row]:
    """Give the account of one filter by night and version, the last night first."""
    return _rows(archive, _JUDGED_BY_NIGHT, filter_name, limit)


def latest_events(
    archive: Archive, stream: str | None = None, limit: int = 20, before: int | None = None
) -> list[Row]:
    """Give the last events, the last first, with position and brightness of their alerts."""
    return _rows(archive, _EVENTS, stream, (1 << 62) if before is None else before, limit)


def events_of(archive: Archive, alerts: Iterable[tuple[str, int]]) -> list[Row]:
    """Give the events of some alerts, named by survey and identifier, in order of appearance."""
    surveys, numbers = zip(*alerts, strict=True) if (alerts := list(alerts)) else ((), ())
    return _rows(archive, _EVENTS_OF, list(surveys), list(numbers)) if alerts else []


def objects_named(archive: Archive, beginning: str, limit: int = 50) -> list[Row]:
    """Give objects whose identifier begins so, whatever the case, with their latest brightness."""
    return _rows(archive, _NAMED, beginning, limit)


def alerts_numbered(archive: Archive, alert_id: int) -> list[Row]:
    """Give ``survey``, ``alert_id``, ``object_id`` and ``mjd`` of the alerts with an identifier."""
    return _rows(archive, _NUMBERED, alert_id)


def similar_names(archive: Archive, object_id: str, limit: int = 3) -> list[Row]:
    """Give ``survey`` and ``object_id`` of the objects whose identifier is most like one."""
    return _rows(archive, dialect(archive.platform).similar, object_id, limit)


def misspelt(archive: Archive, object_id: str, limit: int = 3) -> list[str]:
    """Give identifiers of objects that differ in at most three letters from one, the nearest first."""
    rows = _rows(archive, dialect(archive.platform).misspelt, object_id, limit)
    return [row["object_id"] for row in rows]


def objects_near(archive: Archive, ra: float, dec: float, radius: float, limit: int = 50) -> list[Row]:
    """Give the objects in a cone, the nearest first, with their latest brightness.

    Parameters
    ----------
    archive
        Where to look.
    ra, dec
        Axis of the cone, degrees, ICRS.
    radius
        Half opening angle, degrees.
    limit
        Most objects to give.

    Returns
    -------
    list of dict
        The columns of ``object``, ``band``, ``mag`` and ``mag_error`` of the latest alert, and
        ``distance`` in degrees.

    Raises
    ------
    ValueError
        If an argument is out of range or not a number.
    """
    low, high = zip(*cone_ranges(ra, dec, radius), strict=True)
    rows = _rows(archive, _IN_CELLS, list(low), list(high), MAX_CANDIDATES)
    if not rows:
        return []
    distance = np.atleast_1d(separation(ra, dec, [row["ra"] for row in rows], [row["dec"] for row in rows]))
    inside = [number for number in np.argsort(distance, kind="stable") if distance[number] <= radius]
    return [rows[number] | {"distance": float(distance[number])} for number in inside[:limit]]


def _rows(archive: Archive, sql: str, *parameters: Any) -> list[Row]:
    rows: list[Row] = archive.query(sql, parameters).to_pylist()
    return rows
