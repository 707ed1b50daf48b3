"""What alerts match is stored with them: a filter gives the same alerts live, on trial and over TAP."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.archive.postgresql.conftest import fresh_database
from tests.enrich.classifiers.models import BRIGHT, written

from vobroker.alerts.schemas import default_schemas
from vobroker.archive import Archive, Held, open_archive, place
from vobroker.archive.check import check
from vobroker.archive.copy import copy
from vobroker.enrich import Enrichment, catalogue, region
from vobroker.enrich.catalogue import Roles
from vobroker.enrich.classifiers import classifier
from vobroker.enrich.formats import open_source
from vobroker.filters import Filter, compile_filter, filter_tables, try_on
from vobroker.pipeline.rematch import rematch
from vobroker.pipeline.river import Counts, run
from vobroker.sources import simulator
from vobroker.tap.catalogue import catalogue as tap_catalogue
from vobroker.tap.query import Rows, prepare

USING = "USING (survey, alert_id)"
TEXTS = {
    "known": f"SELECT alert.alert_id, m.kind, m.separation FROM alert JOIN match_known AS m {USING}"
    " WHERE m.kind = 'b' AND m.separation < 0.6",
    "new": f"SELECT alert.alert_id FROM alert LEFT JOIN match_known AS m {USING} WHERE m.separation IS NULL",
    "field": f"SELECT alert.alert_id, m.n_matches FROM alert JOIN region_north {USING}"
    f" JOIN match_known AS m {USING}",
    "rising": f"SELECT alert.alert_id, h.rate_10d, h.g_r FROM alert JOIN history AS h {USING}"
    " WHERE h.rate_10d > 3 * h.rate_10d_error AND h.amplitude > 0.1",
    "judged": f"SELECT alert.alert_id, c.p FROM alert JOIN classifier_bright AS c {USING} WHERE c.p > 0.5",
}

LOGISTIC = """g (float[N,3] X) => (float[N,1] P) <float[3,1] w = {1, 1, 1}, float b = {-21}>
    { sum = MatMul(X, w) moved = Add(sum, b) P = Sigmoid(moved) }"""
TOLD = BRIGHT.replace(
    '"alert.mag"',
    '"alert.mag", { column = "history.rate_10d", null = 0 },'
    ' { column = "match_known.kind", is = "b", null = 0 }',
)


@cache
def batches() -> list[simulator.RawBatch]:
    return [
        batch
        for survey in ("lsst", "ztf")
        for batch in simulator.as_raw_batches(
            simulator.simulate(
                survey,
                seed=3,
                nights=1,
                visits=1,
                alerts_per_visit=60,
                history=survey == "ztf",
                cutouts=False,
            )
        )
    ]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalogue of every second alert, twice each, and a region of every second cell with alerts."""
    folder = tmp_path_factory.mktemp("enriched")
    with open_archive(folder / "first") as archive:
        run(batches(), archive, schemas=default_schemas())
        found = archive.query("SELECT ra, dec, healpix FROM alert ORDER BY survey, alert_id")
    ra, dec = np.array(found["ra"])[::2], np.array(found["dec"])[::2]
    columns = {
        "id": np.arange(2 * len(ra)),
        "ra": np.r_[ra, ra],
        "dec": np.r_[dec + 0.5 / 3600, dec - 0.9 / 3600],
        "kind": ["b"] * len(ra) + ["c"] * len(ra),
    }
    pq.write_table(pa.table(columns), folder / "known.parquet")
    source = open_source(folder / "known.parquet")
    catalogue.add(folder / "store", "known", source, Roles("ra", "dec", "id", radius=1))
    cells = np.unique(np.array(found["healpix"]) >> 2 * (29 - 8))[::2].tolist()
    (folder / "moc.json").write_text(json.dumps({"8": cells}))
    region.add(folder / "store", "north", folder / "moc.json")
    tables = Enrichment.open(folder / "store").tables
    classifier.add(folder / "store", written(folder / "bright", LOGISTIC, TOLD), tables)
    return folder / "store"


@pytest.fixture(scope="module", params=["duckdb", "postgresql"])
def flowed(
    request: pytest.FixtureRequest, store: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Archive, Counts, list[Filter]]]:
    """An archive of alerts that were compared as they came."""
    enrichment = Enrichment.open(store)
    filters = [compile_filter(n, text, filter_tables() | enrichment.tables) for n, text in TEXTS.items()]
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp(request.param)
        where = folder if request.param == "duckdb" else stack.enter_context(fresh_database())
        archive = stack.enter_context(open_archive(where))
        counts = run(batches(), archive, schemas=default_schemas(), filters=filters, enrichment=enrichment)
        yield archive, counts, filters


Flowed = tuple[Archive, Counts, list[Filter]]


def asked(archive: Archive, text: str) -> list[dict[str, object]]:
    prepared = prepare(text, "ADQL", tap_catalogue(archive, archive.native_tables()), archive.platform)
    rows = Rows(archive, prepared, maxrec=10**6, seconds=60)
    try:
        rows.begin()
        return [row for batch in rows for row in batch.to_pylist()]
    finally:
        rows.close()


