"""A broker's streams over HTTP, with the standard library alone: to listen needs no other package."""

from __future__ import annotations

import http.client
import json
import random
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from vobroker.client.container import split
from vobroker.client.errors import StreamError

SILENCE = 60.0
"""Seconds without a sign of life after which a connection is taken for dead; there is one each 15 s."""

LONGEST_WAIT = 60.0
"""Most seconds between two tries to connect."""

MAX_LINE = 20_000_000
"""Longest message."""

MAX_PACKETS = 32
"""Most packets that are asked for at once: each can be 300 kB."""

_BROKEN = (OSError, http.client.HTTPException)


class Remote:
    """A broker at an address.

    Parameters
    ----------
    address
        Where its pages or its gateway are, such as ``https://alerts.example.org``.
    token
        Who listens; a guest without it.
    """

    def __init__(self, address: str, token: str | None = None) -> None:
        if urlsplit(address).scheme not in ("http", "https"):
            raise StreamError(f"{address} is no address of a broker")
        self._streams = f"{address.rstrip('/').removesuffix('/streams')}/streams"
        self._packets: dict[str, bytes] = {}
        self._at_once = 1
        self._headers = {"User-Agent": "vobroker"} | ({"Authorization": f"Bearer {token}"} if token else {})

    def messages(self, name: str, since: str, *, follow: bool) -> Iterator[dict[str, Any]]:
        """Give the messages of a stream, from a place on, over every interruption.

        Raises
        ------
        StreamError
            If the broker refuses: there is no such stream, place or token.
        """
        tries = 0
        if not since:
            # Found out once: an interruption before the first alert would lose some otherwise.
            since = json.loads(self.get(name, "page", since="", limit=1))["cursor"]
        while True:
            try:
                for told in self._once(name, since, follow=follow):
                    tries = 0
                    since = told["cursor"]
                    if "alert" in told:
                        yield told
                if not follow:
                    return
            except _BROKEN as error:
                self._wait(tries, error)
                tries += 1

    def get(self, name: str, what: str, **asked: object) -> bytes:
        """Get one answer, over interruptions.

        Raises
        ------
        StreamError
            If the broker refuses.
        """
        tries = 0
        while True:
            try:
                with self._open(f"{quote(name)}/{what}?{urlencode(asked)}") as answer:
                    content: bytes = answer.read()
                    return content
            except _BROKEN as error:
                self._wait(tries, error)
                tries += 1

    def packet(self, name: str, cursor: str) -> bytes:
        """Get the survey's packet of an alert, as an Avro object container.

        Who takes the packet of one alert after the other gets them in pages, which become larger; who takes
        one here and there gets no more than that.

        Raises
        ------
        StreamError
            If the broker refuses, or has not kept it.
        """
        if cursor not in self._packets:
            self._at_once = 1 if self._packets else min(self._at_once * 2, MAX_PACKETS)
            asked = {"since": cursor, "inclusive": "true", "format": "avro", "limit": self._at_once}
            content = self.get(name, "page", **asked)
            self._packets = split(content) if content else {}
        try:
            return self._packets.pop(cursor)
        except KeyError:
            raise StreamError(f"the broker has not kept the packet of {cursor}") from None

    def _once(self, name: str, since: str, *, follow: bool) -> Iterator[dict[str, Any]]:
        if follow:
            with self._open(f"{quote(name)}/lines?{urlencode({'since': since})}") as answer:
                while line := answer.readline(MAX_LINE):
                    if not line.endswith(b"\n"):
                        raise http.client.IncompleteRead(line)
                    if line.strip():
                        yield json.loads(line)
            return
        while page := json.loads(self.get(name, "page", since=since, limit=100))["messages"]:
            yield from page
            since = page[-1]["cursor"]

    def _open(self, path: str) -> http.client.HTTPResponse:
        request = urllib.request.Request(f"{self._streams}/{path}", headers=self._headers)  # noqa: S310
        try:
            answer: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=SILENCE)  # noqa: S310
        except urllib.error.HTTPError as error:
            if error.code in (429, 500, 502, 503, 504):
                raise
            raise StreamError(_reason(error)) from None
        return answer

    @staticmethod
    def _wait(tries: int, error: Exception) -> None:
        """Wait longer after each try that fails, or as long as the broker says."""
        usual = min(LONGEST_WAIT, 2.0**tries) * random.uniform(0.5, 1)  # noqa: S311
        told = ""
        if isinstance(error, urllib.error.HTTPError):
            told = error.headers.get("Retry-After", "")
        time.sleep(min(LONGEST_WAIT, float(told)) if told.isdigit() else usual)


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read(100_000))["error"])
    except (ValueError, KeyError, TypeError, *_BROKEN):
        return f"{error.url} answers {error.code}: no streams of a broker are there"
