"""What subscribers want: filters, each judged once for all who have it.

A kind of filter is a name (that of the Param in ``authenticate``) and a :class:`Judge`. XPath is here;
others, such as ADQL, are given to the broker by floors above.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

from vobroker.voevent.vtp.errors import VTPError

MAX_REMEMBERED = 8192
"""Judgements that are kept of a filter."""


class FilterError(VTPError):
    """A filter that cannot be used, or took too long, with the reason in one sentence."""


class Judge(Protocol):
    """One kind of filter."""

    async def judge(
        self, text: str, events: Sequence[bytes], seconds: float, *, trial: bool = False
    ) -> Sequence[bool]:
        """Say which events pass a filter.

        Parameters
        ----------
        text
            The filter, as the subscriber wrote it. It is trusted in nothing.
        events
            Packets; each was examined when it came.
        seconds
            Time for all of them together.
        trial
            Whether the filter is new, and should not make others wait if it is slow.

        Raises
        ------
        FilterError
            If the filter cannot be used, fails on an event, or takes too long.
        """
        ...

    async def close(self) -> None:
        """End what was begun."""
        ...


class Filter:
    """A filter that one or more subscribers have."""

    def __init__(self, judge: Judge, name: str, text: str, seconds: float) -> None:
        self.name = name
        self.text = text
        self.users = 0
        self._judge = judge
        self._seconds = seconds
        self._turn = asyncio.Lock()
        self._known: dict[int, bool] = {}

    async def try_on(self, events: Sequence[bytes]) -> None:
        """Find out whether the filter can be used.

        Raises
        ------
        FilterError
            If it cannot.
        """
        await self._judge.judge(self.text, events, self._seconds, trial=True)

    async def passing(self, events: Sequence[tuple[int, bytes]]) -> set[int]:
        """Give the numbers of the events that pass; each is judged once.

        Raises
        ------
        FilterError
            If the filter fails.
        """
        async with self._turn:
            new = [(number, content) for number, content in events if number not in self._known]
            if new:
                if len(self._known) + len(new) > MAX_REMEMBERED:
                    self._known.clear()
                    new = list(events)
                judged = await self._judge.judge(self.text, [content for _, content in new], self._seconds)
                self._known.update((number, passed) for (number, _), passed in zip(new, judged, strict=True))
            return {number for number, _ in events if self._known[number]}


class Filters:
    """The filters of all subscribers.

    Parameters
    ----------
    judges
        Kinds of filters by the names of their Params.
    chars, seconds
        Length of a filter, and time that one may take for some events.
    """

    def __init__(self, judges: Mapping[str, Judge], chars: int, seconds: float) -> None:
        self.judges = judges
        self._chars = chars
        self._seconds = seconds
        self._used: dict[tuple[str, str], Filter] = {}

    def __len__(self) -> int:
        return len(self._used)

    async def take(self, name: str, text: str, samples: Sequence[bytes]) -> Filter:
        """Give the filter of a text, for one more subscriber; it is tried on samples.

        Raises
        ------
        FilterError
            If it cannot be used.
        """
        if name not in self.judges:
            raise FilterError(f"filters are {', '.join(self.judges)}, not {name}")
        if len(text) > self._chars:
            raise FilterError(f"a filter has {len(text)} characters; the limit is {self._chars}")
        found = self._used.get((name, text))
        if found is None:
            found = Filter(self.judges[name], name, text, self._seconds)
            await found.try_on(samples)
            found = self._used.setdefault((name, text), found)
        found.users += 1
        return found

    def leave(self, filters: Sequence[Filter]) -> None:
        """Let filters go that a subscriber had."""
        for one in filters:
            one.users -= 1
            if not one.users:
                self._used.pop((one.name, one.text), None)

    async def close(self) -> None:
        """End all judges."""
        for judge in self.judges.values():
            await judge.close()


async def passing(filters: Sequence[Filter], events: Sequence[tuple[int, bytes]]) -> set[int]:
    """Give the numbers of the events that pass at least one of the filters, as Comet does it."""
    found: set[int] = set()
    for one in filters:
        rest = [event for event in events if event[0] not in found]
        if rest:
            found |= await one.passing(rest)
    return found
