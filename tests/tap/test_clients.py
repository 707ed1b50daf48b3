"""The programs that astronomers use: stilts taplint, pyvo, astropy."""

from __future__ import annotations

import io
import re
import warnings

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import pyvo
from astropy.table import Table
from lxml import html

# pyvo leaves its connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)

# obsplan is of ObsLocTAP, which this is not.
STAGES = "TMV TME TMS TMC CPV CAP AVV QGE QPO QAS UWS MDQ OBS UPL EXA"

NEAR_ME = """
    SELECT mine.name, a.alert_id FROM TAP_UPLOAD.mine AS mine
    JOIN alert AS a ON 1 = CONTAINS(POINT(a.ra, a.dec), CIRCLE(mine.ra, mine.dec, 2.0 / 3600))
    ORDER BY mine.name
"""


def service(tap) -> pyvo.dal.TAPService:
    return pyvo.dal.TAPService(tap.address)


@pytest.fixture
def mine(tap) -> Table:
    """Positions of three alerts under names of my own."""
    found = service(tap).search("SELECT TOP 3 ra, dec FROM alert ORDER BY alert_id").to_table()
    return Table({"name": ["a", "b", "c"], "ra": np.asarray(found["ra"]), "dec": np.asarray(found["dec"])})


def test_taplint_finds_nothing_that_is_ours(tap, stilts):
    done = stilts.run("taplint", f"tapurl={tap.address}", f"stages={STAGES}", "maxrepeat=50")
    said = done.stdout.decode().splitlines()
    found = [line for line in said if re.match(r"[EWF]-", line)]
    assert not found, "\n".join(found)
    assert done.returncode == 0, done.stderr.decode()
    assert any(line.startswith("S-EXA-XVAL") for line in said)


def test_pyvo_asks_and_does_not_wait(tap):
    job = service(tap).submit_job("SELECT alert_id, ra, dec FROM alert ORDER BY alert_id")
    assert job.phase == "PENDING"
    job.run()
    job.wait(timeout=30)
    assert job.phase == "COMPLETED"
    found = job.fetch_result().to_table()
    assert list(found["alert_id"]) == [
        int(row["alert_id"]) for row in tap.rows("SELECT alert_id FROM alert ORDER BY alert_id")
    ]
    job.delete()
    with pytest.raises(pyvo.dal.DALServiceError):
        job.phase  # noqa: B018


@pytest.mark.parametrize("way", ["run_sync", "run_async"])
def test_pyvo_finds_what_is_near_its_own_table(tap, mine, way):
    found = getattr(service(tap), way)(NEAR_ME, uploads={"mine": mine}).to_table()
    assert set(found["name"]) == {"a", "b", "c"}


def test_pyvo_follows_the_links_of_an_alert(tap):
    found = service(tap).search("SELECT TOP 2 * FROM alert ORDER BY alert_id")
    links = [set(link.to_table()["semantics"]) for link in found.iter_datalinks()]
    assert len(links) == 2
    assert all({"#this", "#preview-image", "#coderived", "#documentation"} <= found for found in links)


def test_the_links_of_an_alert_lead_to_what_they_say(tap):
    (alert,) = tap.rows("SELECT TOP 1 alert_did FROM alert WHERE survey = 'ztf' ORDER BY alert_id")
    links = tap.get("/datalink", params={"ID": alert["alert_did"], "RESPONSEFORMAT": "json"}).json()["rows"]
    for link in links:
        answer = httpx.get(link["access_url"])
        assert answer.status_code == 200, link
        assert answer.headers["content-type"].partition(";")[0] == link["content_type"].partition(";")[0]
        if link["content_length"] is not None:
            assert len(answer.content) == int(link["content_length"])


def test_the_links_of_an_own_event_lead_to_it_and_to_its_alert(tap):
    (event,) = tap.rows("SELECT TOP 1 ivorn FROM event ORDER BY sequence")
    links = tap.get("/datalink", params={"ID": event["ivorn"], "RESPONSEFORMAT": "json"}).json()["rows"]
    assert [link["semantics"] for link in links][:2] == ["#this", "#progenitor"]
    for link in links:
        assert httpx.get(link["access_url"]).status_code == 200, link


