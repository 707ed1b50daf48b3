"""What goes wrong for who listens."""

from __future__ import annotations


class StreamError(Exception):
    """A stream that cannot be followed, with the reason in one sentence."""
