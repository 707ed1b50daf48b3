"""A folder of documents: all of them read, and those that hold the same series put together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from vobroker.timeseries import documents, xml
from vobroker.timeseries.dialects import DIALECTS, borrows
from vobroker.timeseries.errors import TimeSeriesError
from vobroker.timeseries.series import Document

MAX_FILES = 1000
"""Most files of a folder that are read."""


@dataclass(frozen=True)
class Folder:
    """What the files of a folder are.

    Parameters
    ----------
    documents
        The documents by their path within the folder.
    unread
        Why each of the other files holds no series, by its path.
    """

    documents: dict[str, Document]
    unread: dict[str, str]


def files(folder: Path) -> list[Path]:
    """List the files of a folder and of those in it, by name.

    Raises
    ------
    TimeSeriesError
        If there are none, or more than :data:`MAX_FILES`.
    """
    found = sorted(path for path in folder.rglob("*") if path.is_file() and not _hidden(path, folder))
    if not found:
        raise TimeSeriesError(f"there are no files in {folder}")
    if len(found) > MAX_FILES:
        raise TimeSeriesError(f"{folder} has {len(found)} files; the limit is {MAX_FILES}")
    return found


def read(
    folder: Path, *, max_bytes: int = xml.MAX_BYTES, step: Callable[[str], None] = lambda _: None
) -> Folder:
    """Read every file of a folder.

    Parameters
    ----------
    folder
        The folder.
    max_bytes
        Most bytes of a file that is read.
    step
        Called before each file with its name, for who waits.

    Raises
    ------
    TimeSeriesError
        As :func:`files`; what is wrong with a single file is kept beside it.
    """
    found, unread = {}, {}
    for path in files(folder):
        name = path.relative_to(folder).as_posix()
        step(name)
        try:
            if (size := path.stat().st_size) > max_bytes:
                raise TimeSeriesError(f"it has {size} bytes; the limit is {max_bytes}")
            document = documents.read(path.read_bytes(), max_bytes=max_bytes)
            if not document.series:
                raise TimeSeriesError("there is no series in it")
            found[name] = document
        except TimeSeriesError as error:
            unread[name] = str(error)
        except OSError as error:
            unread[name] = f"it cannot be read: {error.strerror or error}"
    return Folder(found, unread)


def same_series(folder: Folder) -> Iterator[dict[str, Document]]:
    """Give the documents that hold the same object, where there are two or more of it.

    Documents without an annotation come first: they are what others annotate.
    """
    groups: dict[str, dict[str, Document]] = {}
    for name in sorted(folder.documents, key=lambda name: (_annotates(folder.documents[name]), name)):
        document = folder.documents[name]
        if identifier := document.series[0].object_id:
            groups.setdefault(identifier, {})[name] = document
    yield from (found for found in groups.values() if len(found) > 1)


def _annotates(document: Document) -> bool:
    return document.dialect in DIALECTS and bool(borrows(DIALECTS[document.dialect]))


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)
