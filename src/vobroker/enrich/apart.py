"""Files of strangers are read in a process of their own, which may take so much memory and time and no more.

The process is asked by one line of JSON and answers by lines of it: ``doing`` while it works, and at the end
``found`` or ``error``.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from vobroker.enrich.errors import EnrichError
from vobroker.enrich.formats import Source, open_source
from vobroker.enrich.recognise import recognised

BYTES = 1_500_000_000
"""Memory that reading may take, besides :data:`BYTES_OF_ROW` for each row that is allowed."""

BYTES_OF_ROW = 400
MOST_ROWS = 20_000_000  # for which there is memory

LOOK_SECONDS = 120
MAKE_SECONDS = 1800

SHOWN = 8
"""Rows that a look gives."""

_EVERY = 200_000  # rows between two lines on progress
_CELL = 60

_running: set[subprocess.Popen[str]] = set()

Watch = Callable[[str, int, int | None], None]


@dataclass(frozen=True, slots=True)
class Look:
    """What a file seems to be.

    Attributes
    ----------
    columns
        Name, type, unit, UCD and description of each.
    left
        Columns that cannot be taken, with the reason.
    rows
        How many there are, where the file tells.
    first
        The first rows, as texts.
    roles
        Columns that were recognised: ``ra``, ``dec``, ``id``, where there are some.
    """

    columns: list[dict[str, str]]
    left: dict[str, str]
    rows: int | None
    first: list[list[str | None]]
    roles: dict[str, str]


def look(file: Path, *, called: str, rows: int) -> Look:
    """Look at a file.

    Parameters
    ----------
    file
        Where it is.
    called
        What it is called in messages.
    rows
        Rows that are allowed, by which the memory is measured.

    Raises
    ------
    EnrichError
        If it cannot be read, with the reason.
    """
    asked = {"do": "look", "file": str(file), "rows": rows}
    return Look(**_ask(asked, called, LOOK_SECONDS, lambda doing, done, total: None))


def make(
    store: Path,
    file: Path,
    name: str,
    roles: dict[str, Any],
    *,
    called: str,
    rows: int,
    watch: Watch,
    **told: Any,
) -> list[str]:
    """Make a watchlist as :func:`vobroker.enrich.catalogue.add` does; give what its owner should know.

    Its identifiers must be different.

    Parameters
    ----------
    store, file, name, roles
        As there, the roles as a mapping.
    called, rows
        As for :func:`look`.
    watch
        Told how far it is.
    told
        ``columns``, ``description``, ``owner``, as there.

    Raises
    ------
    EnrichError
        As there.
    """
    asked = {"do": "make", "store": str(store), "file": str(file), "name": name, "roles": roles, "rows": rows}
    found = _ask(asked | {"origin": called} | told, called, MAKE_SECONDS, watch)
    return list(found["warnings"])


def stop() -> None:
    """End what is being read, as when the service ends."""
    for program in list(_running):
        program.kill()


def _ask(asked: dict[str, Any], called: str, seconds: float, watch: Watch) -> dict[str, Any]:
    """Start a process, and wait until it has answered or its time is over."""
    asked |= {"memory": BYTES + BYTES_OF_ROW * min(asked["rows"], MOST_ROWS)}
    command = [sys.executable, "-m", "vobroker.enrich.apart"]
    program = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603
    _running.add(program)
    late = threading.Timer(seconds, program.kill)
    late.start()
    answer: dict[str, Any] = {}
    try:
        assert program.stdin is not None
        assert program.stdout is not None
        program.stdin.write(json.dumps(asked) + "\n")
        program.stdin.close()
        for line in program.stdout:
            answer = json.loads(line)
            if "doing" in answer:
                watch(*answer["doing"])
    except (OSError, ValueError):
        answer = {}
    finally:
        late.cancel()
        program.kill()
        program.wait()
        _running.discard(program)
        for pipe in (program.stdin, program.stdout):
            if pipe is not None:
                pipe.close()
    if "found" in answer:
        return dict(answer["found"])
    reason = answer.get("error", "it cannot be read within the memory and the time that there are for it")
    raise EnrichError(str(reason).replace(asked["file"], called))


# -- in the process ----------------------------------------------------------------------------------------


def main() -> None:
    """Do what a line asks for."""
    asked = json.loads(sys.stdin.readline())
    os.nice(10)
    _limit("RLIMIT_DATA", asked["memory"])
    _limit("RLIMIT_CPU", MAKE_SECONDS)
    _limit("RLIMIT_CORE", 0)
    _say(**answer(asked))


def answer(asked: dict[str, Any]) -> dict[str, Any]:
    """Do what is asked for, and give what was found, or the error."""
    try:
        return {"found": _look(asked) if asked["do"] == "look" else _make(asked)}
    except EnrichError as error:
        return {"error": str(error)}
    except (MemoryError, pa.ArrowMemoryError):
        return {"error": f"{asked['file']} needs more memory to read than there is for it"}


def _limit(kind: str, most: int) -> None:
    hard = resource.getrlimit(getattr(resource, kind))[1]
    most = most if hard == resource.RLIM_INFINITY else min(hard, most)
    resource.setrlimit(getattr(resource, kind), (most, most))


def _say(**told: Any) -> None:
    print(json.dumps(told), flush=True)


def _look(asked: dict[str, Any]) -> dict[str, Any]:
    source = open_source(Path(asked["file"]))
    roles = recognised(source.columns)
    names = [column.name for column in source.columns]
    first: list[list[str | None]] = []
    if names:
        batch = next(source.batches(names), None)
        if batch is not None:
            rows = batch.slice(0, SHOWN).to_pylist()
            first = [
                [None if row[name] is None else str(row[name])[:_CELL] for name in names] for row in rows
            ]
    columns = [
        {part: getattr(column, part)[:500] for part in ("name", "type", "unit", "ucd", "description")}
        for column in source.columns
    ]
    return asdict(Look(columns, dict(source.left), source.rows, first, roles))


def _make(asked: dict[str, Any]) -> dict[str, Any]:
    from vobroker.enrich.catalogue import Roles, add

    roles = Roles(**asked["roles"])
    source = open_source(Path(asked["file"]), identifier=roles.id)
    if roles.id:
        source = replace(source, batches=partial(_different, source, roles.id))
    said = ("", 0)

    def watch(doing: str, done: int, total: int | None) -> None:
        nonlocal said
        if doing != said[0] or done - said[1] >= _EVERY:
            said = (doing, done)
            _say(doing=[doing, done, total])

    made = add(
        Path(asked["store"]),
        asked["name"],
        source,
        roles,
        kind="watchlist",
        columns=tuple(asked.get("columns", ())),
        description=asked.get("description", ""),
        origin=asked["origin"],
        owner=asked.get("owner", ""),
        most=asked["rows"],
        watch=watch,
    )
    return {"warnings": made.warnings}


def _different(source: Source, identifier: str, names: list[str]) -> Iterator[pa.RecordBatch]:
    """Give the rows, and refuse them in the end where an identifier is there twice."""
    column = next((name for name in names if name == identifier), None) or next(
        name for name in names if name.lower() == identifier.lower()
    )
    seen = []
    for batch in source.batches(names):
        seen.append(batch[column])
        yield batch
    if not seen:
        return
    counts = pa.chunked_array(seen).drop_null().value_counts()
    often = counts.filter(pc.greater(counts.field("counts"), 1))
    if len(often):
        value, number = often[0].as_py().values()
        raise EnrichError(
            f"{source.name}: the identifier {str(value)[:_CELL]} is there {number:,} times in the column"
            f" {column}; take another column for it, or none"
        )


if __name__ == "__main__":
    main()
