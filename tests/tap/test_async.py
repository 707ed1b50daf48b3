"""Jobs: their phases, what can be changed, who sees them, and that a restart loses none."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import httpx
import pytest
from tests.tap.conftest import filled, serving, told
from tests.tap.test_sync import ENDLESS

UWS = "{http://www.ivoa.net/xml/UWS/v1.0}"
QUERY = {"LANG": "ADQL", "QUERY": "SELECT COUNT(*) AS n FROM alert", "RESPONSEFORMAT": "csv"}


def create(tap, **options) -> str:
    """Make a job and give its address."""
    data = {**QUERY, **options.pop("data", {})}
    answer = tap.post("/async", data=data, **options)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def phase(job: str, **options) -> str:
    return httpx.get(f"{job}/phase", **options).text


def wait_for(job: str, *phases: str) -> str:
    deadline = time.monotonic() + 20
    while phase(job) not in phases and time.monotonic() < deadline:
        time.sleep(0.05)
    return phase(job)


def test_a_job_waits_until_it_is_told_to_run(tap):
    job = create(tap)
    assert phase(job) == "PENDING"
    assert httpx.post(f"{job}/phase", data={"PHASE": "RUN"}).status_code == 303
    assert wait_for(job, "COMPLETED") == "COMPLETED"
    result = httpx.get(f"{job}/results/result")
    assert result.text.split() == ["n", "7"]
    assert result.headers["content-type"].startswith("text/csv")
    root = ElementTree.fromstring(httpx.get(job).text)
    assert [child.tag.removeprefix(UWS) for child in root] == [
        *("jobId", "ownerId", "phase", "quote", "creationTime", "startTime", "endTime", "executionDuration"),
        *("destruction", "parameters", "results"),
    ]


def test_a_job_can_begin_at_once(tap):
    assert wait_for(create(tap, data={"PHASE": "RUN"}), "COMPLETED") == "COMPLETED"


def test_who_waits_for_a_change_is_told_at_once(tap):
    job = create(tap)
    began = time.monotonic()
    assert "PENDING" in httpx.get(job, params={"WAIT": 1}).text
    assert 0.9 < time.monotonic() - began < 3
    httpx.post(f"{job}/phase", data={"PHASE": "RUN"})
    began = time.monotonic()
    for _ in range(5):
        shown = httpx.get(job, params={"WAIT": 20}, timeout=30).text
        if "COMPLETED" in shown:
            break
    assert "COMPLETED" in shown
    assert time.monotonic() - began < 10


def test_parameters_can_be_changed_before_a_job_begins(tap):
    job = create(tap)
    httpx.post(f"{job}/parameters", data={"QUERY": "SELECT COUNT(*) AS m FROM object"})
    httpx.post(f"{job}/executionduration", data={"EXECUTIONDURATION": "7"})
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    httpx.post(f"{job}/destruction", data={"DESTRUCTION": tomorrow})
    assert httpx.get(f"{job}/executionduration").text == "7"
    assert httpx.get(f"{job}/destruction").text == tomorrow.replace("Z", ".000Z")
    httpx.post(f"{job}/phase", data={"PHASE": "RUN"})
    assert wait_for(job, "COMPLETED") == "COMPLETED"
    assert httpx.get(f"{job}/results/result").text.startswith("m")
    told(httpx.post(f"{job}/parameters", data={"QUERY": "SELECT 1 FROM alert"}), 409)


def test_no_job_is_kept_or_runs_longer_than_its_role_allows(tap):
    job = create(tap)
    limits = tap.service.roles.limits["guest"]
    httpx.post(f"{job}/executionduration", data={"EXECUTIONDURATION": "99999999"})
    httpx.post(f"{job}/destruction", data={"DESTRUCTION": "2999-01-01T00:00:00Z"})
    assert httpx.get(f"{job}/executionduration").text == str(limits.max_async_seconds)
    kept = datetime.fromisoformat(httpx.get(f"{job}/destruction").text)
    assert kept <= datetime.now(UTC) + timedelta(days=limits.max_retention_days)


def test_a_wrong_query_is_an_error_with_its_document(tap):
    job = create(tap, data={"PHASE": "RUN", "QUERY": "SELECT nope FROM alert"})
    assert wait_for(job, "ERROR") == "ERROR"
    assert "There is no column nope" in told(httpx.get(f"{job}/error"), 200)
    assert "There is no column nope" in httpx.get(job).text
    told(httpx.get(f"{job}/results/result"), 404)


def test_a_running_job_can_be_stopped_and_deleted(tap):
    job = create(tap, data={"PHASE": "RUN", "QUERY": ENDLESS})
    assert wait_for(job, "EXECUTING") == "EXECUTING"
    httpx.post(f"{job}/phase", data={"PHASE": "ABORT"})
    assert phase(job) == "ABORTED"
    assert httpx.delete(job).status_code == 303
    told(httpx.get(job), 404)
    assert wait_for(create(tap, data={"PHASE": "RUN"}), "COMPLETED") == "COMPLETED"


def test_a_job_is_stopped_at_its_time_limit(tap):
    job = create(tap, data={"QUERY": ENDLESS})
    httpx.post(f"{job}/executionduration", data={"EXECUTIONDURATION": "1"})
    httpx.post(f"{job}/phase", data={"PHASE": "RUN"})
    assert wait_for(job, "ABORTED") == "ABORTED"
    assert "stopped after 1 s" in told(httpx.get(f"{job}/error"), 200)


def test_uploads_come_with_a_job(tap):
    files = {"mine": ("mine.csv", b"alert_id,note\n-121540793515135000,hello\n")}
    data = {
        **QUERY,
        "PHASE": "RUN",
        "UPLOAD": "mine,param:mine",
        "QUERY": "SELECT m.note FROM TAP_UPLOAD.mine AS m JOIN alert AS a ON a.alert_id = m.alert_id",
    }
    answer = tap.post("/async", data=data, files=files)
    job = answer.headers["location"]
    assert wait_for(job, "COMPLETED", "ERROR") == "COMPLETED", httpx.get(job).text
    assert httpx.get(f"{job}/results/result").text.split() == ["note", "hello"]


def test_a_job_of_somebody_else_is_not_there(tap):
    job = create(tap, auth=("ada", tap.token))
    told(httpx.get(job), 404)
    told(httpx.post(f"{job}/phase", data={"PHASE": "RUN"}), 404)
    told(httpx.delete(job), 404)
    assert phase(job, auth=("ada", tap.token)) == "PENDING"
    identifier = job.rpartition("/")[2]
    mine = tap.get("/async", auth=("ada", tap.token), params={"PHASE": "PENDING"}).text
    assert identifier in mine
    assert "jobref" not in tap.get("/async").text


@pytest.mark.parametrize("identifier", ["nothing", "..%2f..%2fetc", "%00", "a" * 65, "a'--"])
def test_there_is_no_job_of_any_other_name(tap, identifier):
    for path in (f"/async/{identifier}", f"/async/{identifier}/results/result"):
        assert tap.get(path).status_code in (400, 404)


def test_nobody_can_have_more_jobs_at_a_time_than_allowed(plain):
    limits = plain.service.roles.limits["guest"]
    jobs = [create(plain, data={"QUERY": ENDLESS}) for _ in range(limits.jobs + 1)]
    for job in jobs[:-1]:
        assert httpx.post(f"{job}/phase", data={"PHASE": "RUN"}).status_code == 303
    answer = httpx.post(f"{jobs[-1]}/phase", data={"PHASE": "RUN"})
    assert f"{limits.jobs} jobs wait or run already" in told(answer, 503)
    assert answer.headers["retry-after"]
    for job in jobs:
        httpx.delete(job)


def test_a_restart_loses_no_job(tmp_path):
    with filled("duckdb", tmp_path) as archive:
        with serving(archive, tmp_path) as first:
            done = create(first, data={"PHASE": "RUN"})
            assert wait_for(done, "COMPLETED") == "COMPLETED"
            waiting = create(first)
            running = create(first, data={"PHASE": "RUN", "QUERY": ENDLESS})
            assert wait_for(running, "EXECUTING") == "EXECUTING"
        with serving(archive, tmp_path) as second:
            done, waiting, running = (
                f"{second.address}/async/{job.rpartition('/')[2]}" for job in (done, waiting, running)
            )
            assert httpx.get(f"{done}/results/result").text.split() == ["n", "7"]
            assert phase(waiting) == "PENDING"
            assert wait_for(running, "EXECUTING") == "EXECUTING"
            httpx.delete(running)


def test_a_job_is_forgotten_when_its_time_is_over(plain):
    job = create(plain)
    httpx.post(f"{job}/destruction", data={"DESTRUCTION": "2020-01-01T00:00:00Z"})
    deadline = time.monotonic() + 15
    while httpx.get(job).status_code == 200 and time.monotonic() < deadline:
        time.sleep(0.2)
    told(httpx.get(job), 404)
    assert not plain.service.jobs.place(job.rpartition("/")[2]).exists()
