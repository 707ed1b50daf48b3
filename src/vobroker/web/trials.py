"""Trials that readers of pages run: few at a time, told of as they go on, ended when nobody looks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from typing import Any

from fastapi import HTTPException
from markupsafe import Markup

from vobroker.adql import AdqlError
from vobroker.alerts.columns import ALERT
from vobroker.archive.errors import ArchiveError
from vobroker.archive.rows import jsonable
from vobroker.filters.attempt import Attempt, Sample, Tried
from vobroker.filters.budget import Budget
from vobroker.filters.trial import BATCH
from vobroker.roles import Caller
from vobroker.votypes.columns import Table
from vobroker.web import sparkline
from vobroker.web.dictionary import described
from vobroker.web.wording import count as written
from vobroker.web.wording import night as night_name

AT_ONCE = 2
"""Trials that run at the same time for guests, and as many for those who are signed in."""

WAITING = 8
"""Most trials that wait for their turn, likewise."""

BEAT = 1.0
"""Seconds without news after which it is looked whether somebody still is there."""

MOST_SECONDS = 300

NIGHTS = (1, 3, 7, 14, 30)
"""How many nights a trial may look at."""


class Turns:
    """Lets few trials run at a time, and few wait."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="trial")
        self._places = threading.BoundedSemaphore(AT_ONCE + WAITING)

    def start(self, work: Callable[[], None]) -> asyncio.Future[None]:
        """Run something when its turn comes.

        Raises
        ------
        HTTPException
            If too many wait already.
        """
        if not self._places.acquire(blocking=False):
            raise HTTPException(503, "Many filters are on trial now; try again in a minute.")
        started = asyncio.get_running_loop().run_in_executor(self._pool, work)
        started.add_done_callback(lambda _: self._places.release())
        return started


@cache
def turns(signed_in: bool) -> Turns:
    """Give the turns of guests, or those of users, who need not wait for guests."""
    del signed_in
    return Turns()


def seconds_of(caller: Caller) -> float:
    """Give the time that a trial of somebody may take."""
    return float(min(caller.limits.sync_seconds, MOST_SECONDS))


def run(attempt: Attempt) -> Iterator[str]:
    """Run a trial; give nothing at each step, and at its end why it failed where it did."""
    try:
        for _ in attempt.run():
            yield ""
    except AdqlError as error:
        yield f"{error.message} {error.suggestion}".strip()
    except ArchiveError as error:
        text = str(error)
        yield f"{text[:1].upper()}{text[1:]}."


async def follow(attempt: Attempt, caller: Caller, closing: threading.Event) -> AsyncIterator[str]:
    """Run a trial; give nothing at each step and each beat, and at its end why it failed where it did.

    It is stopped when who takes the steps goes away, or the server is about to stop.
    """
    loop = asyncio.get_running_loop()
    news: asyncio.Queue[str | None] = asyncio.Queue()

    def tell(said: str | None) -> None:
        with suppress(RuntimeError):  # the loop may be gone
            loop.call_soon_threadsafe(news.put_nowait, said)

    def work() -> None:
        try:
            for said in run(attempt):
                tell(said)
        finally:
            tell(None)

    started = turns(bool(caller.name)).start(work)
    try:
        while not closing.is_set():
            try:
                said = await asyncio.wait_for(news.get(), BEAT)
            except TimeoutError:
                yield ""
                continue
            if said is None:
                await started  # what it raised that it should not is raised here
                return
            yield said
    finally:
        attempt.stop()


