"""Transport messages, version 1.1: what peers tell each other besides events.

Origin says whose turn it was: of ``iamalive`` and ``authenticate`` the sender, or what is answered; of
``ack`` and ``nak`` the identifier of the event. Response is who answers.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from vobroker.voevent.errors import VOEventError
from vobroker.voevent.vtp.errors import VTPError
from vobroker.voevent.xml import SPACE, parse

NAMESPACE = "http://www.telescope-networks.org/xml/Transport/v1.1"
"""XML namespace of the standard."""

KNOWN = (
    NAMESPACE,
    "http://www.telescope-networks.org/schema/Transport/v1.1",
    "http://telescope-networks.org/schema/Transport/v1.1",
    "http://www.telescope-networks.org/xml/Transport/v0.1",
)
"""Namespaces that peers are known to use."""

ROLES = ("iamalive", "authenticate", "ack", "nak")
"""What a message may be."""

XPATH = "xpath-filter"
"""Param of ``authenticate`` with an XPath expression, as Comet has it."""

MAX_BYTES = 2**16
"""Longest message."""

MAX_RESULT = 2000
"""Characters of a reason that are sent."""

_NO_CHARACTER = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_HEAD = f'<?xml version="1.0" encoding="UTF-8"?>\n<trn:Transport xmlns:trn="{NAMESPACE}" version="1.0"'


@dataclass(frozen=True, slots=True)
class Message:
    """A transport message.

    Attributes
    ----------
    role
        One of :data:`ROLES`.
    origin
        Identifier of the sender or of what is answered; of an event in ``ack`` and ``nak``.
    response
        Identifier of who answers.
    time
        When it was written, ISO 8601 in UTC; empty for now.
    params
        Names and values of ``Meta``.
    result
        Reason of a ``nak``, or what there is to say of an ``ack``.
    """

    role: str
    origin: str
    response: str | None = None
    time: str = ""
    params: tuple[tuple[str, str], ...] = ()
    result: str | None = None

    def values(self, name: str) -> list[str]:
        """Give the values of all Params of a name."""
        return [value for known, value in self.params if known == name]

    def value(self, name: str) -> str | None:
        """Give the value of the first Param of a name."""
        return next(iter(self.values(name)), None)

    def write(self) -> bytes:
        """Write the message as XML."""
        parts = [f"{_HEAD} role={quoteattr(self.role)}><Origin>{_text(self.origin)}</Origin>"]
        if self.response is not None:
            parts.append(f"<Response>{_text(self.response)}</Response>")
        parts.append(f"<TimeStamp>{_text(self.time) if self.time else now()}</TimeStamp>")
        if self.params or self.result is not None:
            parts.append("<Meta>")
            parts += (f"<Param name={_quoted(name)} value={_quoted(value)}/>" for name, value in self.params)
            if self.result is not None:
                parts.append(f"<Result>{_text(self.result[:MAX_RESULT])}</Result>")
            parts.append("</Meta>")
        parts.append("</trn:Transport>")
        return "".join(parts).encode()


def now() -> str:
    """Give the time as messages have it."""
    return iso(time.time())


def iso(seconds: float) -> str:
    """Write a time, given in seconds since 1970, to the second and in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def read(document: bytes) -> Message:
    """Read a message.

    Raises
    ------
    VTPError
        If it is no transport message, with the reason.
    """
    try:
        return of(parse(document))
    except VTPError:
        raise
    except VOEventError as error:
        raise VTPError(str(error).replace("the packet", "the message", 1)) from error


def of(root: etree._Element) -> Message:
    """Read a message that is parsed.

    Raises
    ------
    VTPError
        If it is no transport message, with the reason.
    """
    name = etree.QName(root)
    if name.localname != "Transport":
        raise VTPError(f"the message is a <{name.localname}>, not a <Transport>")
    if name.namespace not in KNOWN:
        there = name.namespace or "of nothing"
        raise VTPError(f"the message is in the namespace {there}, not in {NAMESPACE}")
    role = root.get("role", "")
    if role not in ROLES:
        raise VTPError(f"the message has the role {role!r}; it must be one of {', '.join(ROLES)}")
    found: dict[str, str] = {}
    params: list[tuple[str, str]] = []
    result = None
    for child in root:
        local = _local(child)
        if local in ("Origin", "Response", "TimeStamp"):
            found.setdefault(local, (child.text or "").strip(SPACE))
        elif local == "Meta":
            for one in child:
                match _local(one), one.get("type"):
                    case "Param", _:
                        params.append((one.get("name", ""), one.get("value", "")))
                    case "filter", "xpath":  # before filters were Params
                        params.append((XPATH, one.text or ""))
                    case "Result", _:
                        result = (one.text or "").strip(SPACE)
    if "Origin" not in found:
        raise VTPError("the message has no <Origin>")
    return Message(
        role, found["Origin"], found.get("Response"), found.get("TimeStamp", ""), tuple(params), result
    )


def skew(message: Message, clock: float | None = None) -> float | None:
    """Give by how many seconds a message's clock is ahead of ours; None where it has no time."""
    try:
        said = datetime.fromisoformat(message.time)
    except ValueError:
        return None
    said = said if said.tzinfo else said.replace(tzinfo=UTC)
    return said.timestamp() - (time.time() if clock is None else clock)


class Acks:
    """Reads the acks of one peer, of which all but the identifier and the time is always the same.

    What stands before the first Origin is remembered from an ack that was parsed. A message that begins with
    the same bytes and goes on as the pattern says is the same document with other texts, and needs no parser.
    """

    __slots__ = ("_head", "_rest")

    _ORIGIN = b"<Origin>"
    _REST = (
        rb"[ \t\r\n]*([!-%%'-;=-~]*)[ \t\r\n]*</Origin>\s*(?:<Response>[^<&]*</Response>\s*)?"
        rb"<TimeStamp>[^<&]*</TimeStamp>\s*</%sTransport>\s*"
    )

    def __init__(self) -> None:
        self._head = b""
        self._rest: re.Pattern[bytes] | None = None

    def origin(self, document: bytes) -> bytes | None:
        """Give the identifier that is acknowledged; None for what must be parsed."""
        head = self._head
        if self._rest is None or not document.startswith(head):
            return None
        found = self._rest.fullmatch(document, len(head))
        return found[1] if found else None

    def learn(self, document: bytes, message: Message) -> None:
        """Remember how the peer writes, from a message that was parsed."""
        head, mark, rest = document.partition(self._ORIGIN)
        end = re.search(rb"</([\w.-]+:)?Transport>\s*\Z", rest)
        if message.role != "ack" or message.params or message.result or not mark or not end:
            return
        pattern = re.compile(self._REST % re.escape(end[1] or b""))
        found = pattern.fullmatch(rest)
        # A head that is ASCII means the same in every encoding that the rest can be read in.
        if found and head.isascii() and found[1] == message.origin.encode() and b"\0" not in head:
            self._head, self._rest = head + mark, pattern


def _local(node: etree._Element) -> str:
    return etree.QName(node).localname


def _text(value: str) -> str:
    return escape(_NO_CHARACTER.sub("\ufffd", value))


def _quoted(value: str) -> str:
    return quoteattr(_NO_CHARACTER.sub("\ufffd", value), {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})
