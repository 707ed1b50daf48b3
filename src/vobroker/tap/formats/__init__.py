"""The output formats of results: their names (RESPONSEFORMAT), and streaming writers.

TAP 1.1 section 2.7.3, DALI 1.1 section 3.4.3 and TAPRegExt 1.0 section 2.3. A writer hands on each piece of
the file as soon as its rows are there, and needs memory for one piece only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from vobroker.tap.formats import arrow, fits, json, parquet, separated, votable
from vobroker.tap.formats.model import Batches, BrokenOffError, Ending, Format, Head, Outcome

__all__ = ["FORMATS", "BrokenOffError", "Format", "Head", "Outcome", "find", "write"]

_VOTABLE = "application/x-votable+xml"
_STANDARD = "ivo://ivoa.net/std/TAPRegExt#output-votable"

FORMATS: tuple[Format, ...] = (
    # Every client reads BINARY2, it is the quickest to write and to read, and it alone keeps every null.
    Format("votable", "VOTable", _VOTABLE, "vot", votable.binary2, ("vot", "application/votable+xml")),
    Format(
        "votable/td",
        "VOTable as text",
        f"{_VOTABLE};serialization=TABLEDATA",
        "vot",
        votable.tabledata,
        ("votable-td", "votabletd", "tabledata"),
        f"{_STANDARD}-td",
    ),
    Format(
        "votable/b2",
        "VOTable in BINARY2",
        f"{_VOTABLE};serialization=BINARY2",
        "vot",
        votable.binary2,
        ("votable-binary2", "votableb2", "binary2"),
        f"{_STANDARD}-binary2",
    ),
    Format(
        "votable/b",
        "VOTable in BINARY",
        f"{_VOTABLE};serialization=BINARY",
        "vot",
        votable.binary,
        ("votable-binary", "binary"),
        f"{_STANDARD}-binary",
    ),
    # Who asks for text means to look at it.
    Format("xml", "VOTable for a browser", "text/xml", "xml", votable.tabledata, ("application/xml",)),
    Format(
        "parquet",
        "Parquet",
        "application/vnd.apache.parquet",
        "parquet",
        parquet.write,
        ("application/x-parquet", "application/parquet"),
        binary=True,
    ),
    Format("fits", "FITS", "application/fits", "fits", fits.write, ("image/fits",), binary=True),
    Format(
        "csv",
        "CSV",
        "text/csv;header=present",
        "csv",
        separated.csv,
        ("text/csv", "application/csv"),
    ),
    Format("tsv", "TSV", "text/tab-separated-values", "tsv", separated.tsv, ("tab",)),
    Format("json", "JSON", "application/json", "json", json.write),
    Format(
        "arrow",
        "Arrow",
        "application/vnd.apache.arrow.stream",
        "arrows",
        arrow.stream,
        ("arrows", "application/x-arrow"),
        binary=True,
    ),
)
"""The formats; the first is what a client gets that asks for none."""


def find(responseformat: str) -> Format:
    """Give the format that a RESPONSEFORMAT names.

    Case, blanks, quotation marks and a ``charset`` do not count. A ``+`` may be missing: it is a blank to
    servers where clients do not encode it.

    Raises
    ------
    ValueError
        If there is no such format; the sentence names those there are.
    """
    found = _BY_NAME.get(_plain(responseformat))
    if found is None:
        known = ", ".join(form.name for form in FORMATS)
        raise ValueError(f"there is no output format '{responseformat}'; there are: {known}")
    return found


def write(format: Format, batches: Batches, head: Head, outcome: Ending) -> Iterator[bytes]:
    """Write a result.

    Parameters
    ----------
    format
        The format.
    batches
        The rows, with the schema that :func:`vobroker.votypes.arrow.schema` gives for the columns.
    head
        What is known before the first row.
    outcome
        Asked once, after the last batch, how the result ended.

    Returns
    -------
    iterator of bytes
        The pieces of the file. It takes the next batch only when the piece of the one before has been taken;
        it breaks off with BrokenOffError where the rows did, in a format that cannot say so.
    """
    return format.writer(batches, head, outcome)


def _plain(name: str) -> str:
    """Reduce a name to what counts."""
    return re.sub(r";charset=[^;]*", "", re.sub(r"[\s+\"']", "", name.lower()))


_BY_NAME = {_plain(name): form for form in FORMATS for name in form.names}
