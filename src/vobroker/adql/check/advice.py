"""What a message suggests to write instead."""

from __future__ import annotations

from vobroker.adql import units


def did_you_mean(name: str) -> str:
    """Offer a name, if there is one."""
    return f"Did you mean {name}?" if name else ""


def did_you_mean_of(name: str, known: list[str]) -> str:
    """Offer a name or, where there is none, the names that there are."""
    return did_you_mean(name) or (f"Known: {', '.join(known[:12])}." if known else "")


def convertible(unit: str | None, target: str | None) -> str:
    """Offer to convert a unit, where that can be done."""
    known = unit is not None and target is not None and units.factor(unit, target) is not None
    return f"Write IN_UNIT(..., '{target}')." if known else ""
