"""The streams of an archive on this machine, or of a database that can be reached."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

from vobroker.archive import Archive, ArchiveError, files_of, open_archive
from vobroker.client.errors import StreamError
from vobroker.gateway.cursor import CursorError, Cursors
from vobroker.gateway.messages import JSON, begin, messages
from vobroker.gateway.pages import FILES
from vobroker.gateway.since import since as read_since

EVERY = 1.0
"""Seconds after which an archive is asked again whether there is something new."""

PAGE = 100


class Local:
    """An archive, read as the gateway reads it: one that is open, or the place of one.

    Raises
    ------
    StreamError
        If it cannot be read.
    """

    def __init__(self, place: str | Archive) -> None:
        try:
            self._archive = open_archive(place, read_only=True) if isinstance(place, str) else place
            self._cursors = Cursors.of(files_of(self._archive.place))
        except (ArchiveError, CursorError, OSError) as error:
            raise StreamError(str(error)) from None

    def messages(self, name: str, since: str, *, follow: bool) -> Iterator[dict[str, Any]]:
        """Give the messages of a stream, from a place on.

        Raises
        ------
        StreamError
            If there is no such place, or the archive cannot be read any more.
        """
        try:
            place = self._begin(name, since)
            while True:
                found = messages(self._archive, name, place, PAGE, JSON)
                for one in found:
                    place = one.place
                    yield {"cursor": self._cursors.seal(name, place)} | json.loads(one.content)
                if len(found) < PAGE:
                    if not follow:
                        return
                    time.sleep(EVERY)
        except (ArchiveError, CursorError) as error:
            raise StreamError(str(error)) from None

    def get(self, name: str, what: str, **asked: Any) -> bytes:
        """Give one alert in a format; ``what`` is ``at/`` and its cursor."""
        after = self._cursors.open(name, what.removeprefix("at/")) - 1
        form = asked["format"]
        if form in FILES:
            return FILES[form](self._archive, name, after, 1).content
        return messages(self._archive, name, after, 1, form)[0].content

    def packet(self, name: str, cursor: str) -> bytes:
        """Give the survey's packet of an alert, as an Avro object container."""
        return self.get(name, f"at/{cursor}", format="avro")

    def _begin(self, name: str, since: str) -> int:
        if not self._archive.events(name, limit=1):
            raise StreamError(f"{self._archive.place} has no alert of a stream {name}")
        return begin(self._archive, name, read_since(since, name, self._cursors))
