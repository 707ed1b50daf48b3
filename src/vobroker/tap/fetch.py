"""Uploads by address: fetched from the outside only, and never more than allowed."""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from vobroker.tap.errors import TapError

MAX_REDIRECTS = 4
SECONDS = 30.0
"""Time for the whole of it."""

_BLOCK = 2**16


@dataclass(frozen=True, slots=True)
class Fence:
    """What addresses a server fetches from.

    A service that fetched what anybody names would reach for them what only it can reach: other services of
    the machine, the site's own network, the metadata of a cloud.

    Attributes
    ----------
    inside
        Hosts inside that may be fetched from all the same, as ``host`` or ``host:port``.
    """

    inside: frozenset[str] = frozenset()

    @classmethod
    def of(cls, inside: Iterable[str]) -> Fence:
        """Make a fence with gates."""
        return cls(frozenset(host.lower() for host in inside))

    def fetch(self, address: str, most: int) -> bytes:
        """Fetch a document.

        Parameters
        ----------
        address
            ``http://`` or ``https://``.
        most
            Largest document, bytes.

        Raises
        ------
        TapError
            If it may not be fetched, or cannot be; the sentence tells nothing of what is inside.
        """
        deadline = time.monotonic() + SECONDS
        for _ in range(MAX_REDIRECTS + 1):
            found = self._get(address, most, deadline)
            if isinstance(found, bytes):
                return found
            address = urljoin(address, found)
        raise TapError(f"the upload is redirected more than {MAX_REDIRECTS} times")

    def _get(self, address: str, most: int, deadline: float) -> bytes | str:
        """Give the document, or the address that it is redirected to."""
        try:
            parts = urlsplit(address)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise TapError("the address of the upload cannot be read") from error
        if parts.scheme not in ("http", "https") or not host or parts.username is not None:
            raise TapError("an upload comes by http:// or https:// and without a password in its address")
        port = port or (443 if parts.scheme == "https" else 80)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        if any(ord(character) <= 32 or ord(character) > 126 for character in path + host):
            raise TapError("the address of the upload holds characters that it should not")
        connection = http.client.HTTPConnection(host, port, timeout=10)
        try:
            connection.sock = self._connect(parts.scheme, host, port)
            connection.request("GET", path, headers={"Accept-Encoding": "identity", "User-Agent": "vobroker"})
            response = connection.getresponse()
            if response.status in (301, 302, 303, 307, 308) and (moved := response.getheader("Location")):
                return moved
            if response.status != 200:
                raise TapError(f"the upload cannot be fetched: the server answers {response.status}")
            parts_read: list[bytes] = []
            size = 0
            while block := response.read(_BLOCK):
                parts_read.append(block)
                size += len(block)
                if size > most:
                    raise TapError(f"the upload has more than the {most} bytes that you may send", 413)
                if time.monotonic() > deadline:
                    raise TapError(f"the upload does not come within {SECONDS:g} s")
            return b"".join(parts_read)
        except (OSError, http.client.HTTPException) as error:
            raise TapError("the upload cannot be fetched: its server does not answer as it should") from error
        finally:
            connection.close()

    def _connect(self, scheme: str, host: str, port: int) -> socket.socket:
        """Connect to a host outside; the address that was looked at is the one that is used."""
        known = {host.lower(), f"{host.lower()}:{port}"} & self.inside
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise TapError("the upload cannot be fetched: there is no such host") from error
        for family, kind, protocol, _, place in found:
            if not known and not _outside(str(place[0])):
                continue
            plain = socket.socket(family, kind, protocol)
            plain.settimeout(10)
            try:
                plain.connect(place)
                if scheme == "http":
                    return plain
                return ssl.create_default_context().wrap_socket(plain, server_hostname=host)
            except OSError:
                plain.close()
                raise
        raise TapError("uploads are not fetched from there", 403)


def _outside(address: str) -> bool:
    """Whether an address is one of the open Internet."""
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None) or getattr(found, "sixtofour", None)
    return found.is_global and not found.is_multicast and (mapped is None or mapped.is_global)
