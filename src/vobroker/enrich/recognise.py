"""Which columns of a table are position and identifier, by their UCDs (UCD1+ 1.6) or else by usual names."""

from __future__ import annotations

from collections.abc import Sequence

from vobroker.votypes.columns import Column

_NUMBERS = ("SMALLINT", "INTEGER", "BIGINT", "REAL", "DOUBLE")
_UCDS = {
    "ra": ("pos.eq.ra;meta.main", "pos.eq.ra"),
    "dec": ("pos.eq.dec;meta.main", "pos.eq.dec"),
    "id": ("meta.id;meta.main",),
}
_NAMES = {
    "ra": "ra ra_deg radeg ra_icrs raj2000 _raj2000 ra_j2000 ramean meanra alpha",
    "dec": "dec decl dec_deg dedeg decdeg de_icrs dec_icrs dej2000 _dej2000 decj2000 decmean meandec delta",
    "id": "id name source_id object_id objid oid main_id designation identifier source",
}


def recognised(columns: Sequence[Column]) -> dict[str, str]:
    """Give the columns of ``ra``, ``dec`` and ``id`` by these words, where there are some."""
    found = {}
    for role, ucds in _UCDS.items():
        fit = [one for one in columns if role == "id" or one.type in _NUMBERS]
        by_ucd = [one.name for ucd in ucds for one in fit if one.ucd.lower() == ucd]
        by_name = [one.name for name in _NAMES[role].split() for one in fit if one.name.lower() == name]
        if known := by_ucd or by_name:
            found[role] = known[0]
    return found
