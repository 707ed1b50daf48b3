"""A filter on the alerts of the archive: what it would have let through, and how that differs from another.

An archive keeps each alert, and what was known of it, by value, as it stood when the alert came. A filter
names nothing else, so a trial on past nights gives what the filter would have given then: later alerts of an
object change nothing. Only a catalogue that past alerts are compared with again (``vobroker catalogue
match``) says what it says now.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from vobroker.adql import check, parse, translate, tree
from vobroker.alerts.columns import ALERT
from vobroker.archive import replay
from vobroker.archive.errors import ArchiveError
from vobroker.enrich.layer import command_of
from vobroker.filters.budget import Budget
from vobroker.filters.compile import Filter, compile_filter
from vobroker.filters.tables import filter_tables
from vobroker.timeseries import LightCurve
from vobroker.votypes.arrow import schema
from vobroker.votypes.columns import Table

if TYPE_CHECKING:
    from vobroker.alerts.cutouts import Cutout
    from vobroker.archive import Archive

BATCH = 512
"""Alerts of a batch, as a worker takes them unless it is told otherwise; a budget is for one."""

_SAMPLE = ("survey", "alert_id", "object_id", "night", "mjd", "ra", "dec", "band", "mag", "solar_system")
_NEVER = 99991231
_NEW, _OLD = 1, 2
SIDES = {_NEW | _OLD: "both", _OLD: "old", _NEW: "new"}
"""Who lets an alert pass, by the sum of the sides."""


@dataclass(frozen=True, slots=True)
class Nights:
    """Nights that a trial looks at; all of the archive unless it is limited.

    Attributes
    ----------
    since, until
        First and last night, as yyyymmdd of the local evening.
    last
        Most nights: the last so many that have alerts.
    """

    since: int | None = None
    until: int | None = None
    last: int | None = None


ALL = Nights()


@dataclass(frozen=True, slots=True)
class Trial:
    """What a filter made of the alerts of an archive.

    Attributes
    ----------
    filter
        The filter, compiled for the archive.
    seen, passed
        Alerts that it was shown, and that passed.
    rows
        The first that passed by time of exposure, in the filter's columns.
    nights
        ``night``, ``seen``, ``passed``, by night; the night is null where an alert has no time.
    seconds
        Time that it took to judge them all in the database, in one query.
    """

    filter: Filter
    seen: int
    passed: int
    rows: pa.Table
    nights: pa.Table
    seconds: float

    @property
    def per_thousand(self) -> float | None:
        """Seconds for a thousand alerts; None where it saw none."""
        return 1000 * self.seconds / self.seen if self.seen else None

    def of_budget(self, budget: Budget | None = None) -> float | None:
        """Give the time for :data:`BATCH` alerts as a part of the budget; None where it saw none."""
        return BATCH * self.seconds / self.seen / (budget or Budget()).seconds if self.seen else None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Where two filters, or two versions of one, differ.

    Attributes
    ----------
    old, new
        The filters, compiled for the archive.
    nights
        ``night``, ``both``, ``old``, ``new``: alerts that both let pass, and only the one or the other.
    examples
        Some of the alerts that only one lets pass: ``passes`` (``old`` or ``new``) and columns of ``alert``.
    """

    old: Filter
    new: Filter
    nights: pa.Table
    examples: pa.Table

    def total(self, side: str) -> int:
        """Give the number of alerts of one of :data:`SIDES` over all nights."""
        return pc.sum(self.nights[side], min_count=0).as_py() or 0


