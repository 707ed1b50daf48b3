"""Ask an archive, timed: through its own methods as ADQL or as SQL by hand, and through TAP over HTTP."""

from __future__ import annotations

import io
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet
import urllib3

from bench.positions.kinds import UPLOAD, Question
from vobroker import adql, sky
from vobroker.archive import Archive
from vobroker.votypes.columns import Table

STORED = {UPLOAD.name: "upload_1"}

Ask = Callable[[Question], pa.Table]


@dataclass(frozen=True, slots=True)
class Timed:
    """Milliseconds of a kind of question asked in one way, and its rows, each the median or 95 % of all."""

    kind: str
    way: str
    p50: float
    p95: float
    rows: float
    runs: int


def timed(kind: str, way: str, ask: Ask, asked: Sequence[Question]) -> Timed:
    """Ask questions one after the other; the first, which finds everything cold, does not count.

    Raises
    ------
    SystemExit
        If an answer is not right.
    """
    seconds, found = [], []
    for question in asked:
        start = time.perf_counter()
        found.append(ask(question))
        seconds.append(time.perf_counter() - start)
    for question, table in zip(asked, found, strict=True):
        _judge(kind, way, question, table)
    counted = 1000 * np.array(seconds[1:] or seconds)
    p50, p95 = np.percentile(counted, [50, 95])
    return Timed(kind, way, float(p50), float(p95), float(np.median(list(map(len, found)))), len(counted))


def _judge(kind: str, way: str, question: Question, found: pa.Table) -> None:
    right = question.answer()
    given = [found.column(n).cast(pa.int64()).to_numpy() for n in range(len(right))]
    if not question.in_order:
        right, given = (
            [column[np.lexsort(columns[::-1])] for column in columns] for columns in (right, given)
        )
    for expected, values in zip(right, given, strict=True):
        if not np.array_equal(expected, values):
            raise SystemExit(
                f"{kind}, {way}: {len(values)} rows, of which numpy finds {len(expected)},"
                f" or others, or in another order: {question.text}"
            )


def as_adql(archive: Archive, *, cells: bool = True) -> Ask:
    """Ask as TAP does: parse, check, translate, take all batches; or as if the tables had no cells."""
    tables: dict[str, Table] = {**archive.tables(), UPLOAD.name: UPLOAD}
    platform = archive.platform
    if not cells:
        tables = {name: replace(table, position=None) for name, table in tables.items()}
        platform = platform.partition("-")[0]

    def ask(question: Question) -> pa.Table:
        checked = adql.check(adql.parse(question.text), tables)
        query = adql.translate(checked, platform, stored=STORED, cells=sky if cells else None)
        return _read(archive, query.sql, query.parameters, question.upload)

    return ask


def by_hand(archive: Archive) -> Ask:
    """Ask in SQL written by hand."""
    return lambda question: _read(archive, question.by_hand, [], question.upload)


def _read(archive: Archive, text: str, parameters: Sequence[object], upload: pa.Table | None) -> pa.Table:
    lent = {"upload_1": upload} if upload is not None else {}
    with archive.read(text, parameters, lent=lent) as reading:
        batches = list(reading)
    return pa.Table.from_batches(batches) if batches else pa.table({"nothing": [], "at_all": []})


@contextmanager
def service(place: str | Path, work: Path) -> Iterator[Ask]:
    """Run ``vobroker serve`` on an archive; give a function that asks its TAP for an Arrow stream."""
    client = urllib3.PoolManager(retries=False)
    with serving(place, work) as address:
        yield lambda question: _over_http(client, f"{address}/sync", question)


@contextmanager
def serving(place: str | Path, work: Path) -> Iterator[str]:
    """Run ``vobroker serve`` on an archive; give the address of its TAP."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = [
        *(sys.executable, "-m", "vobroker", "serve", "--no-open", "--port", str(port)),
        *("--archive", str(place)),
    ]
    address = f"http://127.0.0.1:{port}/tap"
    with (work / "serve.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as server:
        try:
            _wait(f"{address}/availability", server, work / "serve.log")
            yield address
        finally:
            server.terminate()


def _wait(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    client = urllib3.PoolManager(retries=False)
    until = time.monotonic() + 60
    while time.monotonic() < until and server.poll() is None:
        try:
            if client.request("GET", address).status == 200:
                return
        except urllib3.exceptions.HTTPError:
            time.sleep(0.1)
    raise SystemExit(f"vobroker serve does not answer: {log.read_text()[-2000:]}")


def _over_http(client: urllib3.PoolManager, address: str, question: Question) -> pa.Table:
    fields: dict[str, object] = {
        "LANG": "ADQL",
        "QUERY": question.text,
        "RESPONSEFORMAT": "arrow",
        "MAXREC": "5000000",
    }
    if question.upload is not None:
        file = io.BytesIO()
        pa.parquet.write_table(question.upload, file)
        fields |= {"UPLOAD": "mine,param:mine", "mine": ("mine.parquet", file.getvalue())}
    answer = client.request("POST", address, fields=fields, encode_multipart=question.upload is not None)
    if answer.status != 200:
        said = re.sub(r"<[^>]*>|\s+", " ", answer.data.decode(errors="replace"))
        raise SystemExit(f"TAP answers {answer.status}: {said[:300]}")
    return pa.ipc.open_stream(answer.data).read_all()
