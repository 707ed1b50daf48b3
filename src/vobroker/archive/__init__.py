"""The archive: tables, packets, ledger and dead letters."""

from vobroker.archive.archive import AUTHORITY, Archive
from vobroker.archive.errors import ArchiveError, Collision, QueryStopped
from vobroker.archive.places import DEFAULT_FOLDER, Place, Server, files_of, open_archive, place
from vobroker.archive.reading import Reading
from vobroker.archive.transaction import FilterMatch, Transaction
from vobroker.archive.turns import Access, Held, Shared, Turns, access
from vobroker.archive.voevents import ReceivedPacket

__all__ = [
    "AUTHORITY",
    "DEFAULT_FOLDER",
    "Access",
    "Archive",
    "ArchiveError",
    "Collision",
    "FilterMatch",
    "Held",
    "Place",
    "QueryStopped",
    "Reading",
    "ReceivedPacket",
    "Server",
    "Shared",
    "Transaction",
    "Turns",
    "access",
    "files_of",
    "open_archive",
    "place",
]
