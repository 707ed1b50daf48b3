"""The column table: every column of the broker with type, unit, UCD and description.

The Arrow schema of a batch, the tables of the archive, the filter checker, VOTable fields and the
docs page all come from here. A survey's native columns are added by its file in ``surveys/``.
"""

from __future__ import annotations

from vobroker.timeseries.columns import MEASUREMENT
from vobroker.voevent.columns import VOEVENT, VOEVENT_CITATION, VOEVENT_PARAM
from vobroker.votypes.columns import Column, Position, Table

__all__ = [
    "ALERT",
    "ARCHIVE",
    "DEAD_LETTER",
    "EVENT",
    "FILTER_LEDGER",
    "LEDGER",
    "MEASUREMENT",
    "OBJECT",
    "PAYLOAD",
    "SOURCE_POSITION",
]

ALERT = Table(
    "alert",
    (
        Column("survey", "VARCHAR", "", "meta.id;instr.obsty", "Survey that sent the alert"),
        Column(
            "alert_id",
            "BIGINT",
            "",
            "meta.id;meta.main",
            "Identifier of the triggering detection, unique in the survey",
        ),
        Column(
            "object_id",
            "VARCHAR",
            "",
            "meta.id;src",
            "The survey's identifier of the object; ss… for a solar-system object",
        ),
        Column(
            "mjd",
            "DOUBLE",
            "d",
            "time.epoch;meta.main",
            "Midpoint of the exposure, MJD in TAI, topocentric",
            system="TAI_MJD",
        ),
        Column(
            "ra",
            "DOUBLE",
            "deg",
            "pos.eq.ra;meta.main",
            "Right ascension of the detection, ICRS",
            system="ICRS",
        ),
        Column(
            "dec",
            "DOUBLE",
            "deg",
            "pos.eq.dec;meta.main",
            "Declination of the detection, ICRS",
            system="ICRS",
        ),
        Column(
            "ra_error",
            "REAL",
            "arcsec",
            "stat.error;pos.eq.ra",
            "Standard error of ra on the sky (times cos dec)",
        ),
        Column("dec_error", "REAL", "arcsec", "stat.error;pos.eq.dec", "Standard error of dec"),
        Column("healpix", "BIGINT", "", "pos.healpix", "Nested HEALPix cell of the position, order 29"),
        Column("band", "VARCHAR", "", "instr.bandpass", "Filter band: u, g, r, i, z or y"),
        Column(
            "flux",
            "REAL",
            "nJy",
            "phot.flux.density",
            "Difference-image flux density, AB; negative when fainter than the template",
        ),
        Column("flux_error", "REAL", "nJy", "stat.error;phot.flux.density", "Standard error of flux"),
        Column("mag", "REAL", "mag", "phot.mag", "AB magnitude of the absolute difference flux"),
        Column("mag_error", "REAL", "mag", "stat.error;phot.mag", "Standard error of mag"),
        Column("snr", "REAL", "", "stat.snr", "Signal-to-noise ratio of the detection"),
        Column("positive", "BOOLEAN", "", "meta.code", "Brighter than the template"),
        Column(
            "real_bogus", "REAL", "", "stat.probability", "Probability of being real, by the survey, 0 to 1"
        ),
        Column(
            "extendedness",
            "REAL",
            "",
            "src.class.starGalaxy",
            "0 for a point-like, 1 for an extended counterpart, by the survey",
        ),
        Column(
            "trail_length", "REAL", "arcsec", "phys.angSize", "Length of the fitted trail of a moving source"
        ),
        Column("solar_system", "BOOLEAN", "", "meta.code", "Matched to a known solar-system object"),
        Column(
            "solar_system_name", "VARCHAR", "", "meta.id", "Designation of the matched solar-system object"
        ),
        Column(
            "n_detections",
            "INTEGER",
            "",
            "meta.number",
            "Detections of the object so far, this one included, by the survey",
        ),
        Column(
            "first_mjd",
            "DOUBLE",
            "d",
            "time.start",
            "First detection of the object, MJD in TAI, by the survey",
            system="TAI_MJD",
        ),
        Column("visit", "BIGINT", "", "meta.id;obs.exposure", "The survey's identifier of the exposure"),
        Column(
            "detector",
            "INTEGER",
            "",
            "meta.id;instr.det",
            "Detector (CCD, readout channel) within the exposure",
        ),
        Column("night", "INTEGER", "", "time.epoch;obs", "Observing night as yyyymmdd of its local evening"),
        Column("schema_version", "VARCHAR", "", "meta.version", "Version of the packet's schema"),
        Column(
            "received",
            "TIMESTAMP",
            "",
            "time.processing",
            "When the broker received the packet, UTC",
            system="UTC",
        ),
    ),
    "One row per alert: the columns that every survey has",
    Position("ra", "dec", "healpix"),
)

