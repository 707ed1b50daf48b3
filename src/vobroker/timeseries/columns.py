"""The columns of a light curve: one row is one measurement of one object."""

from __future__ import annotations

from vobroker.votypes.columns import Column, Table

KINDS = ("detection", "forced", "limit")
"""What a measurement is: a detection, forced photometry at a known place, or only an upper limit."""

MEASUREMENT = Table(
    "measurement",
    (
        Column("survey", "VARCHAR", "", "meta.id;instr.obsty", "Survey that made the measurement"),
        Column("object_id", "VARCHAR", "", "meta.id;src", "The survey's identifier of the object"),
        Column(
            "kind", "VARCHAR", "", "meta.code", "detection, forced (photometry) or limit (upper limit only)"
        ),
        Column("measurement_id", "BIGINT", "", "meta.id", "The survey's identifier of the measurement"),
        Column(
            "mjd",
            "DOUBLE",
            "d",
            "time.epoch",
            "Midpoint of the exposure, MJD in TAI, topocentric",
            system="TAI_MJD",
        ),
        Column("band", "VARCHAR", "", "instr.bandpass", "Filter band: u, g, r, i, z or y"),
        Column("flux", "REAL", "nJy", "phot.flux.density", "Difference-image flux density, AB"),
        Column("flux_error", "REAL", "nJy", "stat.error;phot.flux.density", "Standard error of flux"),
        Column(
            "mag", "REAL", "mag", "phot.mag", "AB magnitude of the absolute difference flux; null for limits"
        ),
        Column("mag_error", "REAL", "mag", "stat.error;phot.mag", "Standard error of mag"),
        Column("limiting_mag", "REAL", "mag", "phot.mag;stat.max", "5-sigma limiting AB magnitude"),
        Column("positive", "BOOLEAN", "", "meta.code", "Brighter than the template"),
        Column("ra", "DOUBLE", "deg", "pos.eq.ra", "Right ascension, ICRS", system="ICRS"),
        Column("dec", "DOUBLE", "deg", "pos.eq.dec", "Declination, ICRS", system="ICRS"),
        Column("visit", "BIGINT", "", "meta.id;obs.exposure", "The survey's identifier of the exposure"),
        Column("real_bogus", "REAL", "", "stat.probability", "Probability of being real, by the survey"),
    ),
    "Light curves: every detection, forced measurement and upper limit once",
)
