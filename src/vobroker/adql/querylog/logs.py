"""Queries from logs: plain text, CSV, VOTable, access logs of web servers; each also compressed with gzip.

What a file is shows in its first bytes, not in its name. A line that holds no query is counted and left out.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote_to_bytes
from xml.parsers import expat

MAX_LINE = 1_000_000
"""Longest line, bytes; what is longer is skipped to its end."""

MAX_BYTES = 64 * 2**30
"""Most bytes that one file may unfold to."""

_QUERY_COLUMNS = ("query", "adql", "adql_query", "query_text", "sql", "text")
_TIME_COLUMNS = ("time", "timestamp", "date", "datetime", "start_time", "starttime", "created")
_USER_COLUMNS = ("user", "user_id", "owner", "ip", "client", "remote_addr", "host")
_REQUEST = re.compile(
    rb'^(?P<user>\S+) \S+ \S+ \[(?P<time>[^\]]*)\] "(?:GET|POST|HEAD) (?P<target>\S+)[^"]*" (?P<status>\d{3})'
)
_QUERY = re.compile(rb"[?&](?:query|QUERY|Query)=([^&]*)")
_QUERY_START = re.compile(r"\s*(?:--[^\n]*\n\s*)*\(?\s*(?:SELECT|WITH)\b", re.IGNORECASE)
_TIMED = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?)\S*\s+(.*)", re.DOTALL)


class LogError(Exception):
    """A log that cannot be read, with the file and the reason in one sentence."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One query of a log, with its day and the one who asked where the log says so."""

    text: str
    day: str = ""
    user: str = ""


@dataclass(slots=True)
class Reading:
    """How reading went: bytes read, and lines that held no query, by file."""

    bytes: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    first_skipped: dict[str, int] = field(default_factory=dict)

    def skip(self, name: str, line: int) -> None:
        """Count a line without a query."""
        self.skipped[name] = self.skipped.get(name, 0) + 1
        self.first_skipped.setdefault(name, line)


def read(
    paths: Iterable[Path], reading: Reading | None = None, progress: Callable[[int], None] | None = None
) -> Iterator[Entry]:
    """Give the queries of logs in their order.

    Parameters
    ----------
    paths
        Files.
    reading
        Filled with counts on the way.
    progress
        Called with the bytes of the files read so far.

    Raises
    ------
    LogError
        If a file cannot be opened, is damaged gzip, or unfolds to more than :data:`MAX_BYTES`.
    """
    reading = reading or Reading()
    for path in paths:
        try:
            with path.open("rb") as raw:
                yield from _entries(path, raw, reading, progress)
        except OSError as error:
            raise LogError(f"cannot read {path}: {error.strerror or error}") from error
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise LogError(f"{path} is damaged gzip: {error}") from error


def _entries(
    path: Path, raw: BinaryIO, reading: Reading, progress: Callable[[int], None] | None
) -> Iterator[Entry]:
    packed = raw.peek(2)[:2] == b"\x1f\x8b" if isinstance(raw, io.BufferedReader) else False
    stream: BinaryIO = io.BufferedReader(gzip.GzipFile(fileobj=raw)) if packed else raw
    head = stream.peek(4096)[:4096] if isinstance(stream, io.BufferedReader) else b""
    lines = _lines(path, stream, raw, reading, progress)
    if b"<VOTABLE" in head or b":VOTABLE" in head:
        yield from _votable(path, lines)
    elif _REQUEST.match(head):
        yield from _access_log(path, lines, reading)
    elif _header(head) is not None:
        yield from _csv(path, lines, reading)
    else:
        yield from _plain(path, lines, reading)


def _lines(
    path: Path, stream: BinaryIO, raw: BinaryIO, reading: Reading, progress: Callable[[int], None] | None
) -> Iterator[tuple[int, bytes]]:
    total = before = 0
    number = 0
    while line := stream.readline(MAX_LINE):
        number += 1
        total += len(line)
        if total > MAX_BYTES:
            raise LogError(f"{path} unfolds to more than {MAX_BYTES} bytes")
        if len(line) == MAX_LINE and not line.endswith(b"\n"):
            while (rest := stream.readline(MAX_LINE)) and not rest.endswith(b"\n"):
                total += len(rest)
            reading.skip(str(path), number)
            continue
        if progress and total - before > 2**20:
            before = total
            progress(raw.tell())
        yield number, line
    reading.bytes += total


def _decoded(line: bytes) -> str:
    return line.decode("utf-8", "replace").rstrip("\r\n").removeprefix("\ufeff")


def _access_log(path: Path, lines: Iterator[tuple[int, bytes]], reading: Reading) -> Iterator[Entry]:
    """Read the combined log format: the query is in the address, ``QUERY=`` in any case."""
    for number, line in lines:
        found = _REQUEST.match(line)
        asked = found and _QUERY.search(found["target"])
        if not found or not asked or not asked[1]:
            reading.skip(str(path), number)
            continue
        text = unquote_to_bytes(asked[1].replace(b"+", b" ")).decode("utf-8", "replace")
        yield Entry(text, _day(found["time"][:11]), found["user"].decode("utf-8", "replace"))


