"""How light curves look: colours and markers of the bands, on a light and on a dark ground."""

from __future__ import annotations

from dataclasses import dataclass

MARKERS = {"u": "^", "g": "o", "r": "s", "i": "D", "z": "P", "y": "p"}
"""Marker of each band, so that no band is told by its colour alone; ``v`` is kept for upper limits."""

OTHER_MARKER = "h"

LIKE = {"G": "g", "BP": "u", "RP": "r", "zg": "g", "zr": "r", "zi": "i"}
"""Bands of Gaia and ZTF that look like one of Rubin's."""


@dataclass(frozen=True)
class Style:
    """Colours of one ground; those of the bands are Rubin's, which all eyes can tell apart (RTN-045)."""

    bands: dict[str, str]
    ink: str
    faint: str
    ground: str

    def colour(self, band: str | None) -> str:
        """Colour of a band; bands that the palette does not know are in ink."""
        return self.bands.get(band or "", self.ink)


LIGHT = Style(
    bands={"u": "#1600ea", "g": "#31de1f", "r": "#b52626", "i": "#370201", "z": "#ba52ff", "y": "#61a2b3"},
    ink="#1a1a1a",
    faint="#d9d9d9",
    ground="#ffffff",
)

DARK = Style(
    bands={"u": "#3eb7ff", "g": "#30c39f", "r": "#ff7e00", "i": "#2af5ff", "z": "#a7f9c1", "y": "#fdc900"},
    ink="#e6e6e6",
    faint="#4a4f57",
    ground="none",
)
