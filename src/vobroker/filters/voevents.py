"""Conditions in ADQL on events that are received, as subscribers of a VTP broker ask for them.

A condition, or a whole query that selects ``ivorn``, is over the same three tables as those of the archive:
``voevent``, ``voevent_param`` and ``voevent_citation``. They hold the events at hand, and each event is
judged by itself.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import NoReturn

import duckdb

from vobroker.adql import AdqlError, Translation, check, parse, translate, tree
from vobroker.alerts.origin import Origin
from vobroker.archive.voevents import ReceivedPacket, Tabulated, tabulate
from vobroker.filters.engine import engine, time_limit
from vobroker.voevent.columns import VOEVENT, VOEVENT_CITATION, VOEVENT_PARAM
from vobroker.voevent.vtp.filters import FilterError
from vobroker.votypes.columns import Table

ADQL = "adql-filter"
"""Param of ``authenticate`` with a condition."""

EVENT = Table(
    VOEVENT.name,
    tuple(c for c in VOEVENT if c.name not in ("number", "source", "digest", "packet")),
    VOEVENT.description,
    VOEVENT.position,
)
"""What can be asked of an event that is on its way."""

_TABLES = {table.name: table for table in (EVENT, VOEVENT_PARAM, VOEVENT_CITATION)}
_MAX_COMPILED = 256


def compile_condition(text: str) -> Translation:
    """Check a condition, or a query that selects ``ivorn``, and write it for DuckDB.

    Parameters
    ----------
    text
        Such as ``role = 'observation' AND importance > 0.5``, or ``SELECT ivorn FROM voevent_param WHERE
        name = 'mag' AND number < 17``.

    Raises
    ------
    AdqlError
        If it cannot be used; code ``filter`` where it is good ADQL and no filter.
    """
    whole = text.lstrip()[:6].upper() == "SELECT"
    query = parse(text if whole else f"SELECT ivorn FROM voevent WHERE {text}")  # noqa: S608 -- parsed, not run
    _refuse_what_mixes_events(query)
    checked = check(query, _TABLES)
    if [column.name.lower() for column in checked.columns] != ["ivorn"]:
        raise AdqlError("filter", "A filter of events selects ivorn and nothing else.", query.text, (0, 0))
    return translate(checked, "duckdb")


def _refuse_what_mixes_events(query: tree.Query) -> None:
    def refuse(message: str, node: tree.Node) -> NoReturn:
        raise AdqlError("filter", message, query.text, node.span)

    if not isinstance(query.body, tree.Select):
        refuse(
            "A filter judges each event by itself and has no set operator, ORDER BY or OFFSET.", query.body
        )
    for node in tree.walk(query):
        if isinstance(node, tree.Aggregate) or (isinstance(node, tree.Select) and node.top is not None):
            refuse("A filter judges each event by itself and has no aggregate and no TOP.", node)
        if isinstance(node, tree.Function) and node.name == "RAND":
            refuse("A filter must judge the same event the same way each time: no RAND.", node)


class ADQLJudge:
    """Judges events by ADQL; see :class:`vobroker.voevent.vtp.filters.Judge`."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "adql-filter")
        self._compiled: OrderedDict[str, Translation] = OrderedDict()
        self._connection = engine("500MB")
        self._last: tuple[Sequence[bytes], Tabulated] | None = None

    async def judge(
        self, text: str, events: Sequence[bytes], seconds: float, *, trial: bool = False
    ) -> Sequence[bool]:
        """Say which events pass."""
        del trial  # the engine ends in time what takes too long
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._judged, text, events, seconds)

    async def close(self) -> None:
        """Let the engine go."""
        self._thread.shutdown()
        self._connection.close()

    def _judged(self, text: str, events: Sequence[bytes], seconds: float) -> list[bool]:
        told = self._tabulated(events)
        try:
            asked = self._translation(text)
            for table, rows in zip(_TABLES, (told.events, told.params, told.citations), strict=True):
                self._connection.register(table, rows)
            with time_limit(self._connection, seconds):
                found = self._connection.execute(asked.sql, asked.parameters).fetchall()
        except AdqlError as error:
            raise FilterError(f"the ADQL filter {text!r} cannot be used: {error}") from error
        except duckdb.InterruptException:
            raise FilterError(f"the ADQL filter {text!r} takes longer than {seconds:g} seconds") from None
        except duckdb.Error as error:
            reason = str(error).partition("\n")[0]
            raise FilterError(f"the ADQL filter {text!r} cannot be used: {reason}") from error
        finally:
            for table in _TABLES:
                self._connection.unregister(table)
        passed = {ivorn for (ivorn,) in found}
        rows_of = zip(told.events["row"].to_pylist(), told.events["ivorn"].to_pylist(), strict=True)
        good = {row for row, ivorn in rows_of if ivorn in passed}
        return [row in good for row in range(len(events))]

    def _tabulated(self, events: Sequence[bytes]) -> Tabulated:
        """Give events as rows; the same ones are mostly asked for by several filters in turn."""
        if self._last is None or self._last[0] != events:
            now = datetime.now(UTC)
            packets = [ReceivedPacket(one, Origin("vtp", 0, n), now) for n, one in enumerate(events)]
            self._last = list(events), tabulate(packets)
        return self._last[1]

    def _translation(self, text: str) -> Translation:
        found = self._compiled.pop(text, None) or compile_condition(text)
        self._compiled[text] = found
        if len(self._compiled) > _MAX_COMPILED:
            self._compiled.popitem(last=False)
        return found