@lru_cache(1000)
def _day(written: bytes) -> str:
    try:
        return datetime.strptime(written.decode(), "%d/%b/%Y").date().isoformat()
    except ValueError:
        return ""


def _header(head: bytes) -> list[str] | None:
    """Names in the first line of a CSV file with a column of queries."""
    first = _decoded(head.split(b"\n", 1)[0])
    if _QUERY_START.match(first) or len(first) > 10_000:
        return None
    names = [name.strip().strip('"').lower() for name in re.split(r"[,;\t]", first)]
    return names if any(name in _QUERY_COLUMNS for name in names) else None


def _csv(path: Path, lines: Iterator[tuple[int, bytes]], reading: Reading) -> Iterator[Entry]:
    _, first = next(lines)
    names = _header(first) or []
    query, time, user = (
        next((names.index(name) for name in known if name in names), None)
        for known in (_QUERY_COLUMNS, _TIME_COLUMNS, _USER_COLUMNS)
    )
    separator = next((sign for sign in ",;\t" if sign in _decoded(first)), ",")
    csv.field_size_limit(MAX_LINE)
    texts = (line.decode("utf-8", "replace").replace("\0", "\ufffd") for _, line in lines)
    rows = csv.reader(texts, delimiter=separator)
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error:
            reading.skip(str(path), rows.line_num + 1)
            continue
        if query is None or query >= len(row) or not row[query].strip():
            reading.skip(str(path), rows.line_num + 1)
            continue
        yield Entry(
            row[query],
            row[time][:10] if time is not None and time < len(row) else "",
            row[user] if user is not None and user < len(row) else "",
        )


def _plain(path: Path, lines: Iterator[tuple[int, bytes]], reading: Reading) -> Iterator[Entry]:
    """Read a query a line, or queries of several lines that end in a semicolon or a blank line."""
    gathered: list[str] = []
    day = ""
    for number, line in lines:
        text = _decoded(line)
        timed = _TIMED.fullmatch(text)
        start = timed[2] if timed else text
        if _QUERY_START.match(start):
            if gathered:
                yield Entry("\n".join(gathered), day)
            gathered, day = [start], timed[1][:10] if timed else ""
        elif gathered and text.strip() and sum(map(len, gathered)) < MAX_LINE:
            gathered.append(text)
        elif gathered:
            yield Entry("\n".join(gathered), day)
            gathered = []
        elif text.strip():
            # What starts like no query may still be one that somebody tried.
            if re.match(r"\s*\w+\s", start) and len(start) > 15:
                yield Entry(start, timed[1][:10] if timed else "")
            else:
                reading.skip(str(path), number)
        if gathered and gathered[-1].rstrip().endswith(";"):
            gathered[-1] = gathered[-1].rstrip()[:-1]
            yield Entry("\n".join(gathered), day)
            gathered = []
    if gathered:
        yield Entry("\n".join(gathered), day)


def _votable(path: Path, lines: Iterator[tuple[int, bytes]]) -> Iterator[Entry]:
    """Read a table in TABLEDATA as it comes."""
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    names: list[str] = []
    row: list[str] = []
    ready: list[list[str]] = []
    inside = [False]

    def start(tag: str, attributes: dict[str, str]) -> None:
        plain = tag.rpartition(" ")[2]
        if plain == "FIELD":
            names.append(attributes.get("name", "").lower())
        elif plain == "TR":
            row.clear()
        elif plain == "TD":
            row.append("")
            inside[0] = True
        elif plain in ("BINARY", "BINARY2", "FITS"):
            raise LogError(f"{path}: the VOTable is {plain}; TABLEDATA can be read")

    def end(tag: str) -> None:
        plain = tag.rpartition(" ")[2]
        if plain == "TD":
            inside[0] = False
        elif plain == "TR":
            ready.append(list(row))

    def text(characters: str) -> None:
        if inside[0] and len(row[-1]) < MAX_LINE:
            row[-1] += characters

    def doctype(*_: object) -> None:
        raise LogError(f"{path}: the VOTable declares a document type; that is not allowed")

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = text, doctype
    try:
        for _, line in lines:
            parser.Parse(line, False)
            for values in ready:
                cells = dict(zip(names, values, strict=False))
                query = next((cells[name] for name in _QUERY_COLUMNS if cells.get(name)), "")
                day = next((cells[name][:10] for name in _TIME_COLUMNS if cells.get(name)), "")
                user = next((cells[name] for name in _USER_COLUMNS if cells.get(name)), "")
                if query:
                    yield Entry(query, day, user)
            ready.clear()
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        reason = expat.ErrorString(error.code)
        raise LogError(f"{path}: the VOTable is not well-formed: {reason}, line {error.lineno}") from None
