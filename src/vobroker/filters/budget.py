"""What a filter may cost, and how one stands that has failed."""

from __future__ import annotations

from dataclasses import dataclass, field

from vobroker.filters.compile import Filter

PAUSE = 100
"""Batches for which a filter is left out after it has been too slow too often."""

TOO_OFTEN = 3
"""Batches in a row on which a filter may be too slow."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What one filter may cost on one batch; a filter that takes more fails on that batch.

    Attributes
    ----------
    seconds
        Time, when it is run alone.
    rows
        Alerts that may pass; None for any number.
    nbytes
        Size of what it selects of them.
    """

    seconds: float = 2.0
    rows: int | None = None
    nbytes: int = 256_000_000

    def broken_by(self, rows: int, nbytes: int) -> str | None:
        """Say how a result is beyond the budget."""
        if self.rows is not None and rows > self.rows:
            return f"let {rows:,} alerts of a batch pass, more than its budget of {self.rows:,}"
        if nbytes > self.nbytes:
            return f"selected {nbytes:,} bytes of a batch, more than its budget of {self.nbytes:,}"
        return None


@dataclass(slots=True)
class _Trouble:
    slow: int = 0
    paused: int = 0


@dataclass(slots=True)
class Standing:
    """Which filters have failed, so that they run apart from the others and delay none.

    A filter that failed on a batch is run alone, after the others, until it succeeds. One that was too slow
    on :data:`TOO_OFTEN` batches in a row is left out of the next :data:`PAUSE`, where it counts as failed.
    """

    _troubles: dict[tuple[str, str], _Trouble] = field(default_factory=dict)

    def apart(self, filter_: Filter) -> bool:
        """Whether a filter is to be run alone."""
        return _key(filter_) in self._troubles

    def paused(self, filter_: Filter) -> str | None:
        """Say why a filter is left out of a batch; to be asked once a batch."""
        trouble = self._troubles.get(_key(filter_))
        if trouble is None or not trouble.paused:
            return None
        left, trouble.paused = trouble.paused, trouble.paused - 1
        return f"was too slow on {TOO_OFTEN} batches in a row; batches until it is tried again: {left}"

    def note(self, filter_: Filter, error: str | None, *, slow: bool = False) -> None:
        """Note what became of a filter on a batch."""
        if error is None:
            self._troubles.pop(_key(filter_), None)
            return
        trouble = self._troubles.setdefault(_key(filter_), _Trouble())
        trouble.slow = trouble.slow + 1 if slow else 0
        if trouble.slow >= TOO_OFTEN:
            trouble.slow, trouble.paused = 0, PAUSE


def _key(filter_: Filter) -> tuple[str, str]:
    return filter_.name, filter_.version
