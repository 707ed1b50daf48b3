"""Results as CSV (RFC 4180, with a header line) and with tabs instead of commas.

Values are written as DALI 1.2 section 3 has them. A null is nothing at all, an empty text two quotation
marks, and so is the null of an only column. Neither format can say how a result ended, so a result that
broke off breaks off its transfer.
"""

from __future__ import annotations

import csv as header_line
import io
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from vobroker.tap.formats.model import Batches, BrokenOffError, Ending, Head
from vobroker.tap.formats.pieces import pieces
from vobroker.votypes.texts import hexadecimal, lines, text


def csv(batches: Batches, head: Head, outcome: Ending) -> Iterator[bytes]:
    """Write CSV."""
    return _separated(batches, head, outcome, ",")


def tsv(batches: Batches, head: Head, outcome: Ending) -> Iterator[bytes]:
    """Write values with tabs between."""
    return _separated(batches, head, outcome, "\t")


def _separated(batches: Batches, head: Head, outcome: Ending, separator: str) -> Iterator[bytes]:
    names = io.StringIO()
    header_line.writer(names, delimiter=separator, lineterminator="\r\n").writerow(
        [column.name for column in head.columns]
    )
    yield names.getvalue().encode()
    nothing = "" if len(head.columns) > 1 else '""'  # readers pass over an empty line
    for batch in pieces(batches):
        cells: list[pa.Array | str] = []
        for column in batch.columns:
            cells += [pc.fill_null(_cell(column, separator), nothing), separator]
        yield bytes(lines([*cells[:-1], "\r\n"]))
    ended = outcome()
    if ended.status == "ERROR":
        raise BrokenOffError(ended.message)


def _cell(column: pa.Array, separator: str) -> pa.Array:
    """Text of a column, in quotation marks where it could be taken for something else."""
    binary = pa.types.is_large_binary(column.type)
    shown = hexadecimal(column) if binary else text(column, true="true", false="false")
    if not (binary or pa.types.is_string(column.type) or isinstance(column.type, pa.JsonType)):
        return shown
    special = pc.match_substring_regex(shown, rf'^$|^\s|\s$|["\r\n{separator}]')
    if not pc.any(special, min_count=0).as_py():
        return shown
    inner = pc.replace_substring(shown, '"', '""')
    quoted = pc.binary_join_element_wise('"', inner, '"', "")
    return pc.if_else(special, quoted, shown)
