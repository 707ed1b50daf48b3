"""What goes wrong with packets."""

from __future__ import annotations


class VOEventError(Exception):
    """A packet that cannot be read or written, with the reason and the place in one sentence."""
