"""What is drawn when nobody says what: by the UCDs of the columns."""

from __future__ import annotations

import pytest

from vobroker.votypes.columns import Column
from vobroker.web.plot import Choice, axes, choose, colours

RA = Column("ra", "DOUBLE", "deg", "pos.eq.ra;meta.main", system="ICRS")
DEC = Column("dec", "DOUBLE", "deg", "pos.eq.dec;meta.main", system="ICRS")
RA_ERROR = Column("ra_error", "REAL", "arcsec", "stat.error;pos.eq.ra")
MJD = Column("mjd", "DOUBLE", "d", "time.epoch", system="TAI_MJD")
NIGHT = Column("night", "INTEGER", "", "time.epoch;obs")
MAG = Column("mag", "REAL", "mag", "phot.mag")
MAG_ERROR = Column("mag_error", "REAL", "mag", "stat.error;phot.mag")
BAND = Column("band", "VARCHAR", "", "instr.bandpass")
SURVEY = Column("survey", "VARCHAR", "", "meta.id")
IDENTIFIER = Column("alert_id", "BIGINT", "", "meta.id;meta.main")
COUNT = Column("n", "BIGINT", "", "meta.number")
BYTES = Column("data", "BLOB")


@pytest.mark.parametrize(
    ("columns", "choice"),
    [
        ((IDENTIFIER, RA_ERROR, RA, DEC, MJD, MAG, BAND), Choice("ra", "dec", "band")),
        ((RA, DEC, MAG), Choice("ra", "dec", "mag")),
        ((MAG, MAG_ERROR, NIGHT, MJD, BAND), Choice("mjd", "mag", "band")),
        ((COUNT, MJD), Choice("mjd", "n")),
        ((SURVEY, BAND, COUNT), Choice("survey", "n", "band")),
        ((IDENTIFIER, MAG), Choice("mag")),
        ((SURVEY, IDENTIFIER), Choice("survey")),
        ((IDENTIFIER, BYTES), None),
        ((), None),
    ],
)
def test_the_suggestion(columns: tuple[Column, ...], choice: Choice | None) -> None:
    assert choose(columns, None, None, None) == choice


def test_a_map_of_one_place_gives_way_to_the_light_curve() -> None:
    assert choose((RA, DEC, MJD, MAG), None, None, None, one_place=True) == Choice("mjd", "mag")


def test_the_reader_decides() -> None:
    columns = (RA, DEC, MJD, MAG, BAND, IDENTIFIER)
    assert choose(columns, "alert_id", "", "band") == Choice("alert_id", "", "band")
    for names in (("data", None, None), ("ra", "nothing", None), ("ra", "dec", "x'><script>")):
        with pytest.raises(ValueError, match="the result has no column"):
            choose(columns, *names)


def test_what_can_be_an_axis_and_what_a_colour() -> None:
    when = Column("received", "TIMESTAMP", "", "time.processing", system="UTC")
    region = Column("s_region", "REGION")
    assert axes((when, BYTES, region, BAND, MAG)) == [when, BAND, MAG]
    assert colours((when, BAND, MAG)) == [BAND, MAG]
