"""Is it an event that can be passed on? What a broker looks at, and what it says where not."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from lxml import etree

from vobroker.voevent import validate
from vobroker.voevent.checks import ERROR
from vobroker.voevent.errors import VOEventError
from vobroker.voevent.read import local_name, version_of
from vobroker.voevent.vtp.errors import Refused
from vobroker.voevent.vtp.schema import follows
from vobroker.voevent.xml import SPACE, parse

MAX_IVORN = 1000
"""Characters of an identifier."""

MAX_AHEAD = 300.0
"""Seconds by which the date of an event may be ahead of the broker's clock without a remark."""

# Identifier of an event: authority, stream, and its own part behind the # (VOEvent 2.0, section 3.1.1).
_IVORN = re.compile(r"ivo://[A-Za-z0-9][\w.~*'()!+=-]{2,}(/[\w.~*'()!+=/-]*)?#[!-~]+", re.ASCII)
_SHOWN = 3  # findings that an author is told


@dataclass(frozen=True, slots=True)
class Event:
    """An event that can be passed on.

    Attributes
    ----------
    ivorn
        Its identifier.
    content
        The packet as it came.
    digest
        SHA-256 of the packet.
    remark
        What its author should know although it is taken; empty where there is nothing.
    """

    ivorn: str
    content: bytes
    digest: bytes
    remark: str = ""


def examine(content: bytes, *, strict: bool = True, now: datetime | None = None) -> Event:
    """Examine a packet.

    Parameters
    ----------
    content
        The packet.
    strict
        Whether it must be valid; else it must be a VOEvent and have its identifier.
    now
        The time that its date is held against.

    Raises
    ------
    Refused
        With everything that is wrong, or the first of it.
    """
    try:
        root = parse(content)
        return examined(content, root, strict=strict, now=now)
    except Refused:
        raise
    except VOEventError as error:
        raise Refused(str(error)) from error


def examined(
    content: bytes, root: etree._Element, *, strict: bool = True, now: datetime | None = None
) -> Event:
    """Examine a packet that is parsed; see :func:`examine`."""
    version_of(root)
    ivorn = root.get("ivorn", "")
    if not _IVORN.fullmatch(ivorn) or len(ivorn) > MAX_IVORN:
        raise Refused(
            f"the ivorn {ivorn[:200]!r} does not name an event, as ivo://authority/stream#event does"
        )
    if strict and not follows(root):
        findings = [finding for finding in validate(content) if finding.severity == ERROR]
        if findings:
            more = f"; and {len(findings) - _SHOWN} more" if len(findings) > _SHOWN else ""
            told = "; ".join(map(str, findings[:_SHOWN]))
            raise Refused(f"the packet is not valid: {told}{more}")
    return Event(ivorn, content, hashlib.sha256(content).digest(), _remark(root, now))


def _remark(root: etree._Element, now: datetime | None) -> str:
    """Say so where the clock of the author is ahead."""
    who = next((child for child in root if local_name(child) == "Who"), None)
    date = None if who is None else next((child for child in who if local_name(child) == "Date"), None)
    text = "" if date is None else (date.text or "").strip(SPACE)
    try:
        written = datetime.fromisoformat(text)
    except ValueError:
        return ""
    written = written if written.tzinfo else written.replace(tzinfo=UTC)
    ahead = (written - (now or datetime.now(UTC))).total_seconds()
    if ahead <= MAX_AHEAD:
        return ""
    return f"taken, but its Date {text} is {ahead:.0f} seconds ahead of the broker's clock"
