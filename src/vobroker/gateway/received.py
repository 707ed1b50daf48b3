"""VOEvents that came from others, as they are sent on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from lxml import etree

from vobroker.archive import Archive
from vobroker.voevent import VOEvent, read
from vobroker.voevent.xml import parse

_NEXT = "SELECT number, ivorn, packet FROM voevent WHERE number > $1 ORDER BY number LIMIT $2"
_ENCODING = re.compile(rb"""<\?xml[^>]*?\sencoding\s*=\s*["']([\w.-]+)["']""")


def received(
    archive: Archive, after: int, limit: int, encode: Callable[[VOEvent], bytes] | None
) -> Iterator[tuple[int, str, bytes]]:
    """Give the next received events behind a place, with place and ivorn.

    Parameters
    ----------
    archive
        Archive of the events.
    after
        Number of the last one that is known.
    limit
        Most events.
    encode
        How an event becomes bytes; where none is given, it is the packet as it came, in UTF-8.
    """
    for row in archive.query(_NEXT, [after, limit]).to_pylist():
        packet = row["packet"]
        yield row["number"], row["ivorn"], encode(read(packet)) if encode else _in_utf8(packet)


def _in_utf8(packet: bytes) -> bytes:
    """Give a packet as it came, or written anew where it is in another encoding than streams are."""
    declared = _ENCODING.match(packet)
    if declared is None or declared[1].lower() in (b"utf-8", b"ascii", b"us-ascii"):
        try:
            packet.decode()
        except UnicodeDecodeError:
            pass
        else:
            return packet
    root = parse(packet, keep=True).getroottree()
    return bytes(etree.tostring(root, encoding="UTF-8", xml_declaration=True))
