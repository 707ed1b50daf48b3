"""A result flows: its first bytes leave before its last rows are there, and memory does not grow with it."""

from __future__ import annotations

import gc
import io
import json
import os
import tracemalloc
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from tests.tap.formats.results import batch, written

from vobroker.tap.formats import FORMATS, BrokenOffError, Head, Outcome, find, write
from vobroker.votypes.arrow import schema
from vobroker.votypes.columns import Column, Table

COLUMNS = (Column("id", "BIGINT"), Column("x", "DOUBLE"), Column("name", "VARCHAR"))
HEAD = Head(COLUMNS)
NAMES = [form.name for form in FORMATS]
every = pytest.mark.parametrize("form", NAMES)


def rows(count: int, seed: int = 1) -> pa.RecordBatch:
    random = np.random.default_rng(seed)
    values = [random.integers(0, 2**60, count), random.normal(size=count)]
    texts = pa.array(random.integers(0, 2**60, count)).cast(pa.string())
    return pa.RecordBatch.from_arrays(
        [*map(pa.array, values), texts], schema=schema(Table("result", COLUMNS))
    )


@every
def test_nothing_is_read_before_it_is_asked_for(form: str) -> None:
    def batches() -> Iterator[pa.RecordBatch]:
        raise AssertionError("read")
        yield

    write(find(form), batches(), HEAD, Outcome)


@pytest.mark.parametrize("form", [name for name in NAMES if name != "fits"])
def test_bytes_leave_before_the_rows_end(form: str) -> None:
    given: list[int] = []

    def batches() -> Iterator[pa.RecordBatch]:
        for number in range(200):
            given.append(number)
            yield rows(2048, number)

    asked: list[bool] = []
    parts = write(find(form), batches(), HEAD, lambda: asked.append(True) or Outcome())
    assert next(parts)
    assert len(given) <= 1
    size = 0
    while size < 1000:
        size += len(next(parts))
    assert len(given) < 100
    assert not asked
    for _ in parts:
        pass
    assert len(given) == 200
    assert asked == [True]


@every
def test_memory_does_not_grow_with_the_rows(form: str) -> None:
    peaks = [peak(form, count) for count in (2, 10, 40)][1:]
    assert peaks[1] < 1.3 * peaks[0] + 2**20, peaks


def peak(form: str, count: int) -> int:
    """Most memory that Python and Arrow had for ``count`` batches of 16,384 rows."""
    one = rows(16_384)
    gc.collect()
    arrow = before = pa.total_allocated_bytes()
    tracemalloc.start()
    for _ in write(find(form), (one for _ in range(count)), HEAD, Outcome):
        arrow = max(arrow, pa.total_allocated_bytes())
    _, python = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return arrow - before + python


@every
def test_no_rows_and_empty_batches(form: str) -> None:
    nothing = written(form, [], COLUMNS)
    assert nothing
    assert written(form, [rows(0), rows(0)], COLUMNS) == nothing


@every
def test_how_rows_come_in_batches_makes_no_difference_to_what_is_read(form: str) -> None:
    whole = rows(1000)
    parts = [whole.slice(start, 7) for start in range(0, 1000, 7)]
    many, one = written(form, parts, COLUMNS), written(form, [whole], COLUMNS)
    if form == "arrow":
        assert pa.ipc.open_stream(many).read_all() == pa.ipc.open_stream(one).read_all()
    else:  # lines of base64 may end elsewhere
        assert many.replace(b"\n", b"") == one.replace(b"\n", b"")


@pytest.mark.parametrize("form", ["csv", "tsv"])
def test_rows_that_were_broken_off_break_off_the_transfer(form: str) -> None:
    parts = write(find(form), iter([rows(10)]), HEAD, lambda: Outcome("ERROR", "stopped after 3 s"))
    with pytest.raises(BrokenOffError, match="stopped after 3 s"):
        for _ in parts:
            pass


@pytest.mark.parametrize("status", ["OK", "OVERFLOW", "ERROR"])
def test_other_formats_say_how_they_ended(status: str) -> None:
    ended = Outcome(status, "" if status == "OK" else "more than 10 rows")  # type: ignore[arg-type]
    document = json.loads(written("json", [rows(10)], COLUMNS, ended))
    assert (document["status"], document["message"]) == (status, ended.message)
    assert document["overflow"] is (status == "OVERFLOW")
    header = fits.open(io.BytesIO(written("fits", [rows(10)], COLUMNS, ended)))[1].header
    assert (header["QSTATUS"], header.get("QMESSAGE", "")) == (status, ended.message)
    footer = pq.read_metadata(io.BytesIO(written("parquet", [rows(10)], COLUMNS, ended))).metadata
    content = footer[b"IVOA.VOTable-Parquet.content"].decode()
    assert (f'value="{status}">more than 10 rows</INFO>' in content) is (status != "OK")
    reader = pa.ipc.open_stream(written("arrow", [rows(10)], COLUMNS, ended))
    last = [one.custom_metadata for one in reader.iter_batches_with_custom_metadata()][-1]
    assert last[b"QUERY_STATUS"].decode() == status


@every
def test_a_row_of_many_megabytes(form: str) -> None:
    columns = (Column("data", "BLOB"), Column("text", "VARCHAR"))
    big = batch(columns, [[os.urandom(3_000_000)] * 3, ["x" * 3_000_000] * 3])
    size = sum(len(part) for part in write(find(form), iter([big]), Head(columns), Outcome))
    assert size > (3_000_000 if form == "parquet" else 18_000_000)
