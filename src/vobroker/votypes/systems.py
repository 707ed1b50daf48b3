"""The coordinate and time systems that columns are in, as VOTable declares them.

VOTable 1.5 sections 3.3 (COOSYS) and 3.4 (TIMESYS). A column names its system in ``Column.system``.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class System:
    """Element that declares a system, and its attributes but the ID."""

    element: str
    attributes: dict[str, str]


def _time(timescale: str, origin: str = "") -> System:
    # A time written as ISO 8601 has no origin.
    attributes = {"timescale": timescale, "refposition": "TOPOCENTER"}
    return System("TIMESYS", ({"timeorigin": origin} if origin else {}) | attributes)


SYSTEMS = {
    "ICRS": System("COOSYS", {"system": "ICRS"}),
    "TAI_MJD": _time("TAI", "MJD-origin"),
    "UTC_MJD": _time("UTC", "MJD-origin"),
    "UTC_JD": _time("UTC", "JD-origin"),
    "UTC": _time("UTC"),
}
"""Systems by the names that columns use."""
