"""Filters on batches of real and simulated alerts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from vobroker.alerts.batch import AlertBatch
from vobroker.alerts.columns import ALERT
from vobroker.filters import FilterRun, compile_filter, run, starter_filters
from vobroker.filters.scan import database
from vobroker.votypes.columns import Column, Table


def only(text: str, batch: AlertBatch) -> FilterRun:
    (answer,) = run([compile_filter("f", text)], batch)
    assert answer.error is None
    return answer


def test_rows_and_columns(supernova: AlertBatch) -> None:
    answer = only("SELECT alert_id, mag + 1 AS m, band FROM alert WHERE band = 'g' AND mag < 17", supernova)
    alert = supernova.alert
    mask = pc.and_(pc.equal(alert["band"], "g"), pc.less(alert["mag"], 17.0))
    rows = pc.indices_nonzero(mask).cast(pa.int32())
    assert 0 < len(rows) < len(supernova)
    assert answer.rows.type == pa.int32()
    assert answer.rows.equals(rows)
    assert answer.seen == len(supernova)
    assert answer.result["alert_id"].combine_chunks().equals(alert["alert_id"].take(rows))
    assert answer.result["m"].to_pylist() == pytest.approx(
        [m + 1 for m in alert["mag"].take(rows).to_pylist()]
    )
    assert answer.result.schema.names == ["alert_id", "m", "band"]


def test_native_columns_are_joined_to_their_alerts(supernova: AlertBatch) -> None:
    tables = "alert JOIN ztf USING (survey, alert_id)"
    text = f"SELECT alert.alert_id, candid, objectId FROM {tables} WHERE drb > 0.99"
    answer = only(text, supernova)
    native = supernova.native(["drb"])
    assert answer.rows.to_pylist() == [
        n for n, drb in enumerate(native["drb"].to_pylist()) if drb and drb > 0.99
    ]
    assert answer.result["alert_id"].to_pylist() == answer.result["candid"].to_pylist()
    assert set(answer.result["objectId"].to_pylist()) == {"ZTF21abiuvdk"}


def test_other_surveys_are_not_shown(supernova: AlertBatch) -> None:
    filters = [compile_filter("l", "SELECT psfFlux FROM lsst"), compile_filter("z", "SELECT fid FROM ztf")]
    assert [answer.filter.name for answer in run(filters, supernova)] == ["z"]


class Watched:
    """A batch that notes what is asked of it."""

    def __init__(self, batch: AlertBatch) -> None:
        self.batch, self.asked = batch, []
        self.alert, self.survey, self.schema_version = batch.alert, batch.survey, batch.schema_version
        self.table = batch.table

    def __len__(self) -> int:
        return len(self.batch)

    def native(self, names: Sequence[str] | None = None) -> pa.RecordBatch:
        self.asked.append(list(names or ()))
        return self.batch.native(names)


def test_native_columns_are_decoded_only_when_named(supernova: AlertBatch) -> None:
    watched = Watched(supernova)
    run([compile_filter("a", "SELECT mag FROM alert"), compile_filter("b", "SELECT ra FROM alert")], watched)  # type: ignore[arg-type]
    assert watched.asked == []
    run(
        [
            compile_filter("a", "SELECT mag FROM alert"),
            compile_filter("b", "SELECT rb FROM ztf WHERE drb > 0.5"),
        ],
        watched,
    )  # type: ignore[arg-type]
    assert watched.asked == [["drb", "rb"]]


def test_a_failing_filter_fails_alone(supernova: AlertBatch) -> None:
    filters = [
        compile_filter("good", "SELECT mag FROM alert WHERE mag < 99"),
        compile_filter("bad", "SELECT mag FROM alert WHERE CAST(object_id AS INTEGER) > 1"),
        compile_filter("bad-output", "SELECT CAST(object_id AS INTEGER) AS n FROM alert"),
        compile_filter("too-large", "SELECT alert_id * alert_id * 9 AS n FROM alert"),
        compile_filter("also-good", "SELECT ra FROM alert WHERE dec > -99"),
    ]
    answers = {answer.filter.name: answer for answer in run(filters, supernova)}
    assert [name for name, answer in answers.items() if answer.error] == ["bad", "bad-output", "too-large"]
    assert "INT" in str(answers["bad"].error)
    assert len(answers["good"].rows) == len(answers["also-good"].rows) == len(supernova)
    for name in ("bad", "bad-output", "too-large"):
        assert len(answers[name].rows) == answers[name].result.num_rows == 0
        assert answers[name].seen == len(supernova)


def test_a_column_that_an_older_schema_lacks(nights: dict[str, list[AlertBatch]]) -> None:
    batch = nights["lsst"][0]
    newer = Table("lsst", (*batch.table.columns, Column("newInV99", "INTEGER")))
    tables = {"alert": ALERT, "lsst": newer}
    filters = [
        compile_filter("new", "SELECT newInV99 FROM lsst WHERE newInV99 > 1", tables),
        compile_filter("old", "SELECT psfFlux FROM lsst WHERE psfFlux > 0"),
    ]
    new, old = run(filters, batch)
    assert new.error == f"alerts of lsst schema {batch.schema_version} have no column newInV99"
    assert old.error is None
    assert len(old.rows)


def test_missing_values_and_nan_pass_nothing(supernova: AlertBatch) -> None:
    holed = Watched(supernova)
    values = [float("nan"), None, 1.0] + [5.0] * (len(supernova) - 3)
    position = supernova.alert.schema.get_field_index("snr")
    holed.alert = supernova.alert.set_column(position, "snr", pa.array(values, pa.float32()))
    for condition, rows in {
        "snr > 2": len(values) - 3,
        "snr < 2": 1,
        "NOT snr < 2": len(values) - 3,
        "snr IS NULL": 2,
        "snr <> 1": len(values) - 3,
        "SQRT(snr - 2) > 0": len(values) - 3,
        "1 / (snr - 1) > 0": len(values) - 3,
    }.items():
        (answer,) = run([compile_filter("f", f"SELECT snr FROM alert WHERE {condition}")], holed)  # type: ignore[arg-type]
        assert len(answer.rows) == rows, condition


def test_filters_of_one_set_do_not_mix_their_columns(supernova: AlertBatch) -> None:
    texts = [
        "SELECT mag + 1 AS x, band || '!' AS y FROM alert WHERE band = 'g'",
        "SELECT mag + 2 AS x FROM alert WHERE band = 'r'",
        "SELECT mag FROM alert WHERE band = 'g'",
        "SELECT CASE WHEN mag < 17 THEN mag END AS x, CASE WHEN mag < 17 THEN band END AS y FROM alert",
        "SELECT mag + 1 AS x, band || '!' AS y FROM alert WHERE band = 'g'",
    ]
    first, second, third, fourth, again = run([compile_filter("f", t) for t in texts], supernova)
    band, mag = supernova.alert["band"].to_pylist(), supernova.alert["mag"].to_pylist()
    g = [m for m, b in zip(mag, band, strict=True) if b == "g"]
    r = [m for m, b in zip(mag, band, strict=True) if b == "r"]
    assert len(g) > 5
    assert len(r) > 5
    assert first.result["x"].to_pylist() == pytest.approx([m + 1 for m in g])
    assert set(first.result["y"].to_pylist()) == {"g!"}
    assert second.result["x"].to_pylist() == pytest.approx([m + 2 for m in r])
    assert third.result["mag"].to_pylist() == g
    assert fourth.result["x"].to_pylist() == [m if m < 17 else None for m in mag]
    assert fourth.result["y"].to_pylist() == [b if m < 17 else None for m, b in zip(mag, band, strict=True)]
    assert again.result.equals(first.result)


def test_many_batches_with_one_preparation(nights: dict[str, list[AlertBatch]]) -> None:
    filters = [
        compile_filter(f"f{n}", f"SELECT mag FROM alert WHERE snr > {n} AND band = 'g'") for n in range(10)
    ]
    for batch in nights["lsst"]:
        snr, band = batch.alert["snr"], batch.alert["band"]
        for n, answer in enumerate(run(filters, batch)):
            wanted = pc.and_(pc.greater(snr, float(n)), pc.equal(band, "g"))
            assert answer.rows.equals(pc.indices_nonzero(wanted).cast(pa.int32()))


def test_an_empty_batch(supernova: AlertBatch) -> None:
    (answer,) = run([compile_filter("f", "SELECT mag FROM alert")], supernova.take(pa.array([], pa.int32())))
    assert (answer.seen, len(answer.rows), answer.result.num_rows, answer.error) == (0, 0, 0, None)


@pytest.mark.parametrize("survey", ["lsst", "ztf"])
def test_starter_filters_find_what_they_are_for(nights: dict[str, list[AlertBatch]], survey: str) -> None:
    passed: dict[str, list[int]] = {}
    for batch in nights[survey]:
        for answer in run(starter_filters(), batch):
            assert answer.error is None
            passed.setdefault(answer.filter.name, []).append(len(answer.rows))
    seen = sum(map(len, nights[survey]))
    for name, counts in passed.items():
        assert 0 < sum(counts) < seen / 2, name


def test_the_engine_reaches_nothing(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a\n1\n")
    for sql in (
        f"SELECT * FROM '{tmp_path}/x.csv'",
        f"SELECT * FROM read_csv('{tmp_path}/x.csv')",
        f"ATTACH '{tmp_path}/y.db' AS y",
        f"COPY (SELECT 1) TO '{tmp_path}/z.csv'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET threads = 8",
        "SELECT * FROM batch",
    ):
        with database().cursor() as cursor, pytest.raises(duckdb.Error):
            cursor.execute(sql)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.csv"]


def test_strings_of_a_filter_stay_strings(supernova: AlertBatch) -> None:
    for attack in ("'; DROP VIEW batch; --", "' OR 1=1 --", "\\' OR 1=1 --", "$1", "''"):
        literal = attack.replace("'", "''")
        assert not len(only(f"SELECT mag FROM alert WHERE object_id = '{literal}'", supernova).rows)
        shown = only(f"SELECT '{literal}' || object_id AS x FROM alert", supernova)
        assert set(shown.result["x"].to_pylist()) == {f"{attack}ZTF21abiuvdk"}
