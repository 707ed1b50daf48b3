"""Results as VOTable 1.5, with rows as TABLEDATA, BINARY or BINARY2.

DALI 1.1 section 4.4 and TAP 1.1 section 3.3.1 say how a result tells its status: an INFO before the table
says OK, and a second one after it takes that back where the rows were cut.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from xml.sax.saxutils import escape

import pybase64

from vobroker.tap.formats.model import Batches, Ending, Head, Outcome
from vobroker.tap.formats.pieces import pieces
from vobroker.votypes.binary import NULLS, encode, votable_cells
from vobroker.votypes.columns import Column
from vobroker.votypes.systems import SYSTEMS, find
from vobroker.votypes.votable import NAMESPACE, element, field, tabledata_rows, xml_text

_NCNAME = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)
_INTEGERS = {"SMALLINT": "int16", "INTEGER": "int32", "BIGINT": "int64"}


def tabledata(batches: Batches, head: Head, outcome: Ending) -> Iterator[bytes]:
    """Write rows as TABLEDATA: a null is an empty cell, and so is an empty text."""
    yield _before(head, "<TABLEDATA>\n")
    for batch in pieces(batches):
        yield bytes(tabledata_rows(batch))
    yield _after(head, outcome(), "</TABLEDATA>")


def binary2(batches: Batches, head: Head, outcome: Ending) -> Iterator[bytes]:
    """Write rows as BINARY2: each begins with a bit for each null."""
    yield _before(head, '<BINARY2><STREAM encoding="base64">\n')
    yield from _base64(batches, head, flags=True)
    yield _after(head, outcome(), "</STREAM></BINARY2>")


def binary(batches: Batches, head: Head, outcome: Ending) -> Iterator[bytes]:
    """Write rows as BINARY: the smallest integer of a type is null, NaN, the empty text, and ``?``."""
    yield _before(head, '<BINARY><STREAM encoding="base64">\n', magic=True)
    yield from _base64(batches, head, flags=False)
    yield _after(head, outcome(), "</STREAM></BINARY>")


def metadata(head: Head, outcome: Outcome) -> str:
    """Describe a result whose rows are elsewhere: a VOTable without data."""
    return (_before(head, "") + _after(head, outcome, "")).decode()


def _base64(batches: Batches, head: Head, *, flags: bool) -> Iterator[bytes]:
    """Write rows as base64; three bytes are four characters, so up to two wait for the next batch."""
    rest = b""
    for batch in pieces(batches):
        cells = [
            votable_cells(values, ascii=column.datatype.votable == "char")
            for column, values in zip(head.columns, batch.columns, strict=True)
        ]
        data = encode(cells, batch.num_rows, flags=flags, before=rest)
        whole = len(data) - len(data) % 3
        rest = data[whole:].tobytes()
        yield pybase64.b64encode(data[:whole].data) + b"\n"
    yield pybase64.b64encode(rest)


def _before(head: Head, data: str, *, magic: bool = False) -> bytes:
    """Write all that stands before the first row; ``data`` opens the data, and is empty for none."""
    systems, refs = _systems(head.columns)
    identifiers = Counter(column.name for column in head.columns)
    fields = [
        field(
            column,
            ref=refs.get(column.system, ""),
            identifier=column.name
            if _NCNAME.fullmatch(column.name) and identifiers[column.name] == 1
            else "",
            null=_magic(column) if magic else "",
        )
        for column in head.columns
    ]
    infos = [_info("QUERY_STATUS", "OK"), *(_info(*info) for info in head.infos)]
    title = [element("DESCRIPTION", {}, escape(xml_text(head.title)))] if head.title else []
    lines = (
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<VOTABLE version="1.4" xmlns="{NAMESPACE}">',
        '<RESOURCE type="results">',
        *infos,
        *systems,
        '<TABLE name="result">',
        *title,
        *fields,
    )
    return ("\n".join(lines) + "\n" + (f"<DATA>{data}" if data else "")).encode()


def _after(head: Head, outcome: Outcome, data: str) -> bytes:
    """Write all that follows the last row."""
    end = [f"{data}</DATA>"] if data else []
    status = [] if outcome.status == "OK" else [_info("QUERY_STATUS", outcome.status, outcome.message)]
    lines = (*end, "</TABLE>", *status, "</RESOURCE>", *head.resources, "</VOTABLE>")
    return ("\n".join(lines) + "\n").encode()


def _info(name: str, value: str, text: str = "") -> str:
    return element("INFO", {"name": name, "value": value}, escape(xml_text(text)))


def _systems(columns: tuple[Column, ...]) -> tuple[list[str], dict[str, str]]:
    """Declare the systems that columns use; give the elements, and the ID of each system."""
    taken = {column.name for column in columns}
    refs: dict[str, str] = {}
    elements: list[str] = []
    for name in dict.fromkeys(column.system for column in columns):
        system = find(name)
        if system is None:
            continue
        identifier = f"system_{name}" if name in SYSTEMS else f"system_{len(refs) + 1}"
        while identifier in taken:
            identifier += "_"
        refs[name] = identifier
        elements.append(element(system.element, {"ID": identifier} | system.attributes))
    return sorted(elements), refs


def _magic(column: Column) -> str:
    """Give the integer that stands for null; reals have NaN, and an array is never null but empty."""
    arrow = _INTEGERS.get(column.datatype.element or column.type)
    return str(NULLS[arrow]) if arrow else ""
