"""Packets about earlier packets: what is withdrawn, and what takes its place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

from vobroker.voevent.errors import VOEventError
from vobroker.voevent.model import Citations, EventIVORN, VOEvent, Who


def retraction(event: VOEvent, reason: str, *, date: datetime) -> VOEvent:
    """Make the packet that withdraws an event.

    Its identifier is that of the event and ``/retraction``: who withdraws twice says the same again.

    Parameters
    ----------
    event
        What is withdrawn.
    reason
        Why, for people; the standard asks for it (section 3.7.1).
    date
        When, UTC.
    """
    if not reason.strip():
        raise VOEventError(f"{event.ivorn} is not retracted without a reason")
    return VOEvent(
        ivorn=f"{event.ivorn}/retraction",
        role=event.role,
        version=event.version,
        who=_who(event, date),
        citations=Citations((EventIVORN(event.ivorn, "retraction"),), reason),
    )


def superseding(event: VOEvent, earlier: str, reason: str, *, revision: str | None = None) -> VOEvent:
    """Give an event that takes the place of an earlier one about the same.

    Parameters
    ----------
    event
        The new packet, whole: nothing of the earlier one counts any more.
    earlier
        Identifier of the packet that is superseded.
    reason
        Why, for people.
    revision
        What tells the two apart, such as the version of the filter; the event's identifier becomes the
        earlier one's and ``/<revision>``. Left out where the event has an identifier of its own.

    Raises
    ------
    VOEventError
        If the event would supersede itself.
    """
    ivorn = f"{earlier}/{revision}" if revision else event.ivorn
    if ivorn == earlier:
        raise VOEventError(f"{earlier} cannot supersede itself; give a revision")
    known = event.citations or Citations()
    others = tuple(one for one in known.events if one.ivorn != earlier)
    texts = [text for text in (reason, known.description) if text]
    events = (EventIVORN(earlier, "supersedes"), *others)
    return replace(event, ivorn=ivorn, citations=replace(known, events=events, description=" ".join(texts)))


def in_force(events: Iterable[VOEvent]) -> tuple[VOEvent, ...]:
    """Give the events that none of the others supersedes or retracts, without the retractions themselves."""
    everything = tuple(events)
    cited = [one for event in everything if event.citations for one in event.citations.events]
    gone = {one.ivorn for one in cited if one.cite in ("supersedes", "retraction")}
    return tuple(event for event in everything if event.ivorn not in gone and not _retracts(event))


def _retracts(event: VOEvent) -> bool:
    return event.citations is not None and any(one.cite == "retraction" for one in event.citations.events)


def _who(event: VOEvent, date: datetime) -> Who:
    text = date.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds")
    return replace(event.who, date=text) if event.who else Who(date=text)
