"""Frames: a length of four bytes in network order, and then so many bytes of XML (VTP 2.0, TCP).

Nothing is kept of a frame that announces more than is allowed.
"""

from __future__ import annotations

import struct

from vobroker.voevent.vtp.errors import VTPError

_LENGTH = struct.Struct(">I")

LENGTH_BYTES = _LENGTH.size
"""Bytes before the content."""


def frame(content: bytes) -> bytes:
    """Put the length before a content.

    Raises
    ------
    VTPError
        If it is longer than four bytes can say.
    """
    try:
        return _LENGTH.pack(len(content)) + content
    except struct.error:
        raise VTPError(f"a frame cannot hold {len(content)} bytes") from None


class Frames:
    """Takes bytes as they come, gives the contents that are whole.

    Parameters
    ----------
    limit
        Longest content in bytes.
    """

    __slots__ = ("_limit", "_pieces")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pieces = bytearray()

    def feed(self, data: bytes) -> tuple[list[bytes], VTPError | None]:
        """Give the contents that are whole now, and what is wrong behind them.

        After an error there is no telling where the next frame begins: the connection must end.
        """
        pieces = self._pieces
        if pieces:
            pieces += data
            data = pieces  # type: ignore[assignment]
        found: list[bytes] = []
        start, end = 0, len(data)
        problem = None
        while end - start >= LENGTH_BYTES:
            (length,) = _LENGTH.unpack_from(data, start)
            if length > self._limit:
                problem = VTPError(f"the frame announces {length} bytes; the limit is {self._limit}")
                start = end
                break
            behind = start + LENGTH_BYTES + length
            if behind > end:
                break
            found.append(bytes(data[start + LENGTH_BYTES : behind]))
            start = behind
        if data is pieces:
            del pieces[:start]
        elif start < end:
            pieces += data[start:]
        return found, problem

    @property
    def held(self) -> int:
        """Bytes in memory."""
        return len(self._pieces)

    @property
    def waiting(self) -> tuple[int, int] | None:
        """Bytes there and bytes announced of a frame that is not whole; None between frames."""
        there = len(self._pieces)
        if not there:
            return None
        announced = _LENGTH.unpack_from(self._pieces)[0] if there >= LENGTH_BYTES else 0
        return max(there - LENGTH_BYTES, 0), announced
