"""The simple shapes of STC-S that REGION('...') may hold (STC-S 1.33 section 2; ADQL 2.1 section 4.2).

Read word by word in one pass: text of any kind is answered in a time that grows with its length only.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

MAX_WORDS = 2000

_FRAMES = ("ICRS",)
_REFERENCE_POSITIONS = ("BARYCENTER", "GEOCENTER", "HELIOCENTER", "TOPOCENTER", "UNKNOWNREFPOS")
_COUNTS = {"POSITION": 2, "CIRCLE": 3, "BOX": 4}
_COMPOUND = ("UNION", "INTERSECTION", "DIFFERENCE", "NOT")


class StcsError(Exception):
    """A region that is not read, with the reason as the end of a sentence."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A shape in ICRS: its kind in capitals and its numbers, degrees."""

    kind: str
    numbers: tuple[float, ...]


def read(text: str) -> Shape:
    """Read POSITION, CIRCLE, BOX or POLYGON in ICRS.

    Raises
    ------
    StcsError
        For other shapes and frames, and for what is no region.
    """
    words = text.split(None, MAX_WORDS)
    if len(words) > MAX_WORDS:
        raise StcsError(f"has more than {MAX_WORDS} words")
    kind = words[0].upper() if words else ""
    if kind in _COMPOUND:
        raise StcsError(f"is a {kind}")
    if kind not in _COUNTS and kind != "POLYGON":
        raise StcsError("does not begin with POSITION, CIRCLE, BOX or POLYGON")
    rest = words[1:]
    if rest and rest[0].upper() in _FRAMES:
        rest = rest[1:]
    elif rest and not _is_number(rest[0]):
        raise StcsError(f"is in the frame {rest[0][:30]}")
    if rest and rest[0].upper() in _REFERENCE_POSITIONS:
        rest = rest[1:]
    if rest and rest[0].upper() == "SPHERICAL2":
        rest = rest[1:]
    wrong = next((word for word in rest if not _is_number(word)), None)
    if wrong is not None:
        raise StcsError(f"has {wrong[:30]} where a number belongs")
    numbers = tuple(map(float, rest))
    if not all(map(isfinite, numbers)):
        raise StcsError("has a number that is not finite")
    wanted = _COUNTS.get(kind)
    if wanted is not None and len(numbers) != wanted:
        raise StcsError(f"has {len(numbers)} numbers; a {kind} has {wanted}")
    if kind == "POLYGON" and (len(numbers) < 6 or len(numbers) % 2):
        raise StcsError(f"has {len(numbers)} numbers; a POLYGON has pairs, at least three")
    return Shape(kind, numbers)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
