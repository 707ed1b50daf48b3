"""What is simulated: how many fields, objects and detections, and how often a field is seen."""

from __future__ import annotations

from dataclasses import dataclass

FOOTPRINT = 1.75
"""Radius of what a visit sees, degrees: 9.6 square degrees."""
OBJECTS, DETECTIONS = 300_000, 10_000
"""Objects in the footprint and detections of a visit, as DMTN-018 and its successors have them."""
SURVEY_VISITS = 2_750_000
"""Visits of the ten-year survey, as its sizing counts them: two exposures of 15 s each."""
SURVEY_AREA = 18_000.0
"""Square degrees of the main survey."""
AREA = 9.6
SURVEY_FIELDS = round(SURVEY_AREA / AREA)
YEAR = 365.25
HISTORY_DAYS = YEAR
"""How far back measurements are read."""
FORCED_DAYS = 30.0
"""Objects detected so long ago at most are measured without a detection (DMTN-113 does so for noise)."""
RADIUS = 1.5 / 3600
"""Largest distance of a detection from its object, degrees."""
DITHER = 0.35
"""Largest distance of a visit's centre from that of its field, degrees."""
MARGIN = 5 / 3600
"""What positions of a source, of its object now and at its birth differ by at most, degrees."""


@dataclass(frozen=True)
class Design:
    """The sky and the cadence.

    Parameters
    ----------
    fields
        Places that are visited in turn; they do not overlap.
    objects
        Objects in a footprint at the beginning.
    detections
        Detections of a visit.
    yearly
        Visits of a field in a year: 2.75 million visits over ten years and 1,875 fields are 147.
    variable
        Share of the objects that detections come from, each of them as likely in each visit.
    new
        Share of the detections that are at random places.
    seed
        Of everything random; a visit depends on the seed and its number only.
    """

    fields: int = 2
    objects: int = OBJECTS // 10
    detections: int = DETECTIONS // 10
    yearly: int = 150
    variable: float = 0.2
    new: float = 0.01
    seed: int = 1

    def __post_init__(self) -> None:
        for name in ("fields", "objects", "detections", "yearly"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name} counts from 1")
        if self.fields > 100:
            raise ValueError("--fields is at most 100")
        if self.detections > self.variable * self.objects / 2:
            raise ValueError(
                f"{self.detections:,} detections of {self.objects:,} objects: at most a tenth of the objects"
                " can be detected in a visit"
            )

    @property
    def full(self) -> int:
        """Visits until the history that is read no longer grows."""
        return round(self.fields * self.yearly * HISTORY_DAYS / YEAR)

    @property
    def scale(self) -> float:
        """Detections of a visit as a part of LSST's."""
        return self.detections / DETECTIONS