def test_pyvo_reads_limits_examples_and_tables(tap):
    known = service(tap)
    assert known.maxrec == 20_000
    assert {method.ivo_id.rpartition("-")[2] for method in known.upload_methods} == {
        "inline",
        "http",
        "https",
    }
    assert [example["QUERY"] for example in known.examples]
    assert known.tables["alert"].columns[0].name == "survey"


def test_every_example_runs(tap, mine):
    for example in service(tap).examples:
        uploads = {"mine": mine} if "TAP_UPLOAD" in example["QUERY"] else None
        service(tap).search(example["QUERY"], uploads=uploads)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT TOP 3 alert_id FROM alert\nORDER BY alert_id",
        'SELECT TOP 1 \'a\\\\b"""c\' AS text FROM alert',
        'SELECT TOP 1 alert_id AS "mine" FROM alert AS "alert"',
    ],
)
def test_the_query_page_gives_a_program_that_asks_the_same(tap, query):
    page = httpx.get(tap.address.removesuffix("/tap") + "/query", params={"q": query}, timeout=30)
    (pre,) = html.fromstring(page.text).xpath("//pre[@id='python']")
    names: dict[str, object] = {}
    exec(pre.text_content(), names)
    assert len(names["result"]) == len(tap.rows(query))


def test_pyvo_searches_a_cone(tap):
    (place,) = tap.rows("SELECT TOP 1 ra, dec, object_id FROM object ORDER BY object_id")
    cone = pyvo.dal.SCSService(f"{tap.address}/cone/object")
    found = cone.search(pos=(place["ra"], place["dec"]), radius=0.001).to_table()
    assert place["object_id"] in found["object_id"]


ASTROPY = {
    "votable": "votable",
    "votable/td": "votable",
    "votable/b": "votable",
    "fits": "fits",
    "csv": "ascii.csv",
}


@pytest.mark.parametrize("format", ASTROPY)
def test_astropy_reads_the_same_rows_in_every_format(tap, format):
    query = "SELECT alert_id, ra, dec, band, mag FROM alert ORDER BY alert_id"
    answer = tap.query(query, RESPONSEFORMAT=format)
    assert answer.status_code == 200, answer.text
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = Table.read(io.BytesIO(answer.content), format=ASTROPY[format])
    wanted = tap.rows(query)
    assert [str(value) for value in found["alert_id"]] == [row["alert_id"] for row in wanted]
    assert np.allclose(found["ra"], [row["ra"] for row in wanted], rtol=0, atol=0)


def test_arrow_and_parquet_hold_the_same_rows(tap):
    query = "SELECT alert_id, ra, band, received FROM alert ORDER BY alert_id"
    stream = pa.ipc.open_stream(tap.query(query, RESPONSEFORMAT="arrow").content).read_all()
    parquet = pq.read_table(io.BytesIO(tap.query(query, RESPONSEFORMAT="parquet").content))
    assert stream.to_pylist() == parquet.to_pylist()
    assert stream.num_rows == 7


@pytest.mark.parametrize("format", ["votable", "votable/td", "votable/b"])
@pytest.mark.parametrize(
    "query", ["SELECT * FROM alert", "SELECT * FROM ztf", "SELECT COUNT(*) AS n FROM ivoa.obscore"]
)
def test_votlint_has_nothing_to_say(tap, stilts, tmp_path, format, query):
    document = tmp_path / "result.vot"
    document.write_bytes(tap.query(query, RESPONSEFORMAT=format).content)
    assert stilts.lint(document) == []


def test_stilts_asks_as_topcat_does(tap, stilts, tmp_path):
    result = tmp_path / "result.csv"
    query = "SELECT survey, count(*) AS n FROM alert GROUP BY survey ORDER BY survey"
    done = stilts.run(
        "tapquery", f"tapurl={tap.address}", f"adql={query}", f"out={result}", "ofmt=csv", "sync=false"
    )
    assert done.returncode == 0, done.stderr.decode()
    assert result.read_text().split() == ["survey,n", "lsst,2", "ztf,5"]
