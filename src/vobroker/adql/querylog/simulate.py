"""Made-up logs of known categories, to measure the categories by."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from urllib.parse import quote_plus

from vobroker.adql.querylog.logs import Entry

Maker = Callable[[random.Random], str]

_TABLES = (
    "gaiadr3.gaia_source",
    "twomass.data",
    "wise.main",
    "sdss.photo",
    "my_project.stars",
    "ztf_objects",
)


def entries(number: int, *, seed: int = 0) -> Iterator[tuple[str, Entry]]:
    """Give queries with their categories; ``invalid`` for those that are no ADQL."""
    chance = random.Random(seed)
    names = list(MAKERS)
    weights = [_WEIGHTS.get(name, 3) for name in names]
    first = date(2026, 1, 1)
    for _ in range(number):
        category = chance.choices(names, weights)[0]
        text = _varied(chance.choice(MAKERS[category])(chance), chance)
        day = first + timedelta(min(int(chance.expovariate(1 / 20)), 89))
        user = f"10.0.{chance.randrange(8)}.{min(int(chance.expovariate(1 / 40)), 255)}"
        yield category, Entry(text, day.isoformat(), user)


def access_log(number: int, *, seed: int = 0) -> Iterator[str]:
    """Give the same queries as lines of a web server's log."""
    for _, entry in entries(number, seed=seed):
        day = date.fromisoformat(entry.day).strftime("%d/%b/%Y")
        target = f"/tap/sync?LANG=ADQL&REQUEST=doQuery&QUERY={quote_plus(entry.text)}"
        yield f'{entry.user} - - [{day}:12:00:00 +0000] "GET {target} HTTP/1.1" 200 5120 "-" "pyvo"\n'


def _varied(text: str, chance: random.Random) -> str:
    """Write the same query as somebody else would: other case, spacing, comments."""
    style = chance.random()
    if style < 0.3:
        text = " ".join(word.lower() if word.isupper() else word for word in text.split(" "))
    elif style < 0.5:
        text = text.replace(" FROM ", "\nFROM ").replace(" WHERE ", "\nWHERE ")
    elif style < 0.6:
        text = "-- my query\n" + text
    return text.replace(", ", ",") if chance.random() < 0.3 else text


def _number(chance: random.Random, low: float = 0, high: float = 360) -> str:
    return f"{chance.uniform(low, high):.{chance.randrange(1, 7)}f}"


def _place(c: random.Random) -> str:
    return f"{_number(c)}, {_number(c, -90, 90)}"


def _table(c: random.Random) -> str:
    return c.choice(_TABLES)


def _system(c: random.Random) -> str:
    return c.choice(("", "'ICRS', ", "'', "))


def _cone(c: random.Random) -> str:
    s = _system(c)
    return f"1 = CONTAINS(POINT({s}ra, dec), CIRCLE({s}{_place(c)}, {_number(c, 0, 1)}))"


def _ids(c: random.Random) -> str:
    return str(c.randrange(10**17))