def try_on(
    filter_: Filter, archive: Archive, *, rows: int = 20, seconds: float = 600, nights: Nights = ALL
) -> Trial:
    """Run a filter over an archive.

    Parameters
    ----------
    filter_
        The filter; it is compiled anew for the tables of the archive.
    archive
        Where the alerts are.
    rows
        Most rows to give.
    seconds
        Time that each of its queries may take.
    nights
        Nights to look at.

    Raises
    ------
    AdqlError
        If it names a column that the archive does not have.
    ArchiveError
        If a query fails or takes too long.
    """
    tables = _tables(archive, filter_)
    if not _there(filter_, archive):
        empty = schema(Table("result", filter_.columns)).empty_table()
        return Trial(filter_, 0, 0, empty, _NIGHTS.empty_table(), 0.0)
    fitted = compile_filter(filter_.name, filter_.text, tables)
    span = _span(archive, nights, seconds)
    within = _within(span)
    of = f"a.survey = '{fitted.survey}' AND {within}" if fitted.survey else within
    seen = archive.query(
        f"SELECT a.night, count(*) AS seen FROM alert AS a WHERE {of} GROUP BY a.night",  # noqa: S608
        seconds=seconds,
    )
    begun = time.perf_counter()
    judged, parameters = _judged({_NEW: fitted}, archive, tables, span)
    passed = archive.query(
        f"SELECT a.night, count(*) AS passed FROM ({judged}) AS j JOIN alert AS a USING (survey, alert_id)"  # noqa: S608
        f" WHERE {within} GROUP BY a.night",
        parameters,
        seconds=seconds,
    )
    took = time.perf_counter() - begun
    by_night = _by_night(seen, passed)
    return Trial(
        fitted,
        pc.sum(by_night["seen"], min_count=0).as_py(),
        pc.sum(by_night["passed"], min_count=0).as_py(),
        _first(fitted, archive, tables, span, rows, seconds),
        by_night,
        took,
    )


def compare(
    old: Filter,
    new: Filter,
    archive: Archive,
    *,
    examples: int = 5,
    seconds: float = 600,
    nights: Nights = ALL,
) -> Comparison:
    """Say where two filters differ on the alerts of an archive.

    Parameters
    ----------
    old, new
        The filters.
    archive, seconds, nights
        As for :func:`try_on`.
    examples
        Most alerts to give of those that only one lets pass, for each of the two.

    Raises
    ------
    AdqlError, ArchiveError
        As for :func:`try_on`.
    """
    tables = _tables(archive, old, new)
    sides = {
        side: compile_filter(f.name, f.text, tables)
        for side, f in ((_OLD, old), (_NEW, new))
        if _there(f, archive)
    }
    span = _span(archive, nights, seconds)
    within = _within(span)
    counts, shown = _COUNTS.empty_table(), []
    if sides:
        judged, parameters = _judged(sides, archive, tables, span)
        summed = f"SELECT survey, alert_id, sum(side) AS sides FROM ({judged}) AS j GROUP BY survey, alert_id"  # noqa: S608
        joined = f"FROM ({summed}) AS s JOIN alert AS a USING (survey, alert_id) WHERE {within}"
        each = ", ".join(
            f'CAST(sum(CASE WHEN sides = {side} THEN 1 ELSE 0 END) AS BIGINT) AS "{name}"'
            for side, name in SIDES.items()
        )
        counts = archive.query(
            f"SELECT a.night, {each} {joined} GROUP BY a.night ORDER BY a.night", parameters, seconds=seconds
        ).cast(_COUNTS)
        columns = ", ".join(f'a."{name}"' for name in _SAMPLE)
        for side in (_OLD, _NEW):
            found = archive.query(
                f"SELECT '{SIDES[side]}' AS passes, {columns} {joined} AND sides = {side}"
                f" ORDER BY a.mjd, a.survey, a.alert_id LIMIT {examples:d}",
                parameters,
                seconds=seconds,
            )
            shown.append(found)
    differ = pa.concat_tables(shown) if shown else pa.table({"passes": pa.array([], pa.string())})
    return Comparison(sides.get(_OLD, old), sides.get(_NEW, new), counts, differ)


