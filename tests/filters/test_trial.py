"""A trial is what the filter would have given then: by night, with its cost, beside another version."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pytest
from tests.archive.postgresql.conftest import fresh_database

from vobroker.alerts.batch import AlertBatch
from vobroker.archive import Archive, open_archive
from vobroker.filters import Budget, Nights, compare, compile_filter, run, try_on
from vobroker.filters.trial import BATCH, packet_of, samples
from vobroker.filters.trial_plot import plot

BRIGHT = "SELECT alert_id, object_id, n_detections, mag FROM alert WHERE mag < 20 AND n_detections >= 2"
OLD = compile_filter("bright", BRIGHT)
NEW = compile_filter("bright", BRIGHT.replace("20", "18.5").replace(">= 2", ">= 1"))
NATIVE = compile_filter(
    "faint-template",
    "SELECT r.ra, alert.ra, 'a' AS kind FROM alert JOIN lsst AS r USING (survey, alert_id)"
    " WHERE templateFlux < 500 AND alert.band <> 'y'",
)


def add(archive: Archive, batches: list[AlertBatch], night: int | None = None) -> None:
    """Archive the alerts of some batches, of one night or all."""
    with archive.transaction() as transaction:
        for batch in batches:
            if night is None or batch.alert["night"][0].as_py() == night:
                transaction.add(batch)


@pytest.fixture(scope="module", params=["duckdb", "postgresql"])
def archive(
    request: pytest.FixtureRequest,
    nights: dict[str, list[AlertBatch]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Archive]:
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp("trial")
        where = folder if request.param == "duckdb" else stack.enter_context(fresh_database())
        opened = stack.enter_context(open_archive(where))
        add(opened, nights["lsst"])
        yield opened


@pytest.mark.parametrize("tried", [OLD, NEW, NATIVE], ids=["old", "new", "native"])
def test_a_trial_lets_through_what_the_stream_would_have(
    archive: Archive, nights: dict[str, list[AlertBatch]], tried: object
) -> None:
    trial = try_on(tried, archive, rows=10_000)  # type: ignore[arg-type]
    live: dict[int, list[int]] = {}
    for batch in nights["lsst"]:
        (answer,) = run([trial.filter], batch)
        assert answer.error is None
        for row, passed in zip(batch.alert["night"].to_pylist(), _mask(len(batch), answer.rows), strict=True):
            seen = live.setdefault(row, [0, 0])
            seen[0] += 1
            seen[1] += passed
    assert [(r["night"], [r["seen"], r["passed"]]) for r in trial.nights.to_pylist()] == sorted(live.items())
    assert 0 < trial.passed == trial.rows.num_rows == sum(passed for _, passed in live.values()) < trial.seen
    assert trial.rows.column_names == [column.name for column in trial.filter.columns]


def test_what_comes_later_changes_nothing(nights: dict[str, list[AlertBatch]], tmp_path: Path) -> None:
    batches = nights["lsst"]
    first, second, *_ = sorted({batch.alert["night"][0].as_py() for batch in batches})
    with open_archive(tmp_path / "archive") as archive:
        add(archive, batches, first)
        then = try_on(OLD, archive)
        before = packet_of(archive, samples(OLD, archive, 1).to_pylist()[0])[0]
        add(archive, batches, second)
        again = archive.query(
            f"SELECT count(DISTINCT a.object_id) AS n FROM alert AS a JOIN alert AS b USING (object_id)"
            f" WHERE a.night = {first} AND b.night = {second}"
        )
        assert again["n"][0].as_py() > 5, "no object came again"
        assert try_on(OLD, archive).passed > then.passed
        limited = try_on(OLD, archive, nights=Nights(until=first))
        assert (limited.nights, limited.rows) == (then.nights, then.rows)
        (sample,) = samples(OLD, archive, 1, nights=Nights(until=first)).to_pylist()
        assert packet_of(archive, sample)[0].points == before.points
        assert len(archive.light_curve(sample["object_id"])) >= len(before)


def test_nights_can_be_chosen(archive: Archive) -> None:
    whole = try_on(OLD, archive).nights.to_pylist()
    assert len(whole) == 4
    names = [row["night"] for row in whole]
    for chosen, expected in (
        (Nights(last=2), whole[2:]),
        (Nights(last=9), whole),
        (Nights(since=names[1], until=names[2]), whole[1:3]),
        (Nights(until=names[2], last=1), whole[2:3]),
        (Nights(since=names[3] + 1), []),
        (Nights(since=names[3] + 1, last=3), []),
    ):
        trial = try_on(OLD, archive, nights=chosen)
        assert trial.nights.to_pylist() == expected
        assert trial.passed == sum(row["passed"] for row in expected)


def test_two_versions_are_compared_alert_by_alert(archive: Archive) -> None:
    differs = compare(OLD, NEW, archive, examples=3)
    ids = {f.version: set(try_on(f, archive, rows=10_000).rows["alert_id"].to_pylist()) for f in (OLD, NEW)}
    old, new = ids[OLD.version], ids[NEW.version]
    assert (differs.old.version, differs.new.version) == (OLD.version, NEW.version)
    assert [differs.total(side) for side in ("both", "old", "new")] == [
        len(old & new),
        len(old - new),
        len(new - old),
    ]
    assert all(differs.total(side) for side in ("both", "old", "new")), "the example shows too little"
    for row in differs.examples.to_pylist():
        assert row["alert_id"] in (old - new if row["passes"] == "old" else new - old)
    assert 2 <= differs.examples.num_rows <= 6
    same = compare(OLD, compile_filter("other", BRIGHT.lower()), archive)
    assert (same.total("old"), same.total("new"), same.examples.num_rows) == (0, 0, 0)
    # Strings of both texts become parameters of one statement.
    mixed = compare(compile_filter("g", "SELECT ra FROM alert WHERE band = 'g'"), NATIVE, archive)
    assert mixed.total("new") + mixed.total("both") == try_on(NATIVE, archive).passed


def test_samples_are_of_different_objects_and_always_the_same(archive: Archive) -> None:
    chosen = samples(OLD, archive, 4)
    assert chosen.num_rows == len(set(chosen["object_id"].to_pylist())) == 4
    assert chosen == samples(OLD, archive, 4)
    passed = set(try_on(OLD, archive, rows=10_000).rows["alert_id"].to_pylist())
    assert set(chosen["alert_id"].to_pylist()) <= passed


def test_cost_is_told_against_the_budget(archive: Archive) -> None:
    trial = try_on(OLD, archive)
    assert trial.seconds > 0
    assert trial.per_thousand == pytest.approx(1000 * trial.seconds / trial.seen)
    assert trial.of_budget(Budget(seconds=4)) == pytest.approx(BATCH * trial.seconds / trial.seen / 4)


def test_a_survey_that_the_archive_does_not_have(archive: Archive) -> None:
    other = compile_filter("other", "SELECT drb FROM ztf")
    trial = try_on(other, archive)
    assert (trial.seen, trial.passed, trial.nights.num_rows) == (0, 0, 0)
    assert trial.per_thousand is trial.of_budget() is None
    assert compare(other, OLD, archive).total("new") == try_on(OLD, archive).passed
    assert compare(other, other, archive).nights.num_rows == samples(other, archive, 3).num_rows == 0
    assert plot([trial], "svg").lstrip().startswith(b"<?xml")


def test_the_plot_tells_its_numbers_in_words(archive: Archive) -> None:
    trial = try_on(OLD, archive)
    image = plot([trial, try_on(NATIVE, archive)], "svg").decode()
    assert f"bright: {trial.passed} of {trial.seen} alerts pass; faint-template: " in image
    assert plot([trial], "png") == plot([trial], "png")


def _mask(length: int, rows: pa.Array) -> list[bool]:
    chosen = set(rows.to_pylist())
    return [number in chosen for number in range(length)]