MAKERS: dict[str, tuple[Maker, ...]] = {
    "cone search": (
        lambda c: f"SELECT TOP {c.randrange(1, 5000)} * FROM {_table(c)} WHERE {_cone(c)}",
        lambda c: (
            f"SELECT ra, dec, mag FROM {_table(c)} WHERE {_cone(c)} AND mag < {_number(c, 10, 20)} ORDER BY mag"
        ),
        lambda c: (
            f"SELECT source_id FROM {_table(c)} WHERE DISTANCE(ra, dec, {_place(c)}) < {_number(c, 0, 1)}"
        ),
        lambda c: f"SELECT COUNT(*) AS n FROM {_table(c)} WHERE {_cone(c)}",
    ),
    "cross-match": (
        lambda c: (
            f"SELECT a.*, b.jmag FROM {_table(c)} AS a JOIN twomass.psc AS b ON 1 = CONTAINS(POINT(a.ra, a.dec), "
            f"CIRCLE(b.ra, b.dec, {_number(c, 0, 0.01)}))"
        ),
        lambda c: (
            f"SELECT TOP 100 a.id, b.id FROM TAP_UPLOAD.t{c.randrange(9)} AS a JOIN {_table(c)} AS b "
            f"ON DISTANCE(a.ra, a.dec, b.ra, b.dec) < {_number(c, 0, 0.01)}"
        ),
    ),
    "region search": (
        lambda c: (
            f"SELECT ra, dec FROM {_table(c)} WHERE 1 = CONTAINS(POINT(ra, dec), "
            f"POLYGON({_place(c)}, {_place(c)}, {_place(c)}))"
        ),
        lambda c: (
            f"SELECT * FROM {_table(c)} WHERE CONTAINS(POINT({_system(c)}ra, dec), BOX({_system(c)}{_place(c)}, "
            f"{_number(c, 0, 5)}, {_number(c, 0, 5)})) = 1"
        ),
    ),
    "observation discovery": (
        lambda c: (
            f"SELECT obs_publisher_did, access_url FROM ivoa.obscore WHERE obs_collection = 'C{c.randrange(99)}'"
            f" AND t_min > {_number(c, 50000, 60000)}"
        ),
        lambda c: (
            f"SELECT TOP {c.randrange(99)} * FROM ivoa.ObsCore WHERE dataproduct_type = 'image' AND em_min < "
            f"{_number(c, 0, 1)}e-6"
        ),
    ),
    "lookup by identifier": (
        lambda c: f"SELECT * FROM {_table(c)} WHERE source_id = {_ids(c)}",
        lambda c: (
            f"SELECT mjd, mag, mag_err FROM epoch_photometry WHERE object_id = 'ZTF{c.randrange(10**6)}' ORDER BY mjd"
        ),
        lambda c: f"SELECT ra, dec FROM {_table(c)} WHERE source_id IN ({_ids(c)}, {_ids(c)}, {_ids(c)})",
    ),
    "statistics": (
        lambda c: f"SELECT COUNT(*) FROM {_table(c)}",
        lambda c: (
            f"SELECT ROUND(mag, 1) AS bin, COUNT(*) AS n FROM {_table(c)} GROUP BY ROUND(mag, 1) ORDER BY bin"
        ),
        lambda c: f"SELECT MIN(mag), MAX(mag), AVG(mag) FROM {_table(c)} WHERE mag > {_number(c, 0, 20)}",
    ),
    "random sample": (
        lambda c: f"SELECT TOP {c.randrange(1, 999)} * FROM {_table(c)} WHERE RAND() < {_number(c, 0, 1)}",
        lambda c: f"SELECT ra, dec FROM gaiadr3.gaia_source WHERE random_index < {c.randrange(10**6)}",
    ),
    "pages of a table": (
        lambda c: f"SELECT TOP 1000 * FROM {_table(c)} ORDER BY ra OFFSET {c.randrange(100) * 1000}",
    ),
    "metadata": (
        lambda c: "SELECT * FROM TAP_SCHEMA.tables",
        lambda c: f"SELECT column_name, unit FROM tap_schema.columns WHERE table_name = '{_table(c)}'",
        lambda c: "SELECT COUNT(*) FROM TAP_SCHEMA.columns",
    ),
    "join": (
        lambda c: (
            f"SELECT a.mag, b.z FROM {_table(c)} AS a JOIN redshifts AS b USING (source_id) WHERE b.z > {_number(c, 0, 3)}"
        ),
    ),
    "selection": (
        lambda c: (
            f"SELECT ra, dec FROM {_table(c)} WHERE mag BETWEEN {_number(c, 0, 10)} AND {_number(c, 10, 20)}"
        ),
        lambda c: (
            f"SELECT TOP {c.randrange(99)} * FROM {_table(c)} WHERE parallax > {_number(c, 0, 99)} AND pmra < 5"
        ),
    ),
    "look at a table": (lambda c: f"SELECT TOP {c.randrange(1, 100)} * FROM {_table(c)}",),
    "invalid": (
        lambda c: f"SELECT * FROM {_table(c)} LIMIT {c.randrange(99)}",
        lambda c: f"SELECT * FROM {_table(c)} WHERE CONTAINS(POINT(ra, dec), CIRCLE({_place(c)}, 1))",
        lambda c: f"SELECT ra, dec, FROM {_table(c)}",
        lambda c: f"SELECT * FROM {_table(c)} WHERE name = “M{c.randrange(110)}”",
        lambda c: f"SELECT date FROM {_table(c)}",
    ),
}
"""Makers of queries by category."""

_WEIGHTS = {
    "cone search": 30,
    "lookup by identifier": 12,
    "metadata": 10,
    "statistics": 6,
    "invalid": 6,
    "selection": 8,
}
