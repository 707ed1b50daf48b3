"""The outbox: VOEvents of an archive in a folder, one file an event.

The archive knows the events; the folder only follows. Its position file names the last event written, and
moves on behind the files of each batch. Killed anywhere, the next run writes some files a second
time, with the same bytes, and goes on.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from vobroker.archive import Archive, ArchiveError
from vobroker.publish import gcn
from vobroker.publish.lightcurve import FORMS
from vobroker.publish.render import packets
from vobroker.voevent import write

POSITION = ".position"
"""File in the folder with the sequence number and the identifier of the last event written."""

FORM = ".embed"
"""File in the folder that says how its events carry light curves; ``.embed-<stream>`` for one stream."""


class PublishError(ArchiveError):
    """Events that could not be written, with the reason and the place in one sentence."""


def publish_folder(
    archive: Archive,
    folder: Path,
    *,
    stream: str | None = None,
    role: str | None = None,
    form: str | Mapping[str, str] | None = None,
    notices: bool = False,
) -> int:
    """Write the events that are not in a folder yet, to ``<stream>/<night>/<survey>-<alert id>.xml``.

    The night of an alert whose time has no date is ``undated``.

    Parameters
    ----------
    archive
        Archive of the events.
    folder
        Made when it is not there. It follows one archive; given another, it starts again.
    stream
        Only events of this stream, which has a position of its own.
    role
        Role of the packets, see :func:`vobroker.publish.render.packets`.
    form
        How they carry the light curve, as of :func:`vobroker.publish.render.packets`; by default as the
        folder says, see :func:`embedding`.
    notices
        Whether to write notices, see :mod:`vobroker.publish.gcn`, to files ``.json``; they have a position of
        their own.

    Returns
    -------
    int
        Number of events written.

    Raises
    ------
    PublishError
        If a file cannot be written (disk full, no permission). What was written stays, and the next
        run goes on from there.
    """
    kind = f"{POSITION}.gcn" if notices else POSITION
    position = folder / (f"{kind}-{stream}" if stream else kind)
    encode, suffix = (gcn.encode, "json") if notices else (write, "xml")
    written = 0
    try:
        forms = form or embedding(folder)
        begin = read_position(position, archive)
        for batch in packets(
            archive, after=begin, stream=stream, role=role, form="none" if notices else forms, encode=encode
        ):
            for packet in batch:
                night = folder / packet.stream / str(packet.night or "undated")
                write_whole(night / f"{packet.survey}-{packet.alert_id}.{suffix}", packet.content)
            write_whole(position, f"{batch[-1].sequence} {batch[-1].ivorn}\n".encode())
            written += len(batch)
    except OSError as error:
        raise PublishError(
            f"cannot write {error.filename2 or error.filename or folder}: {error.strerror or error};"
            f" {written} events written, the others follow at the next run"
        ) from error
    return written


def embedding(folder: Path) -> dict[str, str]:
    """Give how events carry their light curve, by stream; that of the others under an empty name.

    Raises
    ------
    PublishError
        If the folder says something that is none of :data:`vobroker.publish.lightcurve.FORMS`.
    """
    found = {"": "none"}
    for file in sorted(folder.glob(f"{FORM}*")) if folder.is_dir() else ():
        if file.name.endswith(".part"):
            continue
        form = file.read_text(errors="replace").strip()
        if form not in FORMS:
            raise PublishError(f"{file} says {form!r}; it must be one of {', '.join(FORMS)}")
        found[file.name.removeprefix(FORM).removeprefix("-")] = form
    return found


def set_embedding(folder: Path, form: str, stream: str | None = None) -> None:
    """Say how the events that are written to a folder from now on carry their light curve.

    Parameters
    ----------
    folder
        Made when it is not there.
    form
        One of :data:`vobroker.publish.lightcurve.FORMS`.
    stream
        Only events of this stream.

    Raises
    ------
    PublishError
        If there is no such form, or the folder cannot be written to.
    """
    if form not in FORMS:
        raise PublishError(f"a light curve cannot be embedded as {form!r}; there are {', '.join(FORMS)}")
    try:
        write_whole(folder / (f"{FORM}-{stream}" if stream else FORM), f"{form}\n".encode())
    except OSError as error:
        raise PublishError(f"cannot write {error.filename or folder}: {error.strerror or error}") from error


def read_position(position: Path, archive: Archive) -> int:
    """Give the sequence number of the last event that a file names; 0 when it is none of this archive."""
    try:
        number, _, ivorn = position.read_text().strip().partition(" ")
    except (FileNotFoundError, UnicodeDecodeError):
        return 0
    event = archive.event(ivorn)
    return int(number) if event and str(event["sequence"]) == number else 0


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole, or not at all."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(content)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
    os.replace(part, path)
