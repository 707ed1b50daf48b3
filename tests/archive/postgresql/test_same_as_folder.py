"""An archive on PostgreSQL holds what one in a folder does, row by row and byte by byte."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from tests.archive.test_voevents import packet

from vobroker import adql
from vobroker.alerts.schemas import default_schemas
from vobroker.archive import Archive, heavens, open_archive
from vobroker.archive.balance import faults
from vobroker.archive.known import known
from vobroker.filters import compile_filter, starter_filters
from vobroker.pipeline.river import Counts, run
from vobroker.sources import files

from .content import content

NOVA = "ZTF21abiuvdk"

BRIGHT = "-- Bright\nSELECT alert_id FROM alert WHERE mag < 19"
EVERYTHING = "-- Everything\nSELECT alert_id FROM alert"


def rounded(value: object) -> object:
    """Give a value without the last digits, which depend on the order of a sum."""
    return f"{value:.10g}" if isinstance(value, float) else value


def fill(archive: Archive, data: Path, shared: Path, voevents: Path) -> list[Counts]:
    """Let rivers flow: packets of all kinds, in small and in large batches, and some of them twice."""
    filters = [
        *starter_filters(),
        compile_filter("bright", BRIGHT),
        compile_filter("everything", EVERYTHING),
    ]
    packed = voevents.parent / "night.tar"
    with tarfile.open(packed, "w") as tar:
        tar.add(data / "alerts", "alerts")
    more = '<Citations><EventIVORN cite="followup">ivo://org.example/stream#1</EventIVORN></Citations>'
    with archive.transaction() as transaction:
        transaction.add_voevents([packet(1), packet(2, more=more)])
    return [
        run(
            files.read([path], resume=archive.position, batch=batch),
            archive,
            schemas=default_schemas(),
            filters=filters,
            voevents=voevents,
        )
        for path, batch in (
            (data / "alerts", 512),
            (shared / "alerts/ztf/ZTF21abiuvdk_series", 12),
            (shared / "alerts", 64),
            (packed, 3),
        )
    ]


@pytest.fixture(scope="module")
def both(
    data: Path, shared: Path, module_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Archive, Archive]]:
    """The same packets in a folder and on the server."""
    folder = tmp_path_factory.mktemp("folder")
    with open_archive(folder / "archive") as here, open_archive(module_database) as there:
        counts = [
            fill(archive, data, shared, folder / name) for archive, name in ((here, "here"), (there, "there"))
        ]
        assert counts[0] == counts[1]
        assert all(one.balanced for one in counts[0])
        yield here, there


def test_every_table_has_the_same_rows(both: tuple[Archive, Archive]) -> None:
    here, there = both
    assert here.tables() == there.tables()
    old, new = content(here), content(there)
    assert {"ztf", "lsst"} <= old.keys()
    for name, rows in old.items():
        assert rows, name
        assert list(map(repr, new[name])) == list(map(repr, rows)), name  # NaN is NaN, -0.0 is not 0.0
    assert any(row["cites"] for row in there.events())
    assert faults(here) == faults(there) == []


def test_every_packet_comes_back_byte_by_byte(both: tuple[Archive, Archive]) -> None:
    here, there = both
    keys = [(row["survey"], row["alert_id"]) for row in here.latest(1000)]
    assert len(keys) > 90
    assert [(row["survey"], row["alert_id"]) for row in there.latest(1000)] == keys
    assert all(there.packet(*key) == here.packet(*key) for key in keys)
    for survey in ("ztf", "lsst"):
        key = next(key for key in keys if key[0] == survey)
        assert there.cutouts(*key) == here.cutouts(*key)
        assert repr(there.native(*key)) == repr(here.native(*key))


def test_dead_letters_and_events_come_back(both: tuple[Archive, Archive]) -> None:
    here, there = both
    for summary in here.dead_letters():
        old, new = here.dead_letter(summary["id"]), there.dead_letter(summary["id"])
        assert old is not None
        assert new is not None
        assert {**old, "received": None} == {**new, "received": None}
    names = [row["ivorn"] for row in here.events()]
    assert [row["ivorn"] for row in there.events()] == names
    assert [row["sequence"] for row in there.events()] == list(range(1, len(names) + 1))
    assert there.event(names[-1]) == there.events()[-1]


def test_events_are_written_alike(both: tuple[Archive, Archive]) -> None:
    here, there = both
    folders = [Path(here.place).parent / name for name in ("here", "there")]
    old, new = ({path.relative_to(folder) for path in folder.rglob("*.xml")} for folder in folders)
    assert old == new
    assert len(old) == len(there.events(limit=10_000))


def test_the_light_curve_is_the_same(both: tuple[Archive, Archive]) -> None:
    old, new = (archive.light_curve(NOVA) for archive in both)
    assert len(old) == 50
    assert (old.ra, old.dec, old.survey) == (new.ra, new.dec, new.survey)
    keys = [("kind", "ascending"), ("measurement_id", "ascending"), ("mjd", "ascending")]
    rows = [list(map(repr, curve.points.sort_by(keys).to_pylist())) for curve in (old, new)]
    assert rows[0] == rows[1]
    assert old.detections.num_rows == new.detections.num_rows == 34


def test_stored_packets_are_read_again_as_the_same_batches(both: tuple[Archive, Archive]) -> None:
    old, new = (list(archive.read_batches()) for archive in both)
    assert [len(batch) for batch in old] == [len(batch) for batch in new]
    for one, other in zip(old, new, strict=True):
        assert other.packets == one.packets
        assert other.origin == one.origin
        assert other.schema_version == one.schema_version
        timeless = [name for name in one.alert.schema.names if name != "received"]
        assert repr(other.alert.select(timeless).to_pylist()) == repr(one.alert.select(timeless).to_pylist())
        assert repr(other.measurements().to_pylist()) == repr(one.measurements().to_pylist())


@pytest.mark.parametrize(
    "text",
    [
        "SELECT survey, COUNT(*) AS n, MIN(mag) AS a, MAX(mjd) AS b FROM alert GROUP BY survey ORDER BY 1",
        "SELECT alert_id FROM alert WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE(0.8143, 16.1457, 0.01))"
        " ORDER BY alert_id",
        "SELECT a.alert_id, z.drb, z.programid FROM alert AS a JOIN ztf AS z USING (survey, alert_id)"
        " WHERE z.drb > 0.9 ORDER BY a.alert_id",
        "SELECT TOP 20 object_id, band, mag, AVG(flux) AS f FROM measurement WHERE kind = 'detection'"
        " GROUP BY object_id, band, mag ORDER BY object_id, band, mag",
        "SELECT object_id, n_alerts FROM object WHERE object_id LIKE 'ZTF%' ORDER BY object_id",
        "SELECT filter, SUM(passed) AS p, SUM(seen) AS s FROM filter_ledger GROUP BY filter ORDER BY filter",
    ],
)
def test_a_query_in_adql_gives_the_same_rows(both: tuple[Archive, Archive], text: str) -> None:
    answers = []
    for archive in both:
        checked = adql.check(adql.parse(text), archive.tables())
        sql = adql.translate(checked, archive.platform)
        with archive.read(sql.sql, sql.parameters) as rows:
            streamed = [row for batch in rows for row in batch.to_pylist()]
        assert repr(archive.query(sql.sql, sql.parameters).to_pylist()) == repr(streamed)
        answers.append([{name: rounded(value) for name, value in row.items()} for row in streamed])
    assert answers[0]
    assert answers[0] == answers[1]


def test_the_engine_is_that_with_q3c(both: tuple[Archive, Archive]) -> None:
    assert both[1].platform == "postgresql-q3c"
    assert isinstance(both[1].ledger(), pa.Table)


def test_the_sky_is_the_same(both: tuple[Archive, Archive]) -> None:
    here, there = both
    cone = (0.81429, 16.145693, 30.0)
    latest = heavens.alerts(here, heavens.Chosen(), 500)[0]
    night = next(row["night"] for row in latest if row["night"] is not None)
    for chosen in (heavens.Chosen(), heavens.Chosen(stream="bright"), heavens.Chosen(night, "everything")):
        seen = [counts.tolist() for counts in heavens.counts(here, chosen, 9)]
        assert seen == [counts.tolist() for counts in heavens.counts(there, chosen, 9)]
        for limit, part in ((500, None), (7, None), (500, cone), (2, cone)):
            rows = heavens.alerts(here, chosen, limit, part)
            assert rows[0] or part
            assert rows == heavens.alerts(there, chosen, limit, part)
    one = latest[0]
    assert known(here, one["survey"], one["alert_id"]) == known(there, one["survey"], one["alert_id"])
