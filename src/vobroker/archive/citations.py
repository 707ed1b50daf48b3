"""What an event cites and what cites it, received events and the broker's own together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from vobroker.archive.archive import Archive

_AT_ONCE = 1000
"""Most citations that are looked at around the events of one step."""

MOST = 60
"""Most events of a graph: what is beyond can be reached from its edge."""

_CITES = """
    SELECT ivorn, cite, cited FROM (
        SELECT ivorn, cite, cited FROM voevent_citation
        UNION ALL SELECT ivorn, 'followup', cites FROM event WHERE cites IS NOT NULL
    ) AS told WHERE ivorn = ANY(CAST($1 AS VARCHAR[])) OR cited = ANY(CAST($1 AS VARCHAR[]))
    ORDER BY ivorn, cited, cite LIMIT $2
"""

_KNOWN = """
    SELECT ivorn, 'received' AS kind, coalesce(authored, received) AS time FROM voevent
    WHERE ivorn = ANY(CAST($1 AS VARCHAR[]))
    UNION ALL SELECT ivorn, 'sent', created FROM event WHERE ivorn = ANY(CAST($1 AS VARCHAR[]))
"""


@dataclass(frozen=True, slots=True)
class Citation:
    """One event cites another, as ``followup``, ``supersedes`` or ``retraction``."""

    ivorn: str
    cite: str | None
    cited: str


@dataclass(frozen=True, slots=True)
class Graph:
    """Events that are joined by citations.

    Attributes
    ----------
    events
        ``kind`` (received or sent) and ``time`` of each event, by ivorn; None of those that were only cited.
    citations
        Who cites whom.
    cut
        Whether there are more events than were taken.
    """

    events: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    citations: tuple[Citation, ...] = ()
    cut: bool = False


def graph(archive: Archive, ivorn: str, most: int = MOST) -> Graph:
    """Give the events around one, the nearest first; loops do no harm.

    Parameters
    ----------
    archive
        The archive.
    ivorn
        The event in the middle.
    most
        Most events to take.
    """
    found: dict[str, None] = {ivorn: None}
    edges: dict[Citation, None] = {}
    fresh, cut = [ivorn], False
    while fresh:
        near: dict[str, None] = {}
        rows = archive.query(_CITES, [fresh, _AT_ONCE]).to_pylist()
        cut = cut or len(rows) == _AT_ONCE
        for row in rows:
            edges[Citation(**row)] = None
            near |= dict.fromkeys(end for end in (row["ivorn"], row["cited"]) if end not in found)
        room = most - len(found)
        fresh, cut = list(near)[:room], cut or len(near) > room
        found |= dict.fromkeys(fresh)
    known = {row["ivorn"]: row for row in archive.query(_KNOWN, [list(found)]).to_pylist()}
    inside = tuple(edge for edge in edges if edge.ivorn in found and edge.cited in found)
    return Graph({name: known.get(name) for name in found}, inside, cut)


def levels(events: Iterable[str], citations: Iterable[Citation]) -> dict[str, int]:
    """Give each event a place in time as citations have it: 0 cites none, others stand behind what they cite.

    Where citations go round in a circle each is counted once.
    """
    cited: dict[str, list[str]] = {name: [] for name in events}
    for citation in citations:
        cited[citation.ivorn].append(citation.cited)
    found: dict[str, int] = {}
    for start in cited:
        path: list[str] = [] if start in found else [start]
        inside = {start}
        while path:
            name = path[-1]
            waiting = [other for other in cited[name] if other not in found and other not in inside]
            if waiting:
                path.append(waiting[0])
                inside.add(waiting[0])
                continue
            path.pop()
            inside.discard(name)
            found[name] = 1 + max((found[other] for other in cited[name] if other in found), default=-1)
    return found
