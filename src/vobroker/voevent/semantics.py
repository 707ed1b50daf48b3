"""Units and UCDs of packets; what their vocabularies say is known where astropy is installed."""

from __future__ import annotations

import re
import warnings
from functools import lru_cache
from importlib.util import find_spec

_UCD_WORD = re.compile(r"[A-Za-z0-9][\w-]*(\.[A-Za-z0-9][\w-]*)*", re.ASCII)

HAS_ASTROPY = find_spec("astropy") is not None
"""Whether units, and words of UCDs, can be checked."""

_MEANT = {
    "degree": "deg",
    "degrees": "deg",
    "sec": "s",
    "seconds": "s",
    "second": "s",
    "hr": "h",
    "hours": "h",
    "hour": "h",
    "day": "d",
    "days": "d",
    "years": "yr",
    "magnitude": "mag",
    "mags": "mag",
    "dn": "adu",
    "cts": "count",
    "counts": "count",
    "arcmins": "arcmin",
    "arcsecs": "arcsec",
}
"""What packets say for a unit, in lower case, and the unit."""
_NO_UNIT = ("none", "-", "n/a", "unitless", "dimensionless")


@lru_cache(maxsize=1024)
def unit_problem(text: str) -> str | None:
    """Say what is wrong with a unit by VOUnits 1.1; None where nothing is, or nothing can be said."""
    if not text.strip() or text == "%" or not HAS_ASTROPY:
        return None
    from astropy import units

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated spellings are units still
        try:
            units.Unit(text, format="vounit", parse_strict="raise")
        except (ValueError, TypeError):
            pass
        else:
            return None
    if text.lower() in _NO_UNIT:
        return f"the unit {text!r}; a value without a unit has no such attribute"
    if meant := _MEANT.get(text.lower()):
        return f"the unit {text!r}, which is not one of VOUnits; {meant!r} is"
    return f"the unit {text!r}, which is not one of VOUnits"


@lru_cache(maxsize=1024)
def ucd_problem(text: str) -> str | None:
    """Say what is wrong with a UCD by UCD1+; without astropy only its syntax is looked at."""
    if not text.strip():
        return None
    for word in text.split(";"):
        if not _UCD_WORD.fullmatch(word.strip().partition(":")[2] or word.strip()):
            return f"the UCD {text!r}, where {word!r} is not a word of letters, digits and dots"
    if not HAS_ASTROPY:
        return None
    from astropy.io.votable.ucd import parse_ucd

    try:
        parse_ucd(text, check_controlled_vocabulary=True, has_colon=True)
    except ValueError as error:
        return f"the UCD {text!r}: {error}"
    return None
