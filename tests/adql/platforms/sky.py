"""The sky that every engine holds: random places, the awkward places, and what is missing."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

POLES_AND_EDGES = [
    (0.0, 90.0), (123.0, 90.0), (0.0, -90.0), (200.0, -90.0), (0.0, 0.0), (360.0, 0.0), (359.9999, 0.1),
    (0.0001, -0.1), (180.0, 0.0), (179.99, 45.0), (180.01, 45.0), (10.0, 89.99), (190.0, 89.99),
]  # fmt: skip

AWKWARD = pa.table(
    {
        "id": [1, 2, 3, 4, 5, 6, 7, 8, 9, -(2**63), 2**63 - 1],
        "ra": [10.0, 10.0, None, float("nan"), 370.0, -350.0, 0.0, 360.0, 180.0, 200.0, 20.0],
        "dec": [20.0, None, 20.0, 20.0, 20.0, 20.0, 90.0, -90.0, float("nan"), 0.0, 20.0],
        "x": [
            0.5,
            1.5,
            2.5,
            -2.5,
            0.49999999999999994,
            -0.0,
            None,
            float("nan"),
            4503599627370497.0,
            1e300,
            -7.9,
        ],
        "mag": pa.array([1.5, 2.25, None, float("nan"), 16777216, 0.1, -1, 3, 4, 5, 6], pa.float32()),
        "name": ["a", "A", "a ", "", None, "é", "Z", "50%_\\", "[x]*?", "B", "ab"],
        "seen": [datetime(2026, 1, 31, 23, 59, 59, 123456 * (n % 2)) + timedelta(n) for n in range(10)]
        + [None],
    }
)
"""Nulls, NaN, halves, numbers at the end of their range, strings that some engines take for others."""

LIMITS = pa.table(
    {
        "id": [1, 2, 3, 4, 5, 6],
        "y": [float("inf"), -float("inf"), 0.0, 2.0**53, -1.0, None],
        "r": pa.array([0.5, 2**24, -1.5, 1e30, None, 1], pa.float32()),
        "i": [2**31 - 1, 2**24 + 1, -(2**31), 1, None, 0],
        "b": [2**63 - 1, 2**53 + 1, 2**53, -(2**63), -1, None],
    }
)
"""Infinities, and the ends of what integers and floating numbers hold exactly."""

LABELS = pa.table(
    {
        "id": [2**62 + 1, 2**62 + 2, 5],
        "label": ["one", "two", "x"],
        "mag": pa.array([1, None, 3], pa.float32()),
    }
)


def make_sky() -> pa.Table:
    """Random places, the awkward places, and what is missing: null, NaN."""
    random = np.random.default_rng(7)
    n = 4000
    ra = np.concatenate([random.uniform(0, 360, n), [p[0] for p in POLES_AND_EDGES]])
    dec = np.degrees(np.arcsin(random.uniform(-1, 1, n)))
    dec = np.concatenate([dec, [p[1] for p in POLES_AND_EDGES]])
    # Crowd some of them near the pole and near RA 0, where cones get difficult.
    dec[:300] = 90 - random.exponential(0.5, 300)
    ra[300:600] = np.mod(random.normal(0, 1, 300), 360)
    dec[300:600] = random.normal(0, 1, 300)
    size = len(ra)
    mag = random.uniform(10, 25, size).astype(np.float32)
    mag[::50] = np.nan
    return pa.table(
        {
            "id": pa.array(2**62 + np.arange(size)),
            "ra": pa.array(ra),
            "dec": pa.array(dec),
            "ra_error": pa.array(random.uniform(0, 1, size).astype(np.float32)),
            "mag": pa.array(mag),
            "flux": pa.array(random.normal(0, 100, size).astype(np.float32), mask=random.random(size) < 0.1),
            "mjd": pa.array(random.uniform(60000, 61000, size)),
            "n": pa.array(random.integers(-20, 20, size).astype(np.int32)),
            "variable": pa.array(random.random(size) < 0.3),
            "name": pa.array(random.choice(["alpha", "Beta", "50%_off", "o'brien", ""], size)),
            "received": pa.array(
                np.datetime64("2026-01-01T00:00:00", "us") + random.integers(0, 10**12, size)
            ),
            "mixedCase": pa.array(np.arange(size, dtype=np.int32)),
        }
    )
