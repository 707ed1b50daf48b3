"""Each dialect tried on series: where it puts what is known of them, and whether the numbers come back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from vobroker.timeseries import documents
from vobroker.timeseries.aspects import ASPECTS
from vobroker.timeseries.compare import Agreement, compare
from vobroker.timeseries.dialects import DIALECTS, Dialect, borrows
from vobroker.timeseries.dialects.votable_bands import by_band
from vobroker.timeseries.errors import TimeSeriesError
from vobroker.timeseries.series import Document, Series, Statement, banded


@dataclass
class Trial:
    """What came of writing series in a dialect and reading them back.

    Parameters
    ----------
    places
        Where the document has an aspect, by the aspect's key.
    written
        How many series the dialect took, whole or a band of them.
    refused
        Why it did not take the others.
    agreements
        How the numbers that were read back compare with those that were written; none where the dialect only
        describes series.
    """

    dialect: Dialect
    places: dict[str, Statement] = field(default_factory=dict)
    written: int = 0
    refused: list[str] = field(default_factory=list)
    agreements: list[Agreement] = field(default_factory=list)

    def holds(self, aspect: str) -> str:
        """Tell whether the dialect holds an aspect: ``yes``, ``beside`` the annotation, or ``no``."""
        if aspect in self.dialect.LACKS:
            return "no"
        return "beside" if aspect in borrows(self.dialect) else "yes"


def trials(series: Sequence[Series]) -> list[Trial]:
    """Try every dialect on every series."""
    return [_trial(dialect, series) for dialect in DIALECTS.values()]


def _trial(dialect: Dialect, series: Sequence[Series]) -> Trial:
    found = Trial(dialect)
    for whole in series:
        written = _written(dialect, whole, found)
        if written is None:
            continue
        one, content = written
        found.written += 1
        document = documents.read(content, dialect.NAME)
        back = document.series[0]
        for aspect in ASPECTS:
            said = [place for key in aspect.values(back) for place in back.statements.get(key, ())]
            if said:
                found.places.setdefault(aspect.key, said[0])
        if "time" in back.roles:
            pair = {"written": Document((one,)), "read": Document((_in_frame(back, one),))}
            found.agreements += compare(pair).numbers[0].agreements
    return found


def _written(dialect: Dialect, whole: Series, found: Trial) -> tuple[Series, bytes] | None:
    """Write a series, or the first of its bands where the dialect holds one only."""
    reasons = []
    for one in (whole, *(by_band(banded(whole))[:1] if len(whole.bands) > 1 else ())):
        try:
            return one, dialect.write([one])
        except TimeSeriesError as error:
            reasons.append(str(error))
    found.refused.append(reasons[-1])
    return None


def _in_frame(back: Series, one: Series) -> Series:
    """Give what was read the frame of what was written, where the dialect has no place for it."""
    frame, said = one.time, back.time
    return documents.assume(
        back,
        scale="" if said.scale else frame.scale,
        origin=frame.origin if said.origin is None else None,
        position="" if said.position else frame.position,
    )
