"""What is known of anything that alerts are enriched with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of anything in a store.

    Attributes
    ----------
    name, kind
        Its name, and what it is.
    description
        One sentence.
    source
        The file or the service it came from.
    added
        When, ISO 8601 in UTC.
    version
        Of the form in which it is kept.
    """

    name: str
    kind: str
    description: str
    source: str
    added: str
    version: int = 1

    @property
    def table(self) -> str:
        """Name of its table."""
        return f"{self.kind}_{self.name}"
