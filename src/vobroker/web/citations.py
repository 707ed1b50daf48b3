"""The graph of citations as a picture: what was cited at the left, what cites it at the right."""

from __future__ import annotations

from urllib.parse import quote

from markupsafe import Markup

from vobroker.archive.citations import Graph, levels

_WIDTH, _HEIGHT, _ACROSS, _DOWN, _EDGE = 190, 46, 70, 18, 8
_LETTERS = 26


def svg(graph: Graph, here: str) -> Markup:
    """Draw events as boxes that lead to their pages, and citations as arrows.

    Parameters
    ----------
    graph
        What is drawn.
    here
        The event whose page this is.
    """
    places = _places(graph)
    right = max(x for x, _ in places.values()) + _WIDTH + _EDGE
    bottom = max(y for _, y in places.values()) + _HEIGHT + _EDGE
    arrows = Markup("").join(
        Markup(
            '<path class="cite cite-{}" d="{}" marker-end="url(#head)"><title>{} {} {}</title></path>'
        ).format(
            edge.cite or "none",
            _line(places[edge.ivorn], places[edge.cited]),
            edge.ivorn,
            edge.cite or "cites",
            edge.cited,
        )
        for edge in graph.citations
    )
    boxes = Markup("").join(_box(graph, name, place, here) for name, place in places.items())
    return Markup(
        '<svg class="citations" viewBox="0 0 {0} {1}" width="{0}" height="{1}" role="group"'
        ' aria-label="Graph of {2} events and {3} citations">'
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"'
        ' orient="auto-start-reverse"><path d="M0 0 8 4 0 8z"/></marker></defs>{4}{5}</svg>'
    ).format(right, bottom, len(graph.events), len(graph.citations), arrows, boxes)


def _places(graph: Graph) -> dict[str, tuple[int, int]]:
    level = levels(graph.events, graph.citations)
    filled: dict[int, int] = {}
    places = {}
    for name in graph.events:
        row = filled.get(level[name], 0)
        filled[level[name]] = row + 1
        places[name] = (_EDGE + level[name] * (_WIDTH + _ACROSS), _EDGE + row * (_HEIGHT + _DOWN))
    return places


def _line(citing: tuple[int, int], cited: tuple[int, int]) -> str:
    """Write a curve from the left of one box to the right of another."""
    x, y = citing[0], citing[1] + _HEIGHT / 2
    to_x, to_y = cited[0] + _WIDTH, cited[1] + _HEIGHT / 2
    bend = _ACROSS / 2
    return f"M{x} {y:g}C{x - bend:g} {y:g} {to_x + bend:g} {to_y:g} {to_x} {to_y:g}"


def _box(graph: Graph, name: str, place: tuple[int, int], here: str) -> Markup:
    event = graph.events[name]
    kind = "unknown" if event is None else "here" if name == here else event["kind"]
    x, y = place
    below = "not received" if event is None else f"{event['time']:%Y-%m-%d %H:%M}"
    box = Markup(
        '<rect x="{0}" y="{1}" width="{2}" height="{3}" rx="8"/><title>{4}</title>'
        '<text x="{5}" y="{6}">{7}</text><text class="below" x="{5}" y="{8}">{9}</text>'
    ).format(x, y, _WIDTH, _HEIGHT, name, x + 10, y + 19, _short(name), y + 36, below)
    if event is None or name == here:
        return Markup('<g class="cited cited-{}">{}</g>').format(kind, box)
    return Markup('<a class="cited cited-{}" href="/voevents/one?ivorn={}">{}</a>').format(
        kind, quote(name, safe=""), box
    )


def _short(ivorn: str) -> str:
    """Give what tells an event from others, in the space of a box."""
    name = ivorn.rpartition("#")[2] or ivorn
    return name if len(name) <= _LETTERS else f"…{name[1 - _LETTERS :]}"
