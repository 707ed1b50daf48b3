"""What a filter may cost, and how one stands that has failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vobroker.filters.compile import Filter
    from vobroker.roles import Limits

PAUSE = 100
"""Batches for which a filter is left out after it has been too slow too often."""

TOO_OFTEN = 3
"""Batches in a row on which a filter may be too slow."""

AT_ONCE = 1
"""Most filters that are weighed on one batch."""

AGAIN = 100
"""Batches after which a filter is weighed again."""


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

    @classmethod
    def of(cls, limits: Limits) -> Budget:
        """Give the budget of each filter of a role."""
        return cls(limits.filter_seconds, limits.filter_rows, limits.filter_bytes)

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


_Key = tuple[str, str]


@dataclass(slots=True)
class Standing:
    """Which filters have failed, so that they run apart from the others and delay none; and what each weighs.

    A filter that failed on a batch is run alone, after the others, until it succeeds. One that was too slow
    on :data:`TOO_OFTEN` batches in a row is left out of the next :data:`PAUSE`, where it counts as failed.

    Filters that run together hide what each of them takes. Where they are to be weighed some are run alone on
    each batch, in turn: so one that is too slow is found even among quick ones.

    Attributes
    ----------
    weighing
        Whether filters are weighed.
    """

    weighing: bool = False
    _troubles: dict[_Key, _Trouble] = field(default_factory=dict)
    _weights: dict[_Key, float] = field(default_factory=dict)
    _weighed: dict[_Key, int] = field(default_factory=dict)
    _batch: int = 0

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

    def to_run_alone(self, filters: Sequence[Filter]) -> tuple[set[_Key], set[_Key]]:
        """Choose filters to be run alone on a batch: instead of together with others, and besides.

        Who comes while others run is tried alone first. Of the others some are weighed, those first that
        never were, or longest ago; they stay in their set, so that sets need not be prepared again.
        """
        if not self.weighing:
            return set(), set()
        self._batch += 1
        keys = [_key(f) for f in filters]
        new = set() if self._batch == 1 else {key for key in keys if key not in self._weighed}
        never = -AGAIN
        due = [key for key in keys if key not in new and self._weighed.get(key, never) <= self._batch - AGAIN]
        weighed = set(sorted(due, key=lambda key: self._weighed.get(key, never))[:AT_ONCE])
        self._weighed.update({key: self._weighed.get(key, never) for key in keys})
        self._weighed.update(dict.fromkeys(new | weighed, self._batch))
        return new, weighed

    def weigh(self, filter_: Filter, seconds: float, alerts: int) -> None:
        """Note how long a filter took alone."""
        self._weights[_key(filter_)] = seconds / max(alerts, 1)

    def shares(self, filters: Sequence[Filter]) -> list[float]:
        """Give the part of each filter in what a set costs; one not weighed yet is like the others."""
        known = [self._weights.get(_key(f)) for f in filters]
        weighed = [weight for weight in known if weight]
        usual = sum(weighed) / len(weighed) if weighed else 1.0
        weights = [weight or usual for weight in known]
        total = sum(weights)
        return [weight / total for weight in weights]


def _key(filter_: Filter) -> _Key:
    return filter_.name, filter_.version