OBJECT = Table(
    "object",
    (
        Column("survey", "VARCHAR", "", "meta.id;instr.obsty", "Survey that found the object"),
        Column("object_id", "VARCHAR", "", "meta.id;src;meta.main", "The survey's identifier of the object"),
        Column(
            "ra",
            "DOUBLE",
            "deg",
            "pos.eq.ra;meta.main",
            "Right ascension at the latest alert, ICRS",
            system="ICRS",
        ),
        Column(
            "dec",
            "DOUBLE",
            "deg",
            "pos.eq.dec;meta.main",
            "Declination at the latest alert, ICRS",
            system="ICRS",
        ),
        Column("healpix", "BIGINT", "", "pos.healpix", "Nested HEALPix cell of the position, order 29"),
        Column(
            "first_mjd", "DOUBLE", "d", "time.start", "First detection known, MJD in TAI", system="TAI_MJD"
        ),
        Column("last_mjd", "DOUBLE", "d", "time.end", "Latest alert, MJD in TAI", system="TAI_MJD"),
        Column("n_alerts", "BIGINT", "", "meta.number", "Alerts of the object in the archive"),
        Column("last_alert_id", "BIGINT", "", "meta.id", "Identifier of the latest alert"),
        Column(
            "solar_system",
            "BOOLEAN",
            "",
            "meta.code",
            "Matched to a known solar-system object at the latest alert",
        ),
    ),
    "One row per object with at least one alert",
    Position("ra", "dec", "healpix"),
)

PAYLOAD = Table(
    "payload",
    (
        Column("survey", "VARCHAR", "", "meta.id;instr.obsty", "Survey that sent the alert"),
        Column("alert_id", "BIGINT", "", "meta.id;meta.main", "Identifier of the alert"),
        Column(
            "digest", "BLOB", "", "meta.code", "SHA-256 of the alert's content, whatever it is wrapped in"
        ),
        Column("size", "BIGINT", "byte", "phys.size;meta.file", "Size of the packet as it arrived"),
        Column("schema", "INTEGER", "", "meta.id", "Number of the packet's schema"),
        Column(
            "head",
            "INTEGER",
            "",
            "meta.id",
            "Number of the container header kept apart, which many packets share; null when there is none",
        ),
        Column("segment", "INTEGER", "", "meta.id;meta.file", "Number of the segment file with the packet"),
        Column("start", "BIGINT", "byte", "meta.number", "Where the compressed packet begins in its segment"),
        Column("length", "BIGINT", "byte", "phys.size", "Size of the compressed packet"),
        Column(
            "source", "VARCHAR", "", "meta.id;meta.file", "File, archive member or topic the packet came from"
        ),
        Column("partition", "INTEGER", "", "meta.number", "Partition of the source"),
        Column("position", "BIGINT", "", "meta.number", "Number or offset of the packet in its source"),
    ),
    "Where the original packet of each alert is kept",
)

DEAD_LETTER = Table(
    "dead_letter",
    (
        Column("id", "BIGINT", "", "meta.id;meta.main", "Number of the dead letter, from 1"),
        Column("survey", "VARCHAR", "", "meta.id;instr.obsty", "Survey, where it is known"),
        Column("reason", "VARCHAR", "", "meta.code", "Short code of the reason"),
        Column("message", "VARCHAR", "", "meta.note", "What is wrong, in one sentence"),
        Column(
            "at",
            "BIGINT",
            "byte",
            "meta.number",
            "Byte of the input where the trouble was met; null when unknown",
        ),
        Column(
            "source", "VARCHAR", "", "meta.id;meta.file", "File, archive member or topic the input came from"
        ),
        Column("partition", "INTEGER", "", "meta.number", "Partition of the source"),
        Column("position", "BIGINT", "", "meta.number", "Number or offset of the input in its source"),
        Column(
            "received", "TIMESTAMP", "", "time.processing", "When the input was set aside, UTC", system="UTC"
        ),
        Column("size", "BIGINT", "byte", "phys.size;meta.file", "Size of the input"),
        Column("digest", "BLOB", "", "meta.code", "SHA-256 of the input"),
        Column("data", "BLOB", "", "meta;meta.file", "The input as it arrived"),
    ),
    "Inputs that could not be used, with the reason",
)

