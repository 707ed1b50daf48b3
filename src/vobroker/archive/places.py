"""Where an archive is: in a folder, or on a PostgreSQL server."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from vobroker.archive.archive import AUTHORITY, Archive
from vobroker.archive.errors import ArchiveError

SCHEMES = ("postgresql", "postgres")

_END = re.compile("[/?#]")
"""What ends the authority of a URI (RFC 3986, section 3.2)."""


@dataclass(frozen=True, slots=True)
class Server:
    """A PostgreSQL database, by a connection URI of libpq (PostgreSQL documentation, section 34.1.1).

    Written out it is without password and options, so that it can stand in messages.
    """

    url: str

    def __str__(self) -> str:
        parts = urlsplit(self.url)
        user, at, host = parts.netloc.rpartition("@")
        if self.torn:
            return f"{parts.scheme}://{parts.netloc.partition(':')[0]}:…"
        return f"postgresql://{user.partition(':')[0]}{at}{host}{parts.path}"

    def __repr__(self) -> str:
        return f"Server({str(self)!r})"

    @property
    def torn(self) -> bool:
        """Whether the password has a character that ends it, so that its rest is taken for more."""
        _, _, rest = self.url.partition("://")
        end = _END.search(rest)
        return end is not None and ":" in rest[: end.start()] and "@" in rest[end.start() :]


Place = Path | Server


def place(text: str | Place) -> Place:
    """Read a place: ``postgresql://…`` is a server, everything else a folder."""
    if isinstance(text, Server):
        return text
    scheme, colon, _ = str(text).partition("://")
    return Server(str(text)) if colon and scheme in SCHEMES else Path(text)


DEFAULT_FOLDER = "vobroker-data"
"""Folder of an archive where none is named."""


def files_of(where: Place | str) -> Path:
    """Give the folder for what goes with an archive as files: VOEvents, schemas of a registry.

    It is the archive's own; one on a server has the default folder where the program runs.
    """
    found = place(where)
    return Path(DEFAULT_FOLDER) if isinstance(found, Server) else found


def open_archive(
    where: Place | str, *, create: bool = True, read_only: bool = False, authority: str = AUTHORITY
) -> Archive:
    """Open an archive.

    Parameters
    ----------
    where
        Its folder, or the URL of its PostgreSQL database; ``hats:FOLDER`` or ``spark+hats:FOLDER`` is
        what was exported to a folder, read by DuckDB or by Spark.
    create
        Make it when it is not there. A database is never made, only the tables in one.
    read_only
        Open it for reading. Of an archive in a folder several processes may then read, while none
        writes; where workers share it this waits for a turn, and they wait until it is closed.
    authority
        Naming authority of the events that will be added.

    Raises
    ------
    ArchiveError
        If there is no archive, it is one of a newer version, is in use by another process, or
        cannot be reached, read or made.
    """
    if str(where).startswith(("hats:", "spark+hats:")):
        from vobroker.archive.hats import open_hats

        if not read_only:
            raise ArchiveError(f"{where} is an exported archive, which is only read")
        return open_hats(str(where), authority)
    found = place(where)
    if isinstance(found, Server):
        from vobroker.archive.postgresql.archive import open_server

        return open_server(found, create=create, read_only=read_only, authority=authority)
    from vobroker.archive.folder import open_folder

    return open_folder(found, create=create, read_only=read_only, authority=authority)