def test_a_filter_means_the_same_live_on_trial_and_over_tap(flowed: Flowed) -> None:
    archive, counts, filters = flowed
    assert counts.failed == {}
    assert 0 < counts.passed["field"] < counts.passed["new"] == counts.passed["known"] == 60
    assert 0 < counts.passed["rising"] < 60
    assert 0 < counts.passed["judged"] < 120
    for one in filters:
        live = {row["alert_id"] for row in archive.events(one.name)}
        assert len(live) == counts.passed[one.name] == try_on(one, archive).passed
        assert {row["alert_id"] for row in asked(archive, one.text)} == live


def test_all_matches_are_there_the_best_first(flowed: Flowed) -> None:
    archive, _, _ = flowed
    rows = asked(
        archive,
        "SELECT survey, alert_id, rank, source_id, separation FROM crossmatch WHERE catalogue = 'match_known'"
        " ORDER BY survey, alert_id, rank",
    )
    assert [row["rank"] for row in rows] == [1, 2] * 60
    assert [row["separation"] for row in rows] == pytest.approx([0.5, 0.9] * 60, abs=1e-6)
    assert [row["source_id"] for row in rows[::2]] == [str(n) for n in range(60)]
    told = asked(archive, "SELECT column_name, unit FROM TAP_SCHEMA.columns WHERE table_name = 'match_known'")
    assert {"column_name": "separation", "unit": "arcsec"} in told
    assert archive.tables()["history"]["brightest_mjd"].system == "TAI_MJD"


def test_an_archive_with_matches_is_whole_and_so_is_its_copy(
    flowed: Flowed, store: Path, tmp_path: Path
) -> None:
    archive, _, _ = flowed
    assert check(archive).faults == []
    beside = Path(archive.place) / "catalogues"
    if archive.platform == "duckdb":
        shutil.copytree(store, beside)
    try:
        copied = copy(archive, place(tmp_path / "copy"))
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    assert (copied.rows["match_known"], copied.rows["crossmatch"]) == (60, 120)
    if archive.platform != "duckdb":
        return
    assert set(copied.catalogues) == {"known", "north", "bright"}
    with open_archive(tmp_path / "copy") as again:
        assert check(again).catalogues == 3
        assert set(Enrichment.open(tmp_path / "copy" / "catalogues").tables) == set(
            Enrichment.open(store).tables
        )
        db = again._db  # type: ignore[attr-defined]
        db.execute(
            "DELETE FROM crossmatch WHERE rank = 1 AND alert_id = (SELECT min(alert_id) FROM crossmatch)"
        )
        db.execute("INSERT INTO history BY NAME SELECT 'lsst' AS survey, 7 AS alert_id")
        (part,) = (tmp_path / "copy" / "catalogues" / "known").rglob("Npix=*.parquet")
        data = bytearray(part.read_bytes())
        data[20] ^= 255
        part.write_bytes(data)
        told = check(again).faults
    assert [one for one in told if "ranked from 1 on" in one]
    assert [one for one in told if "match_known does not have" in one]
    assert "history has lsst alert 7, which is not there" in told
    assert [one for one in told if one.startswith("the catalogue known is damaged")], told
    assert len(told) == 4


def test_matching_again_replaces_what_was_stored(
    flowed: Flowed, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vobroker.pipeline.rematch.PAGE", 50)
    monkeypatch.setattr("vobroker.pipeline.rematch.PACKETS", 50)
    archive, _, _ = flowed
    for layer in Enrichment.open(store).layers:
        before = asked(archive, f"SELECT * FROM {layer.table.name} ORDER BY survey, alert_id")
        alerts, rows = rematch(Held(archive), layer)
        assert (alerts, rows) == (120, len(before))
        assert asked(archive, f"SELECT * FROM {layer.table.name} ORDER BY survey, alert_id") == before
    assert asked(archive, "SELECT count(*) AS n FROM crossmatch") == [{"n": 120}]


def test_a_damaged_catalogue_keeps_no_alert_out(store: Path, tmp_path: Path) -> None:
    enrichment = Enrichment.open(store)
    tables = filter_tables() | enrichment.tables
    filters = [compile_filter(name, TEXTS[name], tables) for name in ("known", "new")]
    filters.append(compile_filter("all", "SELECT mag FROM alert"))
    for layer in enrichment.layers:
        if layer.table.name == "match_known":
            for file in (store / "known" / "dataset").rglob("Npix=*"):
                file.rename(file.with_suffix(".gone"))
    try:
        with open_archive(tmp_path / "archive") as archive:
            counts = run(
                batches(), archive, schemas=default_schemas(), filters=filters, enrichment=enrichment
            )
    finally:
        for file in (store / "known" / "dataset").rglob("*.gone"):
            file.rename(file.with_suffix(".parquet"))
    assert (counts.archived, counts.passed["all"]) == (120, 120)
    assert set(counts.failed) == {"match_known", "known", "new", "classifier_bright"}
    assert "is damaged" in counts.failed["match_known"]