LEDGER = Table(
    "ledger",
    (
        Column(
            "source", "VARCHAR", "", "meta.id;meta.file", "Folder, archive file or topic the alerts came from"
        ),
        Column("partition", "INTEGER", "", "meta.number", "Partition of the source"),
        Column("survey", "VARCHAR", "", "meta.id;instr.obsty", "Survey; null where the input does not tell"),
        Column(
            "night", "INTEGER", "", "time.epoch;obs", "Observing night; null where the input does not tell"
        ),
        Column("visit", "BIGINT", "", "meta.id;obs.exposure", "Exposure; null where the input does not tell"),
        Column("received", "BIGINT", "", "meta.number", "Alerts received"),
        Column("archived", "BIGINT", "", "meta.number", "Alerts new to the archive"),
        Column("duplicate", "BIGINT", "", "meta.number", "Alerts that were already there, byte by byte"),
        Column("dead", "BIGINT", "", "meta.number", "Alerts set aside as dead letters"),
    ),
    "The account of every alert: received = archived + duplicate + dead",
)

FILTER_LEDGER = Table(
    "filter_ledger",
    (
        Column("filter", "VARCHAR", "", "meta.id", "Name of the filter"),
        Column("version", "VARCHAR", "", "meta.version", "Version of the filter"),
        Column("night", "INTEGER", "", "time.epoch;obs", "Observing night"),
        Column("seen", "BIGINT", "", "meta.number", "Alerts given to the filter"),
        Column("passed", "BIGINT", "", "meta.number", "Alerts let through"),
        Column("rejected", "BIGINT", "", "meta.number", "Alerts not let through"),
        Column("failed", "BIGINT", "", "meta.number", "Alerts on which the filter broke off"),
    ),
    "The account of every filter: seen = passed + rejected + failed",
)

EVENT = Table(
    "event",
    (
        Column(
            "sequence",
            "BIGINT",
            "",
            "meta.number;meta.main",
            "Number of the event, from 1, in order of appearance",
        ),
        Column("ivorn", "VARCHAR", "", "meta.ref.ivoid", "IVOA identifier of the event"),
        Column("stream", "VARCHAR", "", "meta.id", "Stream, named after its filter"),
        Column("version", "VARCHAR", "", "meta.version", "Version of the filter"),
        Column("survey", "VARCHAR", "", "meta.id;instr.obsty", "Survey that sent the alert"),
        Column("alert_id", "BIGINT", "", "meta.id", "Alert that passed the filter"),
        Column("object_id", "VARCHAR", "", "meta.id;src", "Object of the alert"),
        Column("mjd", "DOUBLE", "d", "time.epoch", "Midpoint of the exposure, MJD in TAI", system="TAI_MJD"),
        Column("cites", "VARCHAR", "", "meta.ref.ivoid", "The object's previous event in this stream"),
        Column("created", "TIMESTAMP", "", "time.creation", "When the alert passed, UTC", system="UTC"),
    ),
    "Alerts that passed a filter",
)

SOURCE_POSITION = Table(
    "source_position",
    (
        Column("source", "VARCHAR", "", "meta.id;meta.file", "File or topic"),
        Column("partition", "INTEGER", "", "meta.number", "Partition of the source"),
        Column("position", "BIGINT", "", "meta.number", "Next packet to be read"),
    ),
    "How far each source has been read",
)

ARCHIVE = (
    ALERT,
    MEASUREMENT,
    OBJECT,
    PAYLOAD,
    DEAD_LETTER,
    LEDGER,
    FILTER_LEDGER,
    EVENT,
    SOURCE_POSITION,
    VOEVENT,
    VOEVENT_PARAM,
    VOEVENT_CITATION,
)
"""Tables of the archive; it has the survey's native tables besides."""