def told(attempt: Attempt, budget: Budget) -> dict[str, Any]:
    """Give what is known of a trial, ready for JSON; the nights by time."""
    table = Table("result", attempt.filter.columns)
    rows = [] if attempt.rows is None else attempt.rows.to_pylist()
    tried = sorted(attempt.tried, key=lambda one: one.night)
    other = attempt.against
    return {
        "version": attempt.filter.version,
        "against": other.version if other else None,
        "total": attempt.total,
        "nights": [asdict(one) for one in tried],
        "seen": attempt.seen,
        "passed": attempt.passed,
        "added": sum(one.added for one in tried),
        "gone": sum(one.gone for one in tried),
        "seconds": round(attempt.seconds, 6),
        "per_thousand": 1000 * attempt.seconds / attempt.seen if attempt.seen else None,
        "batch": BATCH,
        "budget_seconds": budget.seconds,
        "of_budget": attempt.of_budget(budget),
        "columns": [described(column) for column in attempt.filter.columns],
        "rows": [jsonable(row, table) for row in rows],
        "differ": [{"passes": one["passes"], **jsonable(one, ALERT)} for one in attempt.differ],
        "samples": [_sampled(one) for one in attempt.samples],
        "ended": attempt.ended,
        "done": attempt.done,
    }


def curves(attempt: Attempt) -> list[Markup]:
    """Draw the light curves of the samples, each as its packet told it."""
    return [sparkline.light_curve(one.light_curve) for one in attempt.samples]


def _sampled(one: Sample) -> dict[str, Any]:
    return jsonable(one.alert, ALERT) | {"cutouts": [cutout.kind for cutout in one.cutouts]}


def said(trial: dict[str, Any]) -> str:
    """Say in one sentence how far a trial is."""
    nights = f"{len(trial['nights'])} of {trial['total']} nights" if trial["total"] else "no night"
    passed = f"{written(trial['passed'])} of {written(trial['seen'])} alerts pass"
    if not trial["done"]:
        return "Waiting for its turn." if trial["total"] is None else f"Tried {nights}: {passed}."
    if trial["total"] == 0:
        return "There is no night with alerts to try it on."
    ended = f" It was stopped: {trial['ended']}." if trial["ended"] not in ("", "stopped") else ""
    return f"{passed} in {nights}.{ended}"


_WIDTH, _HEIGHT, _TOP, _FOOT = 720.0, 150.0, 18.0, 22.0


def nights_svg(nights: Iterable[dict[str, int]], total: int, label: str) -> Markup:
    """Draw the alerts that pass by night, as bars; those that pass only now, and only did before, apart.

    Parameters
    ----------
    nights
        As of :func:`told`, by time.
    total
        Nights that there will be; room is left for those to come, which are earlier ones.
    label
        What the picture says.
    """
    known = [Tried(**night) for night in nights]
    most = max([one.passed + one.gone for one in known], default=0) or 1
    step = _WIDTH / max(total, 7)
    start = (max(total, 7) - len(known)) * step if total >= 7 else (total - len(known)) * step
    parts = []
    for number, one in enumerate(known):
        x, base = start + number * step + 0.14 * step, _HEIGHT - _FOOT
        for kind, value in (("kept", one.passed - one.added), ("added", one.added), ("gone", one.gone)):
            height = (base - _TOP) * value / most
            base -= height
            if value:
                parts.append(
                    Markup(
                        '<rect class="night-{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>'
                    ).format(kind, x, base, 0.72 * step, height)
                )
        middle = x + 0.36 * step
        parts.append(
            Markup('<text x="{:.1f}" y="{:.1f}">{}</text>').format(middle, base - 5, written(one.passed))
        )
        if len(known) <= 14 or number % 3 == 0:
            name = night_name(one.night)[5:]
            parts.append(
                Markup('<text class="night-name" x="{:.1f}" y="{:g}">{}</text>').format(
                    middle, _HEIGHT - 6, name
                )
            )
    line = Markup('<line x1="0" x2="{:g}" y1="{:g}" y2="{:g}"/>').format(
        _WIDTH, _HEIGHT - _FOOT, _HEIGHT - _FOOT
    )
    return Markup('<svg class="nights" viewBox="0 0 {:g} {:g}" role="img" aria-label="{}">{}{}</svg>').format(
        _WIDTH, _HEIGHT, label, line, Markup("").join(parts)
    )
