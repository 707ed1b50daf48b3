"""What a TAP service really does: measured politely, within hard bounds, against what it announces.

A probe asks some ten requests, one after the other with a pause between, says who it is, and takes neither
more time, more bytes nor more redirections than :class:`Bounds` allow. What comes is not trusted: it may
never end, be compressed a thousandfold, or be something else than it says.
"""

from __future__ import annotations

import asyncio
import datetime
import time
import zlib
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

from vobroker.platforms.answers import Capabilities, Rows, count_rows, read_availability, read_capabilities
from vobroker.platforms.errors import PlatformError

AGENT = "vobroker-probe (a few requests, to compare science platforms)"

QUERY = "SELECT TOP {top} * FROM tap_schema.columns"
"""What every TAP service can answer (TAP 1.1, section 4)."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a probe takes at most.

    Attributes
    ----------
    seconds
        Time of one request, all of it.
    bytes
        Size of one answer, before and after decompression.
    redirects
        Redirections that are followed.
    pause
        Seconds between two requests.
    times
        Requests from which the latency is told.
    rows
        Rows of the query.
    """

    seconds: float = 20.0
    bytes: int = 4 * 2**20
    redirects: int = 4
    pause: float = 0.5
    times: int = 5
    rows: int = 2_000


@dataclass
class Report:
    """What was found of one service; None for what could not be, with the reason among ``problems``.

    Attributes
    ----------
    url, time
        The service, and when it was asked, UTC.
    available, note
        What it says of itself (VOSI 1.1, section 2.2).
    p50, p95
        Time of a short request, seconds.
    rows, bytes, seconds
        The bounded query: what came, and in which time.
    rows_per_second, bytes_per_second
        Its rates, from the request to the last byte.
    announced
        Limits of the capabilities: default and hard ones.
    met
        For each limit that was tried: what was asked, and what came.
    identity
        How one may say who one is; ``anonymous`` is nobody.
    problems
        What did not work, in words.
    requests, received
        What the probe itself took.
    """

    url: str
    time: str
    available: bool | None = None
    note: str = ""
    p50: float | None = None
    p95: float | None = None
    rows: int | None = None
    bytes: int | None = None
    seconds: float | None = None
    rows_per_second: float | None = None
    bytes_per_second: float | None = None
    announced: dict[str, int] = field(default_factory=dict)
    met: dict[str, str] = field(default_factory=dict)
    identity: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    requests: int = 0
    received: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Give it for JSON."""
        return asdict(self)


class ProbeError(PlatformError):
    """A request that did not work, with the reason in a few words."""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: httpx.Headers
    content: bytes
    seconds: float
    wire: int
    """Bytes that came over the network."""


def probe(url: str, bounds: Bounds | None = None) -> Report:
    """Measure a TAP service.

    Parameters
    ----------
    url
        Its address, to which ``/sync`` and ``/capabilities`` are added.
    bounds
        What may be taken.

    Raises
    ------
    PlatformError
        If the address cannot be one.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise PlatformError(f"{url[:200]!r} is no address of a service: it begins with http:// or https://")
    return asyncio.run(_probe(url.rstrip("/"), bounds or Bounds()))


