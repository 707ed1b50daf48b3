"""What the archive says when it cannot do as asked."""

from __future__ import annotations


class ArchiveError(Exception):
    """The archive cannot be opened, read or written; the sentence says which and why."""


class QueryStopped(ArchiveError):  # noqa: N818 -- not a fault: somebody's limit was reached
    """A query was stopped at its time limit."""


class Collision(ArchiveError):  # noqa: N818 -- not a fault: two did the same at once
    """Another process has changed the same at the same time; the same transaction again will do."""
