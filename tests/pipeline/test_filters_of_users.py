"""Filters of users in a river that flows: they come, change and go between batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from vobroker.alerts.packets import RawBatch
from vobroker.alerts.schemas import default_schemas
from vobroker.archive import Archive, open_archive
from vobroker.filters import Budget, Running, Saved, compile_filter, filter_tables
from vobroker.filters.cost import FAILS, RUNS, cost_of, dearest
from vobroker.filters.running import current
from vobroker.pipeline.river import Counts, run
from vobroker.roles import Caller, Limits, read_roles
from vobroker.sources.simulator import as_raw_batches, simulate
from vobroker.votypes.columns import Column, Table

ALL = "SELECT alert_id, mag FROM alert"
SOME = "SELECT alert_id, mag FROM alert WHERE band = 'g'"
LIMITS = read_roles().limits
ADA = Caller("user", LIMITS["user"], "ada")
MATCHES = Table(
    "match_stars", tuple(Column(n, t, "", "", "") for n, t in (("survey", "VARCHAR"), ("alert_id", "BIGINT")))
)


def save(folder: Path, name: str, text: str) -> None:
    Saved(folder).save(name, text, ADA, filter_tables() | {MATCHES.name: MATCHES})


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with open_archive(tmp_path) as opened:
        yield opened


def flow(archive: Archive, running: Running, *between: Callable[[], None]) -> Counts:
    """Let a visit of 8 alerts flow in, and another after each thing that is done."""
    visits = as_raw_batches(
        simulate("ztf", seed=2, visits=1 + len(between), alerts_per_visit=8, history=False, cutouts=False)
    )
    todo = iter(between)

    def source() -> Iterator[RawBatch]:
        yield from visits

    def after(_: Counts) -> None:
        next(todo, lambda: None)()

    return run(source(), archive, schemas=default_schemas(), filters=running, after_batch=after)


def account(archive: Archive) -> dict[tuple[str, str], tuple[int, int, int]]:
    rows = archive.filter_ledger().to_pylist()
    return {(row["filter"], row["version"]): (row["seen"], row["passed"], row["failed"]) for row in rows}


def test_new_changed_and_withdrawn_filters_are_taken_up_between_batches(
    archive: Archive, tmp_path: Path
) -> None:
    saved = Saved(tmp_path)
    running = Running([compile_filter("fixed", ALL)], saved, LIMITS)
    flow(
        archive,
        running,
        lambda: save(tmp_path, "mine", ALL),
        lambda: save(tmp_path, "mine", SOME),
        lambda: saved.withdraw("mine", ADA),
    )
    of_fixed, first, second = (
        account(archive)[name, compile_filter(name, text).version]
        for name, text in (("fixed", ALL), ("mine", ALL), ("mine", SOME))
    )
    assert of_fixed == (32, 32, 0)
    assert first == (8, 8, 0)
    assert second[0] == 8
    assert (
        second[1]
        == archive.query("SELECT count(*) AS n FROM event WHERE stream = 'mine'")["n"][0].as_py() - 8
    )
    costs = {(one.filter, one.version): one for one in cost_of(tmp_path, "mine")}
    assert {one.batches for one in costs.values()} == {1}
    assert all(one.seconds > 0 and one.state == RUNS for one in costs.values())
    assert {one.filter: one.batches for one in dearest(tmp_path)} == {"fixed": 4, "mine": 2}


def test_a_filter_whose_catalogue_is_gone_is_told_of_and_left_out_until_it_is_back(
    archive: Archive, tmp_path: Path
) -> None:
    there = {MATCHES.name: MATCHES}
    told: list[str] = []
    save(
        tmp_path,
        "at-a-star",
        f"SELECT alert.alert_id FROM alert JOIN {MATCHES.name} USING (survey, alert_id)",
    )
    save(tmp_path, "mine", ALL)
    running = Running([], Saved(tmp_path), LIMITS, enriched=lambda: dict(there), say=told.append)
    assert [one.name for one in running.now()] == ["at-a-star", "mine"]
    there.clear()
    counts = flow(archive, running, lambda: None)
    assert list(running) == ["mine"]
    assert counts.failed["at-a-star"] == running.left_out["at-a-star"] == "There is no table match_stars."
    assert told == ["filter at-a-star of a user does not run: There is no table match_stars."]
    assert {name for name, _ in account(archive)} == {"mine"}
    there[MATCHES.name] = MATCHES
    assert [one.name for one in running.now()] == ["at-a-star", "mine"]
    assert running.left_out == {}


def test_an_operators_filter_goes_before_a_users_of_the_same_name(tmp_path: Path) -> None:
    save(tmp_path, "mine", ALL)
    (one,) = Running([compile_filter("mine", SOME)], Saved(tmp_path), LIMITS).now()
    assert (one.owner, one.text, one.budget) == ("", SOME, Budget.of(LIMITS["operator"]))


def test_what_a_filter_may_cost_is_by_the_role_of_its_owner(archive: Archive, tmp_path: Path) -> None:
    save(tmp_path, "mine", ALL)
    poor: dict[str, Limits] = {**LIMITS, "user": replace(LIMITS["user"], filter_rows=3)}
    running = Running([compile_filter("fixed", ALL)], Saved(tmp_path), poor)
    assert [(one.owner, one.budget.rows) for one in current(running) if one.budget] == [
        ("", 1_000_000),
        ("ada", 3),
    ]
    counts = flow(archive, running)
    assert counts.failed == {"mine": "let 8 alerts of a batch pass, more than its budget of 3"}
    assert account(archive)["mine", compile_filter("mine", ALL).version] == (8, 0, 8)
    (cost,) = cost_of(tmp_path, "mine")
    assert (cost.state, cost.failed, cost.reason) == (FAILS, 1, counts.failed["mine"])


def test_a_river_goes_on_where_filters_cannot_be_read(archive: Archive, tmp_path: Path) -> None:
    told: list[str] = []
    save(tmp_path, "mine", ALL)
    running = Running([], Saved(tmp_path), LIMITS, say=told.append)
    running.now()
    flow(archive, running, lambda: (tmp_path / "filters.sqlite").write_bytes(b"no database" * 100) and None)
    assert account(archive)["mine", compile_filter("mine", ALL).version] == (16, 16, 0)
    assert len(told) == 1
    assert "filters.sqlite: file is not a database" in told[0]
