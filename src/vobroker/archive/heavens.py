"""Where on the sky an archive's alerts are: the last ones of a night, a stream or a cone, and counts by cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vobroker.sky import cone_ranges, separation
from vobroker.sky.healpix import ORDER

if TYPE_CHECKING:
    from vobroker.archive.archive import Archive

Row = dict[str, Any]
Cells = NDArray[np.int64]

SECONDS = 20.0
"""Time after which a question is stopped."""

_COLUMNS = (
    "survey", "alert_id", "object_id", "mjd", "ra", "dec", "band", "mag", "mag_error", "night", "n_detections"
)  # fmt: skip

_STREAM = (
    "JOIN (SELECT DISTINCT survey, alert_id FROM event WHERE stream = ?) AS passed USING (survey, alert_id)"
)
_CONE = "JOIN (SELECT unnest(?) AS low, unnest(?) AS high) AS cells ON healpix >= low AND healpix < high"


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which alerts are meant: all conditions that are given hold.

    Attributes
    ----------
    night
        Observing night, YYYYMMDD.
    stream
        Filter that let them through.
    """

    night: int | None = None
    stream: str | None = None


def alerts(
    archive: Archive, chosen: Chosen, limit: int, cone: tuple[float, float, float] | None = None
) -> tuple[list[Row], bool]:
    """Give the latest alerts that have a position, the latest first.

    Parameters
    ----------
    archive
        Where to look.
    chosen
        Which.
    limit
        Most to give.
    cone
        Right ascension, declination (ICRS) and half opening angle, degrees; the whole sky when not given.

    Returns
    -------
    rows
        Identifiers, time, place, brightness and number of detections, as in ``alert``.
    more
        Whether there are more.

    Raises
    ------
    QueryStopped
        After :data:`SECONDS`.
    """
    joins, parameters = [], []
    if chosen.stream is not None:
        joins.append(_STREAM)
        parameters.append(chosen.stream)
    if cone is not None:
        low, high = zip(*cone_ranges(*cone), strict=True)
        joins.append(_CONE)
        parameters += [list(low), list(high)]
    where = "ra IS NOT NULL AND dec IS NOT NULL"
    if chosen.night is not None:
        where += " AND night = ?"
        parameters.append(chosen.night)
    sql = (
        f"SELECT {', '.join(_COLUMNS)} FROM alert {' '.join(joins)} WHERE {where}"
        " ORDER BY mjd DESC NULLS LAST, survey, alert_id LIMIT ?"
    )
    rows: list[Row] = archive.query(sql, [*parameters, limit + 1], seconds=SECONDS).to_pylist()
    found = rows[:limit]
    if cone is not None and found:
        away = separation(*cone[:2], [row["ra"] for row in found], [row["dec"] for row in found])
        found = [row for row, apart in zip(found, np.atleast_1d(away), strict=True) if apart <= cone[2]]
    return found, len(rows) > limit


def counts(archive: Archive, chosen: Chosen, order: int) -> tuple[Cells, Cells]:
    """Count alerts by HEALPix cell.

    Returns
    -------
    cell, number : array of int64
        Nested cells of ``order`` with alerts, ascending, and how many each has.

    Raises
    ------
    QueryStopped
        After :data:`SECONDS`.
    """
    joins, parameters, where = "", [], "healpix IS NOT NULL"
    if chosen.stream is not None:
        joins = _STREAM
        parameters.append(chosen.stream)
    if chosen.night is not None:
        where += " AND night = ?"
        parameters.append(chosen.night)
    sql = (
        f"SELECT healpix >> {2 * (ORDER - order)} AS cell, count(*) AS number FROM alert {joins}"
        f" WHERE {where} GROUP BY 1 ORDER BY 1"
    )
    found = archive.query(sql, parameters, seconds=SECONDS)
    cell, number = (np.asarray(found[name].to_numpy(), np.int64) for name in ("cell", "number"))
    return cell, number