def samples(
    filter_: Filter, archive: Archive, count: int, *, seconds: float = 600, nights: Nights = ALL
) -> pa.Table:
    """Choose some of the alerts that a filter lets pass: of as many objects, in no order but always the same.

    Returns
    -------
    pyarrow.Table
        Columns of ``alert``.

    Raises
    ------
    AdqlError, ArchiveError
        As for :func:`try_on`.
    """
    tables = _tables(archive, filter_)
    columns = ", ".join(f'a."{name}"' for name in _SAMPLE)
    if not _there(filter_, archive):
        return pa.table({name: pa.array([], pa.null()) for name in _SAMPLE})
    fitted = compile_filter(filter_.name, filter_.text, tables)
    span = _span(archive, nights, seconds)
    judged, parameters = _judged({_NEW: fitted}, archive, tables, span)
    mixed = "md5(CAST({0}.alert_id AS VARCHAR))"
    thing = "coalesce(a.object_id, CAST(a.alert_id AS VARCHAR))"
    return archive.query(
        f"SELECT * FROM (SELECT DISTINCT ON (a.survey, {thing}) {columns} FROM ({judged}) AS j"  # noqa: S608
        f" JOIN alert AS a USING (survey, alert_id) WHERE {_within(span)}"
        f" ORDER BY a.survey, {thing}, {mixed.format('a')}) AS o"
        f" ORDER BY {mixed.format('o')} LIMIT {count:d}",
        parameters,
        seconds=seconds,
    )


def packet_of(archive: Archive, alert: Mapping[str, object]) -> tuple[LightCurve, Sequence[Cutout]]:
    """Give what the packet of an alert holds: the light curve as it was known then, and its image stamps.

    Parameters
    ----------
    archive
        Where it is.
    alert
        A row of :func:`samples`.

    Raises
    ------
    ArchiveError
        If there is no such alert, or its packet is damaged.
    """
    survey, alert_id = str(alert["survey"]), alert["alert_id"]
    for batch in replay.batches(archive.stored("survey = ? AND alert_id = ?", [survey, alert_id])):
        return batch.light_curve(0, str(alert["object_id"] or alert_id)), batch.cutouts(0)
    raise ArchiveError(f"there is no {survey} alert {alert_id} in {archive.place}")


_NIGHTS = pa.schema([("night", pa.int32()), ("seen", pa.int64()), ("passed", pa.int64())])
_COUNTS = pa.schema([("night", pa.int32()), *((name, pa.int64()) for name in SIDES.values())])


def _tables(archive: Archive, *filters: Filter) -> dict[str, Table]:
    """Give the tables that filters may name, as the archive has them."""
    tables = archive.tables()
    known = {name: tables.get(name, table) for name, table in filter_tables().items()}
    for name in (name for f in filters for name in f.enriched):
        if name not in tables:
            raise ArchiveError(
                f"no alert of {archive.place} has been compared with {name};"
                f" 'vobroker {command_of(name)}' does so"
            )
        known[name] = tables[name]
    return known


def _there(filter_: Filter, archive: Archive) -> bool:
    """Whether the archive has alerts of the survey of a filter."""
    return filter_.survey is None or filter_.survey in archive.tables()


_Span = tuple[int | None, int | None]


def _span(archive: Archive, nights: Nights, seconds: float) -> _Span:
    """Give the first and the last night that are meant; none where there is no limit."""
    since = nights.since
    if nights.last is not None:
        within = " AND ".join(["a.night IS NOT NULL", _within((nights.since, nights.until))])
        found = archive.query(
            f"SELECT DISTINCT a.night FROM alert AS a WHERE {within}"  # noqa: S608
            f" ORDER BY a.night DESC LIMIT {nights.last:d}",
            seconds=seconds,
        )["night"].to_pylist()
        since = min(found, default=_NEVER)
    return since, nights.until


def _within(span: _Span, night: str = "a.night") -> str:
    """Write the condition on the nights; where there is no limit, alerts without a night are seen too."""
    limits = zip((">=", "<="), span, strict=True)
    return " AND ".join(f"{night} {sign} {limit:d}" for sign, limit in limits if limit is not None) or "1 = 1"


