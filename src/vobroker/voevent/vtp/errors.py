"""What goes wrong with peers."""

from __future__ import annotations

from vobroker.voevent.errors import VOEventError


class VTPError(VOEventError):
    """A peer, a message or a setting that cannot be used, with the reason in one sentence."""


class Refused(VTPError):  # noqa: N818
    """An event that a broker does not take; the sentence is what its author is told."""
