"""Coordinate and time systems of the columns of a result: kept where the values are the same, else not."""

from __future__ import annotations

import pytest

from vobroker import adql
from vobroker.alerts.columns import ALERT, OBJECT
from vobroker.votypes.columns import Column, Table
from vobroker.votypes.systems import name_of

TDB = name_of("TIMESYS", {"timescale": "TDB", "refposition": "BARYCENTER", "timeorigin": "JD-origin"})
MINE = Table(
    "mine",
    (
        Column("ra", "DOUBLE", "deg", "pos.eq.ra", system="ICRS"),
        Column("mjd", "DOUBLE", "d", "time", system=TDB),
    ),
)
TABLES = {table.name: table for table in (ALERT, OBJECT)} | {"TAP_UPLOAD.mine": MINE}
UPLOAD = "alert AS a JOIN TAP_UPLOAD.mine AS m ON a.survey = 'ztf'"


@pytest.mark.parametrize(
    ("query", "systems"),
    [
        ("SELECT ra, dec AS d, mjd, received, mag FROM alert", ["ICRS", "ICRS", "TAI_MJD", "UTC", ""]),
        (
            "SELECT a.ra, o.ra, o.first_mjd FROM alert AS a JOIN object AS o USING (object_id)",
            ["ICRS", "ICRS", "TAI_MJD"],
        ),
        ("SELECT s.t FROM (SELECT mjd AS t FROM alert) AS s", ["TAI_MJD"]),
        ("WITH w AS (SELECT mjd AS t, ra FROM alert) SELECT * FROM w", ["TAI_MJD", "ICRS"]),
        (
            "SELECT MIN(mjd), MAX(received), AVG(ra), COUNT(mjd), SUM(mjd) FROM alert",
            ["TAI_MJD", "UTC", "ICRS", "", ""],
        ),
        ("SELECT mjd FROM alert UNION SELECT first_mjd FROM object", ["TAI_MJD"]),
        ("SELECT mjd FROM alert UNION SELECT mjd FROM TAP_UPLOAD.mine", [""]),
        ("SELECT mjd FROM alert UNION SELECT NULL FROM object", ["TAI_MJD"]),
        (f"SELECT a.mjd, m.mjd, m.ra FROM {UPLOAD}", ["TAI_MJD", TDB, "ICRS"]),
        (
            f"SELECT COALESCE(a.ra, m.ra), COALESCE(a.mjd, m.mjd), COALESCE(NULL, m.mjd) FROM {UPLOAD}",
            ["ICRS", "", TDB],
        ),
        ("SELECT ra, mjd FROM alert JOIN TAP_UPLOAD.mine USING (ra, mjd)", ["ICRS", ""]),
        (
            "SELECT CASE WHEN mag < 20 THEN mjd END, CASE WHEN mag < 20 THEN mjd ELSE 0 END FROM alert",
            ["TAI_MJD", ""],
        ),
        (
            "SELECT CAST(ra AS REAL), IN_UNIT(ra, 'rad'), ROUND(mjd, 1), CAST(mjd AS VARCHAR) FROM alert",
            ["ICRS", "ICRS", "TAI_MJD", ""],
        ),
        (
            "SELECT mjd - 50000, -ra, +ra, mjd + 1, DISTANCE(ra, dec, 1, 2) FROM alert",
            ["", "", "ICRS", "", ""],
        ),
    ],
)
def test_the_systems_of_a_result(query: str, systems: list[str]) -> None:
    checked = adql.check(adql.parse(query), TABLES)
    assert [column.system for column in checked.columns] == systems
