"""The coordinate and time systems that columns are in, as VOTable declares them.

VOTable 1.5 sections 3.3 (COOSYS) and 3.4 (TIMESYS). A column names its system in ``Column.system``: by a key
of :data:`SYSTEMS`, or where it came with an upload and is none of ours, by what declares it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
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

_ATTRIBUTES = {
    "COOSYS": ("system", "equinox", "epoch", "refposition"),
    "TIMESYS": ("timescale", "refposition", "timeorigin"),
}
_LONGEST = 128  # characters of an attribute


def name_of(element: str, attributes: Mapping[str, str]) -> str:
    """Give the name of a system that a document declares; empty where it declares none that can be told."""
    known = {key: attributes[key] for key in _ATTRIBUTES.get(element, ()) if attributes.get(key)}
    if not known or any(len(value) > _LONGEST for value in known.values()):
        return ""
    for name, system in SYSTEMS.items():
        if system == System(element, known):
            return name
    return f"{element} {json.dumps(known, sort_keys=True)}"


def find(name: str) -> System | None:
    """Give the system that a name means, one of ours or one that :func:`name_of` made; None for neither."""
    if name in SYSTEMS:
        return SYSTEMS[name]
    element, _, text = name.partition(" ")
    try:
        attributes = json.loads(text) if element in _ATTRIBUTES else None
    except ValueError:
        return None
    if not isinstance(attributes, dict) or not all(isinstance(value, str) for value in attributes.values()):
        return None
    return System(element, attributes) if name == name_of(element, attributes) else None