def _judged(
    sides: Mapping[int, Filter], archive: Archive, tables: Mapping[str, Table], span: _Span
) -> tuple[str, list[object]]:
    """Write a query for ``survey``, ``alert_id`` and ``side`` of the alerts that filters let pass."""
    selects = [_selecting(f, f"survey, alert_id, {side} AS side", span) for side, f in sides.items()]
    body: tree.QueryBody = selects[0]
    if selects[1:]:
        body = tree.SetExpression(
            body.span, selects[0], tuple(tree.SetStep(one.span, "UNION", True, one) for one in selects[1:])
        )
    text = next(iter(sides.values())).text
    translation = translate(check(tree.Query(body.span, (), body, text), tables), archive.platform)
    return translation.sql, list(translation.parameters)


def _selecting(filter_: Filter, items: str, span: _Span, *, besides: bool = False) -> tree.Select:
    """Give the query of a filter on some nights, with other items in its SELECT, or with further ones."""
    select = filter_.checked.query.body
    chosen = parse(f"SELECT {items} FROM alert").body  # noqa: S608
    assert isinstance(select, tree.Select)
    assert isinstance(chosen, tree.Select)
    where = select.where
    if span != (None, None):
        where = tree.Logical(select.span, "AND", (_on_nights(select, span), *((where,) if where else ())))
    return replace(select, items=(*(select.items if besides else ()), *chosen.items), where=where)


def _on_nights(select: tree.Select, span: _Span) -> tree.Condition:
    """Give the condition on the nights within the query itself, so that other nights are not looked at."""
    named = {
        ".".join(part.text for part in node.path).lower(): node.alias or node.path[-1]
        for node in tree.walk(select)
        if isinstance(node, tree.TableName)
    }
    table = named.get(ALERT.name) or next(iter(named.values()))
    called = f'"{table.text}"' if table.delimited else table.text
    text = _within(span, f"{called}.night")
    if ALERT.name not in named:
        text = f"{called}.alert_id IN (SELECT alert_id FROM alert WHERE {_within(span, 'night')})"  # noqa: S608
    wanted = parse(f"SELECT alert_id FROM alert AS {called} WHERE {text}").body  # noqa: S608
    assert isinstance(wanted, tree.Select)
    assert wanted.where is not None
    return wanted.where


def _first(
    filter_: Filter, archive: Archive, tables: Mapping[str, Table], span: _Span, rows: int, seconds: float
) -> pa.Table:
    """Give the first rows by time."""
    keys = ("vobroker_survey", "vobroker_alert_id")
    body = _selecting(filter_, f"survey AS {keys[0]}, alert_id AS {keys[1]}", span, besides=True)
    translation = translate(check(tree.Query(body.span, (), body, filter_.text), tables), archive.platform)
    found = archive.query(
        f"SELECT r.* FROM ({translation.sql}) AS r JOIN alert AS a"  # noqa: S608
        f" ON a.survey = r.{keys[0]} AND a.alert_id = r.{keys[1]} WHERE {_within(span)}"
        f" ORDER BY a.mjd, a.survey, a.alert_id LIMIT {rows:d}",
        translation.parameters,
        seconds=seconds,
    )
    columns = list(range(len(filter_.columns)))
    return found.select(columns).cast(schema(Table("result", filter_.columns)))


def _by_night(seen: pa.Table, passed: pa.Table) -> pa.Table:
    """Put the counts of the nights together, by night."""
    through = dict(zip(passed["night"].to_pylist(), passed["passed"].to_pylist(), strict=True))
    rows = sorted(zip(seen["night"].to_pylist(), seen["seen"].to_pylist(), strict=True), key=_null_last)
    return pa.Table.from_pylist(
        [{"night": night, "seen": count, "passed": through.get(night, 0)} for night, count in rows], _NIGHTS
    )


def _null_last(row: tuple[int | None, int]) -> tuple[bool, int]:
    return row[0] is None, row[0] or 0