async def _probe(url: str, bounds: Bounds) -> Report:
    report = Report(url, datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    limits = httpx.Limits(max_connections=1)
    headers = {"User-Agent": AGENT, "Accept-Encoding": "identity"}
    async with httpx.AsyncClient(headers=headers, limits=limits, timeout=bounds.seconds) as client:
        asking = _Asking(client, bounds, report)
        try:
            await _look(asking, report)
        except ProbeError as error:
            report.problems.append(str(error))
    return report


async def _look(asking: _Asking, report: Report) -> None:
    """Ask one thing after the other; who does not answer at all is not asked on."""
    bounds = asking.bounds
    answered = False
    async with asking.noting("availability"):
        answer = await asking.get("availability")
        answered = True
        report.available, report.note = read_availability(answer.content)
    capabilities = Capabilities()
    async with asking.noting("capabilities"):
        answer = await asking.get("capabilities")
        answered = True
        capabilities = read_capabilities(answer.content)
        report.announced = dict(capabilities.limits)
        report.identity = list(capabilities.security)
    if not answered:
        raise ProbeError("it was asked no more")
    async with asking.noting("latency"):
        times = [(await asking.get("availability")).seconds for _ in range(bounds.times)]
        report.p50, report.p95 = _percentile(times, 50), _percentile(times, 95)
    async with asking.noting("query"):
        answer, rows = await asking.query(bounds.rows)
        report.rows, report.bytes, report.seconds = rows.number, answer.wire, answer.seconds
        report.rows_per_second = rows.number / answer.seconds
        report.bytes_per_second = answer.wire / answer.seconds
    await _limits(asking, report)


async def _limits(asking: _Asking, report: Report) -> None:
    """Ask for more than allowed, where that is not much: limits announced against limits met."""
    async with asking.noting("MAXREC"):
        _, rows = await asking.query(20, MAXREC="5")
        told = "told" if rows.overflow else "not told"
        report.met["MAXREC=5 of 20 rows"] = f"{rows.number} rows, and that there are more is {told}"
        if rows.number > 5:
            report.problems.append(f"MAXREC: {rows.number} rows came where 5 were asked for")
    default = report.announced.get("outputLimit.default")
    if default is None:
        report.met["default rows"] = "none announced"
    elif default >= asking.bounds.rows:
        report.met["default rows"] = f"{default} announced, not tried: a probe takes {asking.bounds.rows}"
    else:
        async with asking.noting("default rows"):
            _, rows = await asking.query(default + 10)
            more = ", and that there are more is told" if rows.overflow else ""
            report.met["default rows"] = f"{default} announced, {rows.number} came{more}"
            if rows.number > default:
                report.problems.append(f"rows: {rows.number} came, more than the default limit of {default}")


class _Asking:
    """Sends requests within the bounds."""

    def __init__(self, client: httpx.AsyncClient, bounds: Bounds, report: Report) -> None:
        self.client = client
        self.bounds = bounds
        self.report = report

    def noting(self, what: str) -> _Noting:
        """Note what does not work in a block, and go on after it."""
        return _Noting(self.report, what)

    async def query(self, top: int, **parameters: str) -> tuple[_Answer, Rows]:
        """Run the query, and count the rows that come."""
        asked = {"REQUEST": "doQuery", "LANG": "ADQL", "QUERY": QUERY.format(top=top)}
        form = {"FORMAT": "application/x-votable+xml;serialization=TABLEDATA"}
        answer = await self.get("sync", asked | form | parameters)
        return answer, count_rows(answer.content)

    async def get(self, path: str, parameters: dict[str, str] | None = None) -> _Answer:
        """Get what is at an address below the service."""
        if self.report.requests:
            await asyncio.sleep(self.bounds.pause)
        try:
            url = httpx.URL(f"{self.report.url}/{path}", params=parameters)
            async with asyncio.timeout(self.bounds.seconds):
                answer = await self._follow(url)
        except TimeoutError:
            raise ProbeError(f"no answer within {self.bounds.seconds:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            reason = " ".join(str(error).split())[:120]
            raise ProbeError(f"{type(error).__name__}{': ' * bool(reason)}{reason}") from None
        if answer.status in (401, 403):
            challenge = answer.headers.get("www-authenticate", "")[:120]
            raise ProbeError(f"it asks who one is ({answer.status}{' ' * bool(challenge)}{challenge})")
        if answer.status >= 400:
            raise ProbeError(f"it answers {answer.status}")
        return answer

    async def _follow(self, url: httpx.URL) -> _Answer:
        start = time.perf_counter()
        for _ in range(self.bounds.redirects + 1):
            self.report.requests += 1
            async with self.client.stream("GET", url) as response:
                moved = response.headers.get("location")
                if response.is_redirect and moved:
                    url = httpx.URL(urljoin(str(url), moved))
                    if url.scheme not in ("http", "https"):
                        raise ProbeError(f"it leads to {url.scheme[:20]!r}")
                    continue
                content, wire = await self._body(response)
                taken = time.perf_counter() - start
                return _Answer(response.status_code, response.headers, content, taken, wire)
        raise ProbeError(f"it redirects more than {self.bounds.redirects} times")

    async def _body(self, response: httpx.Response) -> tuple[bytes, int]:
        """Read an answer, and never more than allowed, compressed or not."""
        coding = response.headers.get("content-encoding", "identity").lower()
        if coding not in ("identity", "gzip", "x-gzip", "deflate"):
            raise ProbeError(f"it answers in a coding that was not asked for, {coding[:20]!r}")
        inflate = None if coding == "identity" else zlib.decompressobj(wbits=47)
        content, wire = bytearray(), 0
        async for part in response.aiter_raw():
            wire += len(part)
            self.report.received += len(part)
            room = self.bounds.bytes - len(content) + 1
            try:
                content += part if inflate is None else inflate.decompress(part, room)
            except zlib.error:
                raise ProbeError("it says that its answer is compressed, and it is not") from None
            if max(len(content), wire) > self.bounds.bytes:
                packed = " when it is decompressed" if inflate else ""
                raise ProbeError(f"the answer is larger than {self.bounds.bytes} bytes{packed}")
        return bytes(content), wire


class _Noting:
    def __init__(self, report: Report, what: str) -> None:
        self.report, self.what = report, what

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> bool:
        if isinstance(error, PlatformError):
            self.report.problems.append(f"{self.what}: {error}")
            return True
        return False


def _percentile(times: list[float], percent: float) -> float:
    """Give a percentile, linear between two measurements."""
    ordered = sorted(times)
    place = (len(ordered) - 1) * percent / 100
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
