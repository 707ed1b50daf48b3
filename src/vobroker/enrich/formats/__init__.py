"""Files with a catalogue, read as a stream of Arrow batches: one module a format, told by the content.

Everything in a file is untrusted: what it declares is held against its size before memory is taken.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from vobroker.enrich.formats import csv, fits, parquet, votable
from vobroker.enrich.formats.source import Source, refuse_packed

__all__ = ["Source", "open_source"]


def open_source(path: Path, *, identifier: str = "") -> Source:
    """Open a file with a catalogue.

    Parameters
    ----------
    path
        A VOTable, FITS, Parquet or CSV file; which one is told by its first bytes.
    identifier
        Column with the identifier, which is text where a file has no types.

    Raises
    ------
    EnrichError
        If it cannot be read, is packed, is none of these, or is damaged where its columns are declared.
    """
    return replace(_opened(path, refuse_packed(path), identifier), size=path.stat().st_size)


def _opened(path: Path, head: bytes, identifier: str) -> Source:
    if head.startswith(b"PAR1"):
        return parquet.open_parquet(path)
    if head.startswith(b"SIMPLE  ="):
        return fits.open_fits(path)
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return votable.open_votable(path)
    return csv.open_csv(path, identifier)
