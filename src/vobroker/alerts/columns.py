"""The column table: every column of the broker with type, unit, UCD and description.

The Arrow schema of a batch, the tables of the archive, the filter checker, VOTable fields and the
docs page all come from here. A survey's native columns are added by its file in ``surveys/``.
"""

from __future__ import annotations

from vobroker.timeseries.columns import MEASUREMENT
from vobroker.votypes.columns import Column, Table

__all__ = ["ALERT", "MEASUREMENT"]

ALERT = Table(
    "alert",
    (
        Column("survey", "VARCHAR", "", "meta.id;instr.obsty", "Survey that sent the alert"),
        Column("alert_id", "BIGINT", "", "meta.id;meta.main", "Identifier of the triggering detection, unique in the survey"),
        Column("object_id", "VARCHAR", "", "meta.id;src", "The survey's identifier of the object; ss… for a solar-system object"),
        Column("mjd", "DOUBLE", "d", "time.epoch;meta.main", "Midpoint of the exposure, MJD in TAI, topocentric"),
        Column("ra", "DOUBLE", "deg", "pos.eq.ra;meta.main", "Right ascension of the detection, ICRS"),
        Column("dec", "DOUBLE", "deg", "pos.eq.dec;meta.main", "Declination of the detection, ICRS"),
        Column("ra_error", "REAL", "arcsec", "stat.error;pos.eq.ra", "Standard error of ra on the sky (times cos dec)"),
        Column("dec_error", "REAL", "arcsec", "stat.error;pos.eq.dec", "Standard error of dec"),
        Column("healpix", "BIGINT", "", "pos.healpix", "Nested HEALPix cell of the position, order 29"),
        Column("band", "VARCHAR", "", "instr.bandpass", "Filter band: u, g, r, i, z or y"),
        Column("flux", "REAL", "nJy", "phot.flux.density", "Difference-image flux density, AB; negative when fainter than the template"),
        Column("flux_error", "REAL", "nJy", "stat.error;phot.flux.density", "Standard error of flux"),
        Column("mag", "REAL", "mag", "phot.mag", "AB magnitude of the absolute difference flux"),
        Column("mag_error", "REAL", "mag", "stat.error;phot.mag", "Standard error of mag"),
        Column("snr", "REAL", "", "stat.snr", "Signal-to-noise ratio of the detection"),
        Column("positive", "BOOLEAN", "", "meta.code", "Brighter than the template"),
        Column("real_bogus", "REAL", "", "stat.probability", "Probability of being real, by the survey, 0 to 1"),
        Column("extendedness", "REAL", "", "src.class.starGalaxy", "0 for a point-like, 1 for an extended counterpart, by the survey"),
        Column("trail_length", "REAL", "arcsec", "phys.angSize", "Length of the fitted trail of a moving source"),
        Column("solar_system", "BOOLEAN", "", "meta.code", "Matched to a known solar-system object"),
        Column("solar_system_name", "VARCHAR", "", "meta.id", "Designation of the matched solar-system object"),
        Column("n_detections", "INTEGER", "", "meta.number", "Detections of the object so far, this one included, by the survey"),
        Column("first_mjd", "DOUBLE", "d", "time.start", "First detection of the object, MJD in TAI, by the survey"),
        Column("visit", "BIGINT", "", "meta.id;obs.exposure", "The survey's identifier of the exposure"),
        Column("detector", "INTEGER", "", "meta.id;instr.det", "Detector (CCD, readout channel) within the exposure"),
        Column("night", "INTEGER", "", "time.epoch;obs", "Observing night as yyyymmdd of its local evening"),
        Column("schema_version", "VARCHAR", "", "meta.version", "Version of the packet's schema"),
        Column("received", "TIMESTAMP", "", "time.processing", "When the broker received the packet, UTC"),
    ),
    "One row per alert: the columns that every survey has",
)
