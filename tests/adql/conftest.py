"""Tables that the ADQL tests ask about."""

from __future__ import annotations

import pytest

from vobroker.votypes.columns import Column, Table


@pytest.fixture(scope="session")
def tables() -> dict[str, Table]:
    stars = Table(
        "stars",
        (
            Column("id", "BIGINT", "", "meta.id;meta.main", "Identifier"),
            Column("ra", "DOUBLE", "deg", "pos.eq.ra;meta.main", "Right ascension"),
            Column("dec", "DOUBLE", "deg", "pos.eq.dec;meta.main", "Declination"),
            Column("ra_error", "REAL", "arcsec", "stat.error;pos.eq.ra", "Error of ra"),
            Column("mag", "REAL", "mag", "phot.mag", "Magnitude"),
            Column("flux", "REAL", "nJy", "phot.flux.density", "Flux density"),
            Column("mjd", "DOUBLE", "d", "time.epoch", "Time"),
            Column("n", "INTEGER", "", "meta.number", "Number of detections"),
            Column("variable", "BOOLEAN", "", "meta.code", "Varies"),
            Column("name", "VARCHAR", "", "meta.id", "Name"),
            Column("received", "TIMESTAMP", "", "time.processing", "When it came"),
            Column("mixedCase", "INTEGER", "", "meta.number", "A name with capitals"),
        ),
    )
    labels = Table(
        "labels", (Column("id", "BIGINT"), Column("label", "VARCHAR"), Column("mag", "REAL", "mag"))
    )
    awkward = Table(
        "awkward",
        (
            Column("id", "BIGINT"),
            Column("ra", "DOUBLE", "deg", "pos.eq.ra"),
            Column("dec", "DOUBLE", "deg", "pos.eq.dec"),
            Column("x", "DOUBLE"),
            Column("mag", "REAL", "mag"),
            Column("name", "VARCHAR"),
            Column("seen", "TIMESTAMP"),
        ),
    )
    limits = Table(
        "limits",
        (
            Column("id", "BIGINT"),
            Column("y", "DOUBLE"),
            Column("r", "REAL"),
            Column("i", "INTEGER"),
            Column("b", "BIGINT"),
        ),
    )
    return {
        "stars": stars,
        "limits": limits,
        "awkward": awkward,
        "labels": labels,
        "tap_schema.tables": Table("tap_schema.tables", (Column("table_name", "VARCHAR"),)),
    }
