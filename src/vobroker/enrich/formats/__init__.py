"""Files with a catalogue, read as a stream of Arrow batches: one module a format, told by the content.

Everything in a file is untrusted: what it declares is held against its size before memory is taken.
"""

from __future__ import annotations

from pathlib import Path

from vobroker.enrich.errors import EnrichError
from vobroker.enrich.formats import csv, fits, parquet, votable
from vobroker.enrich.formats.source import Source

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
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise EnrichError(f"cannot read {path}: {error.strerror or error}") from error
    if not head:
        raise EnrichError(f"{path} is empty")
    for beginning, name in _PACKED.items():
        if head.startswith(beginning):
            raise EnrichError(f"{path} is packed with {name}; unpack it first")
    if head.startswith(b"PAR1"):
        return parquet.open_parquet(path)
    if head.startswith(b"SIMPLE  ="):
        return fits.open_fits(path)
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return votable.open_votable(path)
    return csv.open_csv(path, identifier)


_PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd", b"PK": "zip"}
