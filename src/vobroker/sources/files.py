"""Packets from files, folders and tar archives.

A tar archive is read as a stream, member by member, and goes on from where its last commit left it.
Files and folders are read anew each time: what is archived already counts as duplicate.
"""

from __future__ import annotations

import os
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from lzma import LZMAError
from pathlib import Path

from vobroker.alerts.origin import DeadLetter, Origin
from vobroker.alerts.packets import MAX_PACKET_BYTES, RawBatch

BATCH_BYTES = 128 * 2**20
"""A batch ends when its packets pass this, however few they are."""

NOT_PACKETS = frozenset(
    {".avsc", ".txt", ".md", ".json", ".yml", ".yaml", ".csv", ".parquet", ".adql", ".sha256", ".md5"}
)
"""Files of a folder that are plainly no packets and are passed over; named on their own they are tried."""

_TAR = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
# The tar reader meets some damaged headers with the error of whatever it tripped over.
_DAMAGE = (tarfile.TarError, EOFError, OSError, zlib.error, LZMAError, ValueError, IndexError, OverflowError)
_FAR = 2**36
"""Longest member that is passed over, in bytes: a damaged header can claim more than could ever be read."""


@dataclass(frozen=True, slots=True)
class _Read:
    """One thing that was read, or could not be: ``progress`` is the source's next position, if it has one."""

    origin: Origin
    data: bytes | None = None
    problem: tuple[str, str] | None = None
    progress: int | None = None


@dataclass(slots=True)
class _Batch:
    raw: RawBatch = field(default_factory=RawBatch)
    size: int = 0

    def add(self, read: _Read) -> None:
        if read.problem is not None:
            reason, sentence = read.problem
            self.raw.dead.append(DeadLetter(read.origin, reason, f"{read.origin}: {sentence}", b""))
        elif read.data is not None:
            self.raw.data.append(read.data)
            self.raw.origins.append(read.origin)
            self.size += len(read.data)
        if read.progress is not None:
            self.raw.progress[read.origin.source, read.origin.partition] = read.progress

    def full(self, packets: int) -> bool:
        return len(self.raw.data) + len(self.raw.dead) >= packets or self.size >= BATCH_BYTES


def read(
    paths: Iterable[Path], *, resume: Callable[[str], int] | None = None, batch: int = 512
) -> Iterator[RawBatch]:
    """Read packets in batches, in the order of their paths.

    Parameters
    ----------
    paths
        Packets, folders (with everything below them, sorted), tar archives, compressed or not.
    resume
        Gives the next position in a source; tar archives go on from there.
    batch
        Most packets in a batch.

    Yields
    ------
    RawBatch
        What cannot be read (no permission, damaged archive, over the size limit) is among its dead
        letters.
    """
    pending = _Batch()
    for path in paths:
        for item in _source(path, resume):
            pending.add(item)
            if pending.full(batch):
                yield pending.raw
                pending = _Batch()
    if pending.raw.data or pending.raw.dead or pending.raw.progress:
        yield pending.raw


def count(paths: Iterable[Path]) -> int | None:
    """Count the packet files that :func:`read` would read; None where only reading would tell."""
    total = 0
    for path in paths:
        if path.is_dir():
            names = [name for _, _, names in os.walk(path) for name in names]
            if any(name.endswith(_TAR) for name in names):
                return None
            total += sum(_is_packet(Path(name)) for name in names)
        elif path.name.endswith(_TAR):
            return None
        else:
            total += 1
    return total


def _source(path: Path, resume: Callable[[str], int] | None) -> Iterator[_Read]:
    if path.is_dir():
        yield from _folder(path, resume)
    elif path.name.endswith(_TAR):
        yield from _tar(path, resume(_text(path)) if resume else 0)
    else:
        yield _file(path, Origin(_text(path)))


def _text(name: str | Path) -> str:
    """Give a path as text, with a hexadecimal escape for each byte in it that is not UTF-8."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _folder(folder: Path, resume: Callable[[str], int] | None) -> Iterator[_Read]:
    unreadable: list[OSError] = []
    position = 0
    for parent, below, names in os.walk(folder, onerror=unreadable.append):
        below.sort()
        for name in sorted(names):
            path = Path(parent, name)
            if name.endswith(_TAR):
                yield from _tar(path, resume(_text(path)) if resume else 0)
            elif _is_packet(path):
                origin = Origin(_text(folder), 0, position, _text(f"/{path.relative_to(folder)}"))
                # To open a pipe would wait for whoever writes to it.
                piped = path.is_fifo()
                yield _Read(origin, problem=("unreadable", "it is a pipe")) if piped else _file(path, origin)
                position += 1
    for error in unreadable:
        yield _Read(
            Origin(_text(error.filename or folder)),
            problem=("unreadable", f"the folder cannot be read: {error.strerror}"),
        )


def _is_packet(path: Path) -> bool:
    return path.suffix.lower() not in NOT_PACKETS and not path.name.startswith(".")


def _file(path: Path, origin: Origin) -> _Read:
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > MAX_PACKET_BYTES:
                return _Read(origin, problem=("too-large", _over_limit(size)))
            return _Read(origin, file.read(MAX_PACKET_BYTES + 1))
    except OSError as error:
        return _Read(origin, problem=("unreadable", f"the file cannot be read: {error.strerror}"))


def _over_limit(size: int) -> str:
    return f"it has {size} bytes; {MAX_PACKET_BYTES} is the limit for a packet"


def _tar(path: Path, start: int) -> Iterator[_Read]:
    """Read a tar archive from its ``start``-th file on; a finished one begins anew the next time."""
    source = _text(path)
    position = 0
    try:
        with tarfile.open(path, "r|*") as archive:
            for member in archive:
                if archive.offset - member.offset_data > _FAR:
                    raise tarfile.ReadError(f"{_text(member.name)} claims to be of {member.size} bytes")
                if not member.isfile() or not _is_packet(Path(member.name)):
                    continue
                origin = Origin(source, 0, position, f"!{_text(member.name)}")
                if position < start:
                    position += 1
                    continue
                if member.size > MAX_PACKET_BYTES:
                    position += 1
                    yield _Read(origin, problem=("too-large", _over_limit(member.size)), progress=position)
                    continue
                content = archive.extractfile(member)
                data = content.read() if content else b""
                if len(data) < member.size:
                    raise EOFError(f"the archive ends inside {_text(member.name)}")
                position += 1
                yield _Read(origin, data, progress=position)
    except _DAMAGE as error:
        reason = "truncated" if isinstance(error, EOFError | tarfile.ReadError) else "unreadable"
        sentence = f"the archive cannot be read on after {position} packets: {error}"
        yield _Read(Origin(source, 0, position), problem=(reason, sentence))
        return
    yield _Read(Origin(source), progress=0)
