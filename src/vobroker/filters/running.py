"""The filters that run: those of the operators, and those that users keep here, as they come and go."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from vobroker.adql import AdqlError
from vobroker.filters.budget import Budget, Standing
from vobroker.filters.compile import Filter, compile_filter
from vobroker.filters.cost import Costs
from vobroker.filters.database import DatabaseError
from vobroker.filters.run import FilterRun
from vobroker.filters.saved import Kept, Saved
from vobroker.filters.tables import filter_tables
from vobroker.roles import Limits
from vobroker.votypes.columns import Table

FRESH = 1.0
"""Seconds that pages believe the filters they know; a river looks before each batch."""


class Running(Mapping[str, Filter]):
    """The filters that run now, by name: first those of the operators, then those that users keep.

    A filter that cannot be used, since its catalogue is gone or an operator's filter has its name, is left
    out until it can, and the others run. Any number of threads may use it.

    Parameters
    ----------
    operators
        Filters of those who run the broker; they stay.
    saved
        Filters of users.
    limits
        What each role may do, for the budgets.
    enriched
        Gives the tables of catalogues, regions and sky maps that there are now.
    say
        Is told once of each filter that is left out.

    Attributes
    ----------
    left_out
        Why filters of users do not run, by name.
    standing
        How the filters do.
    """

    def __init__(
        self,
        operators: Sequence[Filter],
        saved: Saved,
        limits: Mapping[str, Limits],
        *,
        enriched: Callable[[], Mapping[str, Table]] = dict,
        say: Callable[[str], None] | None = None,
    ) -> None:
        budget = Budget.of(limits["operator"])
        self.operators = tuple(one if one.budget else replace(one, budget=budget) for one in operators)
        self.saved = saved
        self.left_out: dict[str, str] = {}
        self.standing = Standing(weighing=True)
        self._limits = limits
        self._enriched = enriched
        self._say = say
        self._costs = Costs(saved.files)
        self._lock = threading.Lock()
        self._looked = float("-inf")
        self._last = -1
        self._trouble = ""
        self._known: Mapping[str, Table] = {}
        self._kept: Mapping[str, Kept] = {}
        self._compiled: dict[str, tuple[int, Filter]] = {}
        self._all: dict[str, Filter] = {one.name: one for one in self.operators}

    def __getitem__(self, name: str) -> Filter:
        return self._fresh()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fresh())

    def __len__(self) -> int:
        return len(self._fresh())

    def tables(self) -> dict[str, Table]:
        """Give the tables that a filter may name now."""
        return filter_tables() | dict(self._enriched())

    def now(self) -> tuple[Filter, ...]:
        """Give the filters of this moment, as a river does before each batch."""
        with self._lock:
            self._look()
            return tuple(self._all.values())

    def note(self, runs: Sequence[FilterRun], night: int) -> None:
        """Note what filters cost on a batch of a night."""
        self._costs.add(runs, night)

    def close(self) -> None:
        """Write down what was noted."""
        self._costs.write()

    def _fresh(self) -> dict[str, Filter]:
        if time.monotonic() - self._looked >= FRESH:
            with self._lock:
                self._look()
        return self._all

    def _look(self) -> None:
        self._looked = time.monotonic()
        enriched = self._enriched()
        try:
            last = self.saved.last()
            if last != self._last:
                self._kept = self.saved.all()
        except DatabaseError as error:
            if str(error) != self._trouble and self._say is not None:
                self._say(str(error))
            self._trouble = str(error)
            return  # those that are known go on
        self._trouble = ""
        if last == self._last and enriched == self._known:
            return
        again = enriched != self._known
        self._last, self._known = last, enriched
        self._compile(again=again)

    def _compile(self, *, again: bool) -> None:
        """Compile what is new, and again what names a catalogue where those are not the same any more."""
        taken = {one.name for one in self.operators}
        tables = filter_tables() | dict(self._known)
        compiled: dict[str, tuple[int, Filter]] = {}
        left_out: dict[str, str] = {}
        for name, kept in self._kept.items():
            if kept.withdrawn:
                continue
            if name in taken:
                left_out[name] = "an operator's filter has its name"
                continue
            known = self._compiled.get(name)
            if known and known[0] == kept.now.number and not (again and known[1].enriched):
                compiled[name] = known
                continue
            try:
                made = compile_filter(name, kept.now.text, tables)
            except AdqlError as error:
                left_out[name] = error.message
                continue
            budget = Budget.of(self._limits[kept.role])
            compiled[name] = kept.now.number, replace(made, owner=kept.owner, budget=budget)
        for name, why in left_out.items():
            self._tell(name, why)
        self.left_out, self._compiled = left_out, compiled
        self._all = {one.name: one for one in (*self.operators, *(made for _, made in compiled.values()))}

    def _tell(self, name: str, why: str) -> None:
        if self._say is not None and self.left_out.get(name) != why:
            self._say(f"filter {name} of a user does not run: {why}")


def current(filters: Sequence[Filter] | Running) -> Sequence[Filter]:
    """Give the filters for a batch."""
    return filters.now() if isinstance(filters, Running) else filters
