"""What the corpus says, as plain data: groups of queries and what is known of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

VERSIONS = ("2.0", "2.1")
"""Versions of the language that a verdict can be of."""

LEVELS = ("syntax", "functions")
"""What it takes to give a verdict: the text alone, or also the list of declared functions."""


class CorpusError(Exception):
    """A corpus, or an implementation, that cannot be used; with the thing and the place in one sentence."""


@dataclass(frozen=True, slots=True)
class Party:
    """A person or an institute."""

    name: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Declaration:
    """A user-defined function that a query may call, in the notation of TAPRegExt."""

    form: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Contested:
    """Where sources disagree about a query.

    Attributes
    ----------
    labels
        What each source says, ``valid`` or ``invalid``.
    section
        The section of the standard that decides.
    reason
        What it says there.
    """

    labels: Mapping[str, str]
    section: str
    reason: str


@dataclass(frozen=True, slots=True)
class Query:
    """One query of the corpus.

    Attributes
    ----------
    id
        Unique in its group.
    text
        The query itself.
    verdicts
        For each version of the language that is spoken of, whether the text is a query of it.
    level
        What it takes to see that; one of :data:`LEVELS`.
    features
        What it uses or tries to use, named as in :data:`vobroker.adql.features.FEATURES`.
    productions
        Rules of the grammar in the standard's appendix A that it is about.
    section
        Section of the standard that it is about.
    provenance
        Where it comes from.
    description
        What it shows.
    functions
        User-defined functions that it may call besides those of its group.
    extension
        Name of the dialect in which an invalid query is a good one.
    contested
        Where sources disagree.
    """

    id: str
    text: str
    verdicts: Mapping[str, bool]
    level: str = "syntax"
    features: tuple[str, ...] = ()
    productions: tuple[str, ...] = ()
    section: str = ""
    provenance: str = ""
    description: str = ""
    functions: tuple[Declaration, ...] = ()
    extension: str = ""
    contested: Contested | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Queries kept in one file.

    Attributes
    ----------
    name
        Path of the file in the corpus, without its ending.
    functions
        User-defined functions that all its queries may call.
    """

    name: str
    title: str = ""
    description: str = ""
    licence: str = ""
    contact: Party | None = None
    publisher: Party | None = None
    functions: tuple[Declaration, ...] = ()
    queries: tuple[Query, ...] = field(default=())
