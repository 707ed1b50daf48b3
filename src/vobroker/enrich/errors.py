"""What is wrong with a catalogue, a region or a sky map, in one sentence for who gave it."""

from __future__ import annotations


class EnrichError(Exception):
    """Something that cannot be used; the message names the file, and the column or row where there is one."""
