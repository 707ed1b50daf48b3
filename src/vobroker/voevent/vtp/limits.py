"""What peers may do: how many, how much, how fast, from where."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from vobroker.voevent.vtp.errors import VTPError
from vobroker.voevent.xml import MAX_BYTES

LOOPBACK = ("127.0.0.0/8", "::1/128")
"""This machine."""

ANYWHERE = ("0.0.0.0/0", "::/0")
"""Every address."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a broker; none of its peers can use more.

    Attributes
    ----------
    event_bytes
        Longest event.
    authors, subscribers
        Connections at a time.
    per_address
        Connections at a time from one address, of each kind.
    rate
        Events per second from one address; those above it are read later. 0 for no limit.
    frame_seconds
        Time for a frame from its first byte to its last.
    idle_seconds
        Time that an author may be silent before its first event.
    linger_seconds
        Time that an author may be silent after an answer.
    pipelined, pipelined_bytes
        Events of one author that may wait for their answers, and size of all of them.
    memory_bytes
        Size of what all peers of a kind have sent and was not dealt with; above it nobody can begin a frame.
    alive_seconds
        Interval of ``iamalive``; a subscriber that has not answered two of them is let go.
    ack_seconds
        Time for the answer to an event.
    answer_seconds
        Time for the answer to ``authenticate``; after it who has not answered gets every event, or none
        where a token is needed.
    window
        Events that a subscriber may leave without an answer; it gets the next when it has answered.
    filters, filter_chars, filter_seconds
        Filters of a subscriber, length of each, and time that one may take for some events.
    recent_events, recent_bytes
        Newest events in memory; who is farther behind is served from the journal.
    close_seconds
        Time to take the last words before a connection is cut.
    """

    event_bytes: int = MAX_BYTES
    authors: int = 500
    subscribers: int = 500
    per_address: int = 200
    rate: float = 0
    frame_seconds: float = 20
    idle_seconds: float = 20
    linger_seconds: float = 1
    pipelined: int = 64
    pipelined_bytes: int = 2**22
    memory_bytes: int = 2**28
    alive_seconds: float = 60
    ack_seconds: float = 60
    answer_seconds: float = 10
    window: int = 256
    filters: int = 10
    filter_chars: int = 1000
    filter_seconds: float = 2
    recent_events: int = 4096
    recent_bytes: int = 2**25
    close_seconds: float = 2

    @property
    def sweep_seconds(self) -> float:
        """How often connections are looked at."""
        shortest = min(
            self.frame_seconds,
            self.idle_seconds,
            self.linger_seconds,
            self.alive_seconds,
            self.ack_seconds,
            self.answer_seconds,
            self.close_seconds,
        )
        return min(1.0, shortest / 4)


class Networks:
    """Addresses that may connect, as CIDR.

    Parameters
    ----------
    networks
        Such as ``192.0.2.0/24`` or ``2001:db8::/32``; a single address is a network of one.

    Raises
    ------
    VTPError
        If one is no network.
    """

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
        for text in networks:
            try:
                self._networks.append(ipaddress.ip_network(text.strip(), strict=False))
            except ValueError:
                raise VTPError(f"{text!r} is no network such as 192.0.2.0/24 or 2001:db8::/32") from None

    def __iter__(self) -> Iterator[str]:
        return iter(map(str, self._networks))

    def __contains__(self, host: object) -> bool:
        try:
            address = ipaddress.ip_address(str(host).partition("%")[0])
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        return any(address in network for network in self._networks)


class Rates:
    """How many events each address has sent lately: a bucket that fills by ``rate`` a second.

    Parameters
    ----------
    rate
        Events per second; one second's worth may come at once. 0 for no limit.
    clock
        Seconds that only grow.
    """

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        # When the bucket of an address will be full again; addresses whose buckets are full are not kept.
        self._full: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._full)

    def wait(self, host: str) -> float:
        """Count an event; give the seconds after which the next may come."""
        if not self._rate:
            return 0.0
        now = self._clock()
        full = self._full[host] = max(self._full.get(host, now), now) + 1 / self._rate
        return max(0.0, full - now - 1.0)

    def forget(self) -> None:
        """Forget the addresses that have been silent."""
        now = self._clock()
        for host in [host for host, full in self._full.items() if full <= now]:
            del self._full[host]
