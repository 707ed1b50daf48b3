"""A trial that is watched: the same counts as a trial at once, night by night, and an end at any moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from vobroker.alerts.decode import decode
from vobroker.alerts.schemas import default_schemas
from vobroker.archive import Archive, ArchiveError, open_archive
from vobroker.filters import Nights, compare, compile_filter, filter_tables, try_on
from vobroker.filters.attempt import Attempt
from vobroker.sources import simulator
from vobroker.votypes.columns import Column, Table

OLD = compile_filter("bright", "SELECT alert_id, mag FROM alert WHERE mag < 20 AND n_detections >= 2")
NEW = compile_filter("bright", "SELECT alert_id, mag FROM alert WHERE mag < 18.5")
NATIVE = compile_filter("native", "SELECT r.ra, psfFlux FROM lsst AS r WHERE psfFlux > 50000")
ENDLESS = compile_filter(
    "endless", f"SELECT mag FROM alert WHERE '{'a' * 9000}' || object_id LIKE '%{'a' * 250}_b%'"
)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    visits = simulator.simulate("lsst", seed=3, nights=4, visits=2, alerts_per_visit=40, history_nights=2)
    with open_archive(tmp_path_factory.mktemp("attempt")) as opened:
        with opened.transaction() as transaction:
            for raw in simulator.as_raw_batches(visits):
                for batch in decode(raw, default_schemas()).batches:
                    transaction.add(batch)
        yield opened


@pytest.mark.parametrize("tried", [NEW, NATIVE], ids=["alert", "native"])
def test_night_by_night_it_counts_what_a_trial_counts_at_once(archive: Archive, tried: object) -> None:
    attempt = Attempt(tried, archive, 3, 60)  # type: ignore[arg-type]
    steps = [len(attempt.tried) for _ in attempt.run()]
    assert steps[:4] == [0, 1, 2, 3]
    whole = try_on(tried, archive, nights=Nights(last=3))  # type: ignore[arg-type]
    assert (attempt.done, attempt.ended, attempt.total) == (True, "", 3)
    counted = [{"night": one.night, "seen": one.seen, "passed": one.passed} for one in attempt.tried]
    assert sorted(counted, key=lambda one: one["night"]) == whole.nights.to_pylist()
    assert 0 < attempt.passed == whole.passed < attempt.seen
    assert attempt.rows is not None
    assert attempt.rows.column_names == whole.rows.column_names
    assert len(attempt.samples) == len({one.light_curve.object_id for one in attempt.samples}) > 0


def test_it_says_what_another_version_does_otherwise(archive: Archive) -> None:
    attempt = Attempt(NEW, archive, 30, 60, OLD)
    list(attempt.run())
    found = compare(OLD, NEW, archive)
    assert sum(one.added for one in attempt.tried) == found.total("new") > 0
    assert sum(one.gone for one in attempt.tried) == found.total("old") > 0
    assert {one["passes"] for one in attempt.differ} == {"old", "new"}


def test_it_is_stopped_while_the_database_works(archive: Archive) -> None:
    attempt = Attempt(ENDLESS, archive, 30, 600)
    threading.Timer(0.05, attempt.stop).start()
    begun = time.monotonic()
    list(attempt.run())
    assert (attempt.done, attempt.ended) == (True, "stopped")
    assert time.monotonic() - begun < 60
    assert len(attempt.tried) < 4


def test_its_time_is_for_all_of_it(archive: Archive) -> None:
    attempt = Attempt(ENDLESS, archive, 30, 0.01)
    list(attempt.run())
    assert attempt.ended == "the time of 0.01 s is over"


def test_what_alerts_were_never_compared_with_is_named(archive: Archive) -> None:
    columns = tuple(Column(n, t, "", "", "") for n, t in (("survey", "VARCHAR"), ("alert_id", "BIGINT")))
    tables = filter_tables() | {"region_north": Table("region_north", columns)}
    text = "SELECT alert.alert_id FROM alert JOIN region_north USING (survey, alert_id)"
    with pytest.raises(ArchiveError, match="compared with region_north"):
        list(Attempt(compile_filter("north", text, tables), archive, 3, 60).run())
