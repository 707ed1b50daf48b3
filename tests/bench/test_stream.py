"""The burst benchmark: its model, its comparison of runs, its design, and small real runs."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from confluent_kafka.admin import AdminClient
from hypothesis import given
from hypothesis import strategies as st
from tests.brokers import Cluster

from bench.streaming import compare, design, model, packets
from bench.streaming.clients import StreamError
from bench.streaming.conduct import measure
from bench.streaming.design import Choice, Point
from bench.streaming.summary import Seen, conserve

ROOT = Path(__file__).resolve().parents[2]
BASE = Point(alerts=600, every=2.0, visits=5)
POINTS = design.one_at_a_time(Choice(), BASE)
SIZES = [point.alerts * (194e3 if point.stamps else 82e3) for point in POINTS]
ROWS = np.array([model.terms(point, size) for point, size in zip(POINTS, SIZES, strict=True)])
TERMS = len(model.TERMS)

costs = st.floats(0.05, 20)


# --- the model ---


@given(st.lists(costs, min_size=TERMS, max_size=TERMS))
def test_the_model_finds_the_costs_that_made_the_points(true: list[float]) -> None:
    fitted = model.fit(ROWS, ROWS @ true, [point.key for point in POINTS])
    np.testing.assert_allclose(fitted.coefficients, true, rtol=1e-6)
    assert fitted.error < 1e-6


@given(st.lists(costs, min_size=TERMS, max_size=TERMS), st.floats(0.01, 100))
def test_the_model_of_a_slower_machine_is_slower_by_the_same(true: list[float], factor: float) -> None:
    measured = ROWS @ true * np.linspace(0.9, 1.1, len(ROWS))
    once, slower = (model.fit(ROWS, by * measured) for by in (1.0, factor))
    np.testing.assert_allclose(slower.coefficients, factor * once.coefficients, rtol=1e-6, atol=1e-9 * factor)
    np.testing.assert_allclose(slower.left_out, once.left_out, atol=1e-6)


@given(st.lists(st.floats(0.2, 5), min_size=len(ROWS), max_size=len(ROWS)))
def test_no_work_costs_less_than_nothing(noise: list[float]) -> None:
    found = model.least_squares(ROWS, ROWS.sum(axis=1) * noise)
    assert (found >= 0).all()
    assert found.any()


@given(st.integers(0, 1000), st.floats(0.02, 0.3))
def test_the_error_of_points_left_out_is_that_of_their_noise(seed: int, noise: float) -> None:
    rng = np.random.default_rng(seed)
    measured = ROWS @ [3.0, 2.0, 1.0, 0.5, 0.2, 0.5] * np.exp(rng.normal(0, noise, len(ROWS)))
    fitted = model.fit(ROWS, measured)
    assert 0.4 * noise < fitted.error < 3 * noise


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    true = np.array([3.0, 2.0, 1.0, 0.5, 0.2, 0.5])
    wanted = np.array([model.terms(replace(BASE, alerts=10_000, groups=("read",) * 5), 1.9e9)])
    held = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        measured = ROWS @ true * np.exp(rng.normal(0, 0.1, len(ROWS)))
        fitted = model.fit(ROWS, measured)
        low, high = model.interval(ROWS, measured, wanted, fitted.left_out, draws=200)
        held += int(low[0] <= (wanted @ true)[0] <= high[0])
    assert held >= 34


def test_work_that_was_not_seen_is_not_fitted() -> None:
    with pytest.raises(ValueError, match="more than nothing"):
        model.least_squares(ROWS, np.zeros(len(ROWS)))


# --- the design ---


def test_each_point_differs_from_the_centre_in_one_parameter_and_stamps() -> None:
    centre, *others = POINTS
    for point in others:
        differing = {
            name
            for name, value in point.as_dict().items()
            if value != centre.as_dict()[name] and name not in ("series", "stamps")
        }
        assert differing - {"brokers"} <= {{"kinds": "groups"}.get(point.series, point.series)}
    assert {point.replication for point in others if point.brokers == 3} == {1, 3}
    assert [point.key for point in POINTS].count(centre.key) == 2


@given(st.floats(0.5, 60), st.integers(1, 60), st.integers(1, 10), st.floats(10, 1e5))
def test_a_scaled_burst_is_never_more_than_lssts_nor_than_the_machine_does(
    minutes: float, points: int, visits: int, rate: float
) -> None:
    alerts, every = design.scaled(minutes=minutes, points=points, visits=visits, rate=rate)
    assert 1 <= every <= design.LSST_SECONDS
    assert alerts == 20 or alerts <= design.LSST_ALERTS * every / design.LSST_SECONDS + 1e-6
    assert alerts == 20 or alerts / rate <= 0.5 * every + 1e-6


def test_a_crossed_design_has_every_combination() -> None:
    choice = Choice((1, 2), (1, 4), (1, 2), (1,), ("read", "real"), (True, False), (1,))
    assert len({point.key for point in design.crossed(choice, BASE)}) == 32


@given(st.sampled_from(POINTS))
def test_a_point_comes_back_from_json(point: Point) -> None:
    assert design.from_dict(json.loads(json.dumps(point.as_dict()))) == point


# --- two runs compared ---


def kept(factor: float, seed: int, noise: float = 0.03) -> dict[str, Any]:
    """Give a run as it is kept, with some noise."""
    rng = np.random.default_rng(seed)
    points = []
    for point in POINTS[:4] + POINTS[:1]:
        between = np.exp(rng.normal(0, noise))
        visits = [
            {name: factor * between * np.exp(rng.normal(0, noise)) for name in compare.FIGURES}
            for _ in range(5)
        ]
        middle = {name: float(np.median([visit[name] for visit in visits])) for name in compare.FIGURES}
        points.append({"point": point.as_dict(), "visits": visits, "median": middle})
    return {"format": compare.FORMAT, "points": points}


def test_a_run_does_not_differ_from_itself() -> None:
    found = list(compare.differences(kept(1, 1), kept(1, 1)))
    assert len(found) == 4 * len(compare.FIGURES)
    assert all(each.ratio == 1 and not each.beyond_noise for each in found)


@given(st.integers(0, 10_000))
def test_twice_as_fast_is_told_from_noise_and_noise_is_not(seed: int) -> None:
    earlier = kept(1, seed)
    assert all(each.beyond_noise for each in compare.differences(kept(2, seed + 1), earlier))
    small = list(compare.differences(kept(1.01, seed), kept(1, seed)))
    assert not any(each.beyond_noise for each in small)


def test_only_points_in_common_are_compared() -> None:
    now, earlier = kept(1, 1), kept(1, 2)
    del earlier["points"][1]
    keys = {each.point.key for each in compare.differences(now, earlier)}
    assert keys == {point.key for point in (POINTS[0], *POINTS[2:4])}


def test_other_json_is_refused() -> None:
    with pytest.raises(StreamError, match="is no result"):
        compare.check_format({"format": "something"}, "x.json")


# --- conservation ---


def seen(numbers: list[int], passed: int = 0) -> Seen:
    notes = {"number": np.array(numbers), "bytes": 60, "passed": {0: passed}}
    return Seen([], [notes], 30, {}, 0, brokers_seen=True)


def test_lost_and_repeated_alerts_are_errors() -> None:
    point = Point(alerts=3, every=1, visits=1, groups=("read",))
    conserve(point, seen([5, 0, 1, 2, 3, 4]))
    with pytest.raises(StreamError, match="1 were lost and 0 came twice"):
        conserve(point, seen([0, 1, 2, 3, 4]))
    with pytest.raises(StreamError, match="0 were lost and 1 came twice"):
        conserve(point, seen([0, 1, 2, 3, 4, 5, 5]))
    with pytest.raises(StreamError, match="passed 5 of 6"):
        conserve(replace(point, groups=("all",)), seen([0, 1, 2, 3, 4, 5], passed=5))


# --- real runs ---


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> packets.Pool:
    return packets.make(tmp_path_factory.mktemp("pool"), stamps=True, packets=16)


def test_a_pool_knows_the_size_of_a_burst(pool: packets.Pool) -> None:
    held = pool.load()
    assert len(held) == 16
    assert pool.total(40) == sum(len(held[n % 16]) for n in range(40))


def topics(brokers: str) -> set[str]:
    known = AdminClient({"bootstrap.servers": brokers}).list_topics(timeout=30).topics
    return {name for name in known if name.startswith("bench-")}


def test_a_small_run_counts_everything(kafka1: Cluster, pool: packets.Pool) -> None:
    before = topics(kafka1.brokers)
    point = Point(40, 0.5, 2, producers=2, partitions=3, groups=("read", "all"), members=2)
    result = measure(point, kafka1.brokers, pool)
    assert result["bytes"] == pool.total(40)
    assert [visit["passed"] for visit in result["visits"]] == [[0, 40]] * 2
    for visit in result["visits"]:
        assert 0 < visit["produce"] <= visit["total"] + 0.01
        assert visit["total"] == pytest.approx(max(visit["groups"]), rel=1e-3)
        assert 0 < visit["p50"] <= visit["p98"] <= visit["p99"] <= visit["total"] * 1.001
        assert visit["rate"] == pytest.approx(40 / visit["total"], rel=1e-3)
    assert [lag[-1] for lag in result["lag"]["alerts"]] == [0, 0]
    assert result["brokers_seen"]
    assert all(result["memory"][role] > 1 for role in ("brokers", "producers", "consumers"))
    assert result["median"]["cpu"]["consumers"] >= 0
    assert design.from_dict(json.loads(json.dumps(result))["point"]) == point
    assert topics(kafka1.brokers) <= before


def test_a_process_that_fails_is_an_error_and_leaves_no_topic(kafka1: Cluster, pool: packets.Pool) -> None:
    before = topics(kafka1.brokers)
    broken = packets.Pool(pool.path.with_name("gone.bin"), pool.ends)
    pool.path.with_name("gone.bin").write_bytes(pool.path.read_bytes()[: pool.ends[0]])
    with pytest.raises(StreamError, match=r"consumer 1 of group 1 \(real\): .* could not be decoded"):
        # The filter is warmed by a whole packet, then meets empty ones.
        measure(Point(20, 0.5, 1, groups=("real",), producers=1, partitions=1), kafka1.brokers, broken)
    assert topics(kafka1.brokers) <= before


@pytest.fixture(scope="module")
def command() -> Any:
    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-m", "bench.stream", *map(str, arguments)]
        return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)

    return run


def test_the_command_refuses_in_one_line(command: Any, tmp_path: Path) -> None:
    done = command("--quick", "--brokers", "127.0.0.1:9")
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last == "bench stream: no Kafka broker answers at 127.0.0.1:9; start one with `make kafka`"
    assert "Traceback" not in done.stderr
    (tmp_path / "other.json").write_text("{}")
    done = command("--from", tmp_path / "other.json")
    assert "is no result of this benchmark" in done.stderr


def test_a_kept_run_is_shown_compared_and_written_again(command: Any, tmp_path: Path) -> None:
    kept_run = ROOT / "docs" / "kafka-benchmark.json"
    page = tmp_path / "kafka-benchmark.md"
    text = (ROOT / "docs" / "kafka-benchmark.md").read_text()
    page.write_text(text)
    done = command("--from", kept_run, "--compare", kept_run, "--write", page)
    assert done.returncode == 0, done.stderr
    assert "EXTRAPOLATED" in done.stdout
    assert "1.00" in done.stdout
    assert page.read_text() == text
    drawn = sorted(path.name for path in (tmp_path / "images").iterdir())
    assert drawn == [f"stream-{name}.png" for name in ("lag", "latency", "model", "throughput")]
