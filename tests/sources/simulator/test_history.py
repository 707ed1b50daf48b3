"""What is kept of an object from visit to visit."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vobroker.sources.simulator.encode import Rows
from vobroker.sources.simulator.history import History, avro_array
from vobroker.sources.simulator.spool import Spool

OBJECTS = 4


@given(
    st.lists(st.lists(st.booleans(), min_size=OBJECTS, max_size=OBJECTS), max_size=8),
    st.integers(0, 8),
    st.floats(-1, 9),
)
def test_the_records_of_an_object_come_back_in_order_within_the_window(exposures, upto, since):
    history, expected = History(Spool()), [[] for _ in range(OBJECTS)]
    upto = min(upto, len(exposures))
    for time, seen in enumerate(exposures):
        records = [f"{time}:{i}".encode() * (i + 1) for i in range(OBJECTS) if seen[i]]
        ends = np.cumsum([len(record) for record in records], dtype=np.int64)
        rows_of = np.where(seen, np.cumsum(seen) - 1, -1)
        history.add(float(time), Rows(b"".join(records), ends), rows_of)
        for i in range(OBJECTS):
            if seen[i] and time < upto and time >= since:
                expected[i].append(f"{time}:{i}".encode() * (i + 1))
    assert history.arrays(np.arange(OBJECTS), upto, since) == expected


def test_an_array_of_nothing_is_null():
    assert avro_array([]) == b"\x00"
    assert avro_array([b"a", b"b"]) == b"\x02\x04ab\x00"
