"""Spans of time as people write them: ``90s``, ``30m``, ``2h``, ``3d``."""

from __future__ import annotations

import re

_SPAN = re.compile(r"(\d{1,6})([smhd])", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(text: str) -> int | None:
    """Give the seconds of a span; None where the text is none."""
    found = _SPAN.fullmatch(text)
    return int(found[1]) * _SECONDS[found[2]] if found else None
