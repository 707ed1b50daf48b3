"""Where an archive's alerts are: the last ones of a night, a stream or a cone, and counts by HEALPix cell."""

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

_SPARE = 4

_LATEST = "SELECT {} FROM alert {} WHERE {} ORDER BY mjd DESC NULLS LAST, survey, alert_id LIMIT ?"
_COUNTS = "SELECT healpix >> {} AS cell, count(*) AS number FROM alert {} WHERE {} GROUP BY 1 ORDER BY 1"

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
    joins: list[str] = []
    parameters: list[Any] = []
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
    most = limit if cone is None else _SPARE * limit  # cells hold some alerts that the cone does not
    rows: list[Row] = archive.query(
        _LATEST.format(", ".join(_COLUMNS), " ".join(joins), where), [*parameters, most + 1], seconds=SECONDS
    ).to_pylist()
    found = rows
    if cone is not None and rows:
        away = separation(*cone[:2], [row["ra"] for row in rows], [row["dec"] for row in rows])
        found = [row for row, apart in zip(rows, np.atleast_1d(away), strict=True) if apart <= cone[2]]
    return found[:limit], len(found) > limit or len(rows) > most


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
    joins, where = "", "healpix IS NOT NULL"
    parameters: list[Any] = []
    if chosen.stream is not None:
        joins = _STREAM
        parameters.append(chosen.stream)
    if chosen.night is not None:
        where += " AND night = ?"
        parameters.append(chosen.night)
    sql = _COUNTS.format(2 * (ORDER - order), joins, where)
    found = archive.query(sql, parameters, seconds=SECONDS)
    cell, number = (np.asarray(found[name].to_numpy(), np.int64) for name in ("cell", "number"))
    return cell, number
