"""The type of an event: what its author takes it for, as a concept of the Unified Astronomy Thesaurus.

The convention: one ``Why/Inference`` for each type, with the concept's URI in ``Concept``, its label in
``Name`` and, where the author can say it, a ``probability``. All of that is in the schema of version 2.0;
what changes is that the concept comes from one vocabulary, as in the examples of the draft of version 2.1. A
subscriber selects by it with ``//Why/Inference[Concept="http://astrothesaurus.org/uat/629"]``.

Numbers and preferred labels are those of the thesaurus itself (https://github.com/astrothesaurus/UAT: its
concepts, and release notes up to version 6.0.0 of December 2025). It has no concept for fast radio bursts
alone; "Radio transient sources" is the nearest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from vobroker.voevent.errors import VOEventError
from vobroker.voevent.model import Inference, VOEvent, Why

UAT = "http://astrothesaurus.org/uat/"
"""Concepts of the Unified Astronomy Thesaurus begin like this; the IVOA takes it over as a vocabulary."""


@dataclass(frozen=True, slots=True)
class EventType:
    """A type of event.

    ``name`` is short and for programs, ``label`` is the concept's preferred label. ``probability`` is None
    where the author says none.
    """

    name: str
    concept: str
    label: str
    probability: float | None = None


def _type(name: str, number: int, label: str) -> EventType:
    return EventType(name, f"{UAT}{number}", label)


TYPES = {
    one.name: one
    for one in (
        _type("transient", 1851, "Transient sources"),
        _type("supernova", 1668, "Supernovae"),
        _type("supernova-ia", 1728, "Type Ia supernovae"),
        _type("supernova-cc", 304, "Core-collapse supernovae"),
        _type("nova", 1127, "Novae"),
        _type("tde", 1696, "Tidal disruption"),
        _type("agn", 16, "Active galactic nuclei"),
        _type("cv", 203, "Cataclysmic variable stars"),
        _type("stellar-flare", 1603, "Stellar flares"),
        _type("variable-star", 1761, "Variable stars"),
        _type("microlensing", 672, "Gravitational microlensing"),
        _type("grb", 629, "Gamma-ray bursts"),
        _type("frb", 2008, "Radio transient sources"),
        _type("gw", 678, "Gravitational waves"),
        _type("neutrino", 1100, "Neutrino astronomy"),
        _type("solar-system", 1469, "Small Solar System bodies"),
        _type("asteroid", 72, "Asteroids"),
        _type("comet", 280, "Comets"),
        _type("near-earth-object", 1092, "Near-Earth objects"),
        _type("trans-neptunian-object", 1705, "Trans-Neptunian objects"),
        _type("solar-flare", 1496, "Solar flares"),
        _type("cme", 310, "Solar coronal mass ejections"),
    )
}
"""Types by their short names. Any other concept of the thesaurus may be used as well."""

_BY_CONCEPT = {one.concept: one for one in TYPES.values()}


def event_types(event: VOEvent) -> tuple[EventType, ...]:
    """Give the types of an event, the most probable first; those without a probability are certain.

    Concepts that are no URI of the thesaurus, as older packets have them, are given with the text as label
    and an empty ``concept``.
    """
    found = []
    for inference in event.why.inferences if event.why else ():
        if inference.relation not in (None, "", "identified"):
            continue  # something nearby, and not the event itself (section 3.6.6)
        for place, concept in enumerate(inference.concepts):
            found.append(_found(concept, inference.names[place : place + 1], inference.probability))
    found += [_found(concept, (), None) for concept in (event.why.concepts if event.why else ())]
    return tuple(sorted(found, key=lambda one: -1.0 if one.probability is None else -one.probability))


def with_type(event: VOEvent, name: str, probability: float | None = None) -> VOEvent:
    """Give an event with one more type.

    Parameters
    ----------
    event
        Any packet.
    name
        Short name, a key of :data:`TYPES`, or the URI of a concept.
    probability
        How sure the author is, 0 to 1.

    Raises
    ------
    VOEventError
        If there is no such type.
    """
    why = event.why or Why()
    return replace(event, why=replace(why, inferences=(*why.inferences, inference(name, probability))))


def inference(name: str, probability: float | None = None) -> Inference:
    """Give the Inference that says a type; see :func:`with_type`."""
    known = TYPES.get(name) or _BY_CONCEPT.get(name)
    if known is None and not name.startswith(UAT):
        raise VOEventError(
            f"there is no event type {name!r}; there are {', '.join(TYPES)} and concepts {UAT}…"
        )
    if known is None:
        return Inference(probability=probability, concepts=(name,))
    return Inference(probability=probability, names=(known.label,), concepts=(known.concept,))


def _found(text: str, names: tuple[str, ...], probability: float | None) -> EventType:
    concept = text.replace("https://", "http://", 1)
    if known := _BY_CONCEPT.get(concept):
        return replace(known, probability=probability)
    if concept.startswith(UAT):
        return EventType("", concept, "".join(names), probability)
    return EventType("", "", text, probability)
