"""Stamps come plain or gunzipped, or not at all."""

from __future__ import annotations

import gzip

import pytest

from vobroker.alerts.cutouts import MAX_CUTOUT_BYTES, plain

FITS = b"SIMPLE  =                    T" + bytes(3000)


def test_plain_and_gzipped() -> None:
    assert plain(FITS) == FITS
    assert plain(gzip.compress(FITS)) == FITS


@pytest.mark.parametrize(
    "stamp",
    [
        gzip.compress(FITS)[:-9],
        b"\x1f\x8b" + b"not gzip",
        gzip.compress(bytes(MAX_CUTOUT_BYTES + 1)),
        bytes(MAX_CUTOUT_BYTES + 1),
    ],
    ids=["cut", "damaged", "bomb", "too large"],
)
def test_damaged_and_over_large_ones_are_left_out(stamp: bytes) -> None:
    assert plain(stamp) is None
