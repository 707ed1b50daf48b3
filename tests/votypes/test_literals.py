"""DALI's text of structured values, read and written without loss."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.votypes.values import NAMES, VALUES, same

from vobroker.votypes.literals import Angle, LiteralError, read, write


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        # The examples of DALI 1.2.
        ("TIMESTAMP", "2000-01-02T15:20:30.456", datetime(2000, 1, 2, 15, 20, 30, 456000)),
        ("TIMESTAMP", "2001-02-03T04:05:06", datetime(2001, 2, 3, 4, 5, 6)),
        ("TIMESTAMP", "2002-03-04", datetime(2002, 3, 4)),
        ("TIMESTAMP", "2000-01-02T15:20:30Z", datetime(2000, 1, 2, 15, 20, 30, tzinfo=UTC)),
        ("INTERVAL", "-Inf 0.0", (float("-inf"), 0.0)),
        ("INTERVAL", "1.0 1.0", (1.0, 1.0)),
        ("INTERVAL(INTEGER)", "-5 5", (-5, 5)),
        ("INTERVAL(BIGINT)", "-9223372036854775808 9223372036854775807", (-(2**63), 2**63 - 1)),
        ("MULTIINTERVAL", "1.0 3.0 4.0 5.0", (1.0, 3.0, 4.0, 5.0)),
        ("HMS", "24:00:00", Angle(False, 24, 0, Decimal(0))),
        ("DMS", "+10:20:30", Angle(False, 10, 20, Decimal(30))),
        ("DMS", "-00:00:01.50", Angle(True, 0, 0, Decimal("1.50"))),
        ("POINT", "12.3 45.6", (12.3, 45.6)),
        ("POINT", "362.0 2.0", (362.0, 2.0)),
        ("CIRCLE", "12.3 45.6 0.5", (12.3, 45.6, 0.5)),
        ("RANGE", "359 1 -1 1", (359.0, 1.0, -1.0, 1.0)),
        ("POLYGON", "10 10 10.2 10 10.2 10.2", (10.0, 10.0, 10.2, 10.0, 10.2, 10.2)),
        ("SHAPE", "circle 12.3 45.6 0.5", ("circle", (12.3, 45.6, 0.5))),
        (
            "MULTISHAPE",
            "circle 10.0 10.0 0.2\n range 1 2 3 4",
            (("circle", (10.0, 10.0, 0.2)), ("range", (1.0, 2.0, 3.0, 4.0))),
        ),
        ("MOC", "1/1-3,7 2/4 9", ((1, ((1, 3), (7, 7))), (2, ((4, 4), (9, 9))))),
        ("MOC", "0/ 29/", ((0, ()), (29, ()))),
        ("UUID", "E0B895CA-2ee4-4f0f-b595-cbd83be40b04", UUID("e0b895ca-2ee4-4f0f-b595-cbd83be40b04")),
        ("BOOLEAN", "true", True),
        ("DOUBLE", "NaN", float("nan")),
        ("BLOB", "0 255", b"\x00\xff"),
    ],
)
def test_the_texts_of_the_standards_are_read(name: str, text: str, value: Any) -> None:
    assert same(read(name, text), value)
    assert same(read(name, write(name, value)), value)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_what_is_written_reads_back_the_same(name: str, data: st.DataObject) -> None:
    value = data.draw(VALUES[name])
    text = write(name, value)
    assert same(read(name, text), value)
    assert write(name, read(name, text)) == text


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("TIMESTAMP", "2000-01-02 15:20:30", "YYYY-MM-DDThh:mm:ss"),
        ("TIMESTAMP", "2000-02-30", "day"),
        ("TIMESTAMP", "2016-12-31T23:59:60", "second"),
        ("TIMESTAMP", "2000-01-02T15:20:30.1234567", "finer than a microsecond"),
        ("TIMESTAMP", "2000-01-02Z", "YYYY"),
        ("INTERVAL", "2 1", "not in order"),
        ("INTERVAL", "NaN 1", "not in order"),
        ("INTERVAL", "1", "expected 2 numbers, not 1"),
        ("INTERVAL(SMALLINT)", "0 32768", "16 bits"),
        ("INTERVAL(INTEGER)", "0 1.5", "no integer"),
        ("MULTIINTERVAL", "1 2 3", "pairs"),
        ("HMS", "12:34:60", "below 60"),
        ("HMS", "24:00:01", "beyond 24:00:00"),
        ("HMS", "-1:00:00", "no sign"),
        ("DMS", "90:00:00.1", "beyond 90:00:00"),
        ("POINT", "1 Inf", "finite"),
        ("POINT", "1 0x10", "no number"),
        ("POINT", "1 1_0", "no number"),
        ("CIRCLE", "1 2 -3", "negative"),
        ("POLYGON", "1 2 3 4", "three points"),
        ("POLYGON", "1 2 3 4 5 6 7", "three points"),
        ("SHAPE", "box 1 2 3 4", "expected circle, range or polygon"),
        ("SHAPE", "1 2 3", "expected circle"),
        ("SHAPE", "circle 1 2 3 circle 4 5 6", "MULTISHAPE"),
        ("MOC", "", "order/cells"),
        ("MOC", "30/1", "order from 0 to 29"),
        ("MOC", "0/12", "order 0 has no cells 12"),
        ("MOC", "1/3-2", "no cells 3-2"),
        ("MOC", "t61/1 s3/10", "order"),
        ("URI", "no scheme", "RFC 3986"),
        ("URI", "http://a/%zz", "RFC 3986"),
        ("URI", "http://[::1/", "Invalid IPv6"),
        ("UUID", "e0b895ca2ee44f0fb595cbd83be40b04", "8-4-4-4-12"),
        ("JSON", "{'a': 1}", "line 1 column 2"),
        ("JSON", "NaN", "JSON has no NaN"),
        ("JSON", "[" * 100_000, "nested too deep"),
        ("BOOLEAN", "yes", "T or F"),
        ("BLOB", "256", "range"),
    ],
)
def test_what_is_no_value_is_refused_with_its_reason(name: str, text: str, reason: str) -> None:
    with pytest.raises(LiteralError, match="is no ") as caught:
        read(name, text)
    assert reason in str(caught.value)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40, deadline=None)
@given(text=st.text(st.sampled_from("0123456789+-.:/TZe ,ci{}\"'[]rlecanpoyg\x00٣")) | st.text())
def test_any_text_is_a_value_or_an_error(name: str, text: str) -> None:
    try:
        value = read(name, text)
    except LiteralError:
        return
    assert same(read(name, write(name, value)), value)


def test_a_literal_has_a_longest_length() -> None:
    with pytest.raises(LiteralError, match="longer than"):
        read("MOC", "0/" + "1," * 2**23)


def test_a_value_that_is_none_of_its_type_is_not_written() -> None:
    with pytest.raises(LiteralError, match="negative"):
        write("CIRCLE", (1.0, 2.0, -3.0))


def test_an_angle_tells_its_hours_or_degrees() -> None:
    assert read("DMS", "-10:30:36").units == pytest.approx(-10.51)
