"""Simple Cone Search 1.03 on objects and on alerts: what is around a place, the nearest first."""

from __future__ import annotations

from dataclasses import replace

from vobroker.alerts.columns import ALERT, OBJECT
from vobroker.tap.errors import TapError
from vobroker.tap.parameters import Parameters
from vobroker.votypes.columns import Column

TABLES = {table.name: table for table in (OBJECT, ALERT)}
"""Tables that can be searched, by name."""

_PRINCIPAL = {
    "object": ("object_id", "ra", "dec", "survey", "last_mjd", "n_alerts"),
    "alert": ("alert_id", "ra", "dec", "survey", "object_id", "mjd", "band", "mag", "mag_error"),
}
_OLD_UCDS = {"ra": "POS_EQ_RA_MAIN", "dec": "POS_EQ_DEC_MAIN"}
"""SCS 1.03 section 2.2 wants words of the first vocabulary for three columns."""


def query(table: str, parameters: Parameters) -> str:
    """Write the query of a cone search: RA, DEC and SR in degrees ICRS, VERB from 1 to 3.

    Raises
    ------
    TapError
        If a parameter is missing or cannot be.
    """
    ra = _angle(parameters, "RA", 0, 360)
    dec = _angle(parameters, "DEC", -90, 90)
    radius = _angle(parameters, "SR", 0, 180)
    verbosity = parameters.one("VERB", "2").strip()
    if verbosity not in ("1", "2", "3"):
        raise TapError(f"VERB is 1, 2 or 3, not '{verbosity[:20]}'")
    names = {"1": _PRINCIPAL[table][:3], "2": _PRINCIPAL[table], "3": TABLES[table].names}[verbosity]
    place = f"DISTANCE(POINT(ra, dec), POINT({ra!r}, {dec!r}))"
    if radius == 0:  # the columns alone are asked for (section 2.1)
        return f"SELECT {', '.join(names)}, {place} AS separation FROM {table} WHERE 1 = 0"  # noqa: S608
    return (
        f"SELECT {', '.join(names)}, {place} AS separation FROM {table}"  # noqa: S608
        f" WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE({ra!r}, {dec!r}, {radius!r})) ORDER BY separation"
    )


def columns(table: str, found: tuple[Column, ...]) -> tuple[Column, ...]:
    """Give the columns of a result with the words that SCS wants."""
    main = _PRINCIPAL[table][0]
    old = _OLD_UCDS | {main: "ID_MAIN"}
    described = {"separation": "Distance from the place asked for"}
    return tuple(
        replace(
            column,
            ucd=old.get(column.name, column.ucd),
            description=described.get(column.name, column.description),
        )
        for column in found
    )


def _angle(parameters: Parameters, name: str, low: float, high: float) -> float:
    text = parameters.one(name).strip()
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not text or not low <= value <= high:
        raise TapError(f"{name} is a number from {low:g} to {high:g}, in degrees; not '{text[:40]}'")
    return value
