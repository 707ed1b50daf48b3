"""Jobs: their phases, what can be changed, who sees them, and that a restart loses none."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree

import httpx
import psutil
import pytest
from tests.tap.conftest import filled, serving, told
from tests.tap.test_sync import ENDLESS, MANY

from vobroker.roles import read_roles
from vobroker.tap import Jobs

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


def allow(tap, monkeypatch, role: str = "guest", **limits: int) -> None:
    known = tap.service.roles.limits
    monkeypatch.setitem(known, role, replace(known[role], **limits))


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


def test_nobody_can_have_more_jobs_at_a_time_than_allowed(plain, monkeypatch):
    allow(plain, monkeypatch, jobs=4)
    jobs = [create(plain, data={"QUERY": ENDLESS}) for _ in range(5)]
    for job in jobs[:-1]:
        assert httpx.post(f"{job}/phase", data={"PHASE": "RUN"}).status_code == 303
    for answer in (
        httpx.post(f"{jobs[-1]}/phase", data={"PHASE": "RUN"}),
        plain.post("/async", data=QUERY | {"PHASE": "RUN"}),
    ):
        assert "4 jobs wait or run already" in told(answer, 503)
        assert answer.headers["retry-after"]
    assert plain.post("/async", data=QUERY | {"PHASE": "RUN"}, auth=("ada", plain.token)).status_code == 303
    for job in jobs:
        httpx.delete(job)
    deadline = time.monotonic() + 20
    while plain.service.jobs._stops and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not plain.service.jobs._stops


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


# -- limits on the disk, and on the patience of others ---------------------------------------------------


def files_of(tap, job: str) -> list[str]:
    return sorted(path.name for path in tap.service.jobs.place(job.rpartition("/")[2]).iterdir())


def test_the_result_of_a_job_is_no_larger_than_allowed(plain, monkeypatch):
    allow(plain, monkeypatch, result_bytes=100_000)
    query = {"QUERY": f"SELECT a0.alert_id FROM {MANY}", "PHASE": "RUN", "MAXREC": "100000"}
    for form in ("csv", "votable", "fits"):
        job = create(plain, data=query | {"RESPONSEFORMAT": form})
        assert wait_for(job, "ERROR", "COMPLETED") == "ERROR"
        assert "more than the 100000 bytes that one may have" in told(httpx.get(f"{job}/error"), 200)
        assert files_of(plain, job) == []
    assert plain.service.jobs.kept("") == 0


def test_results_and_uploads_take_no_more_disk_than_allowed(plain, monkeypatch):
    allow(plain, monkeypatch, kept_bytes=50_000)
    upload = {"UPLOAD": "mine,param:mine"}
    mine = {"mine": b"x\n" + b"1\n" * 9_999}
    first = create(plain, data=upload, files=mine)
    second = create(plain, data=upload, files=mine)
    assert plain.service.jobs.kept("") == 40_000
    refused = plain.post("/async", data=QUERY | upload, files=mine)
    assert "more than 50000 bytes; delete some jobs" in told(refused, 507)
    told(httpx.post(f"{second}/parameters", data=upload, files={"more": mine["mine"]}), 507)
    large = {"QUERY": f"SELECT a0.alert_id FROM {MANY}", "PHASE": "RUN", "MAXREC": "2000"}
    job = create(plain, data=large)
    assert wait_for(job, "ERROR", "COMPLETED") == "ERROR"
    assert "delete some jobs" in told(httpx.get(f"{job}/error"), 200)
    httpx.delete(first)
    done = create(plain, data=large | {"MAXREC": "1000"})
    assert wait_for(done, "ERROR", "COMPLETED") == "COMPLETED"
    assert 40_000 < plain.service.jobs.kept("") <= 50_000
    others = plain.post("/async", data=QUERY | upload, files=mine, auth=("ada", plain.token))
    assert others.status_code == 303


def test_an_upload_is_forgotten_when_its_job_has_ended(plain):
    job = create(plain, data={"UPLOAD": "mine,param:mine", "PHASE": "RUN"}, files={"mine": b"x\n1\n"})
    assert wait_for(job, "COMPLETED") == "COMPLETED"
    deadline = time.monotonic() + 5
    while files_of(plain, job) != ["result.csv"] and time.monotonic() < deadline:
        time.sleep(0.02)
    assert files_of(plain, job) == ["result.csv"]
    size = int(httpx.get(f"{job}/results/result").headers["content-length"])
    assert plain.service.jobs.kept("") == size


def test_eight_hundred_jobs_are_refused_beyond_the_limits_and_leave_nothing(plain, monkeypatch):
    """Who posts quickly gets as many as are allowed; what was refused is not there afterwards."""
    allow(plain, monkeypatch, kept_jobs=200)
    place = urlsplit(plain.address)
    before = psutil.Process().memory_info().rss
    answers: list[tuple[int, str | None]] = []

    def post(number: int, **parameters: str) -> None:
        body, head = urlencode(QUERY | parameters), {"Content-Type": "application/x-www-form-urlencoded"}
        caller = http.client.HTTPConnection(place.hostname, place.port, timeout=60)
        for _ in range(number):
            caller.request("POST", "/tap/async", body, head)
            answer = caller.getresponse()
            answer.read()
            answers.append((answer.status, answer.getheader("location") or answer.getheader("retry-after")))
        caller.close()

    callers = [threading.Thread(target=post, args=(200,)) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    jobs = [where for status, where in answers if status == 303]
    assert len(jobs) == 200
    assert [status for status, where in answers if status != 303 and where] == [503] * (800 - len(jobs))
    assert len([path for path in plain.service.jobs.folder.iterdir() if path.is_dir()]) == len(jobs)
    assert psutil.Process().memory_info().rss - before < 200 * 2**20
    assert plain.rows("SELECT COUNT(*) AS n FROM alert") == [{"n": 7}]
    assert {phase(job) for job in jobs[::40]} == {"PENDING"}


def test_a_long_list_of_jobs_is_cut_as_one_likes(plain, monkeypatch):
    ada = plain.service.roles.caller(plain.token)
    jobs = [
        plain.service.jobs.create([], {}, caller=ada, base=plain.address) for _ in range(ada.limits.kept_jobs)
    ]
    who = {"auth": ("ada", plain.token)}
    told(plain.post("/async", data=QUERY, **who), 503)
    plain.service.jobs.abort(jobs[5].id)

    def listed(**filters: object) -> list[str]:
        answer = plain.get("/async", params=filters, **who)
        return [job.get("id") for job in ElementTree.fromstring(answer.text)]

    names = [job.id for job in jobs]
    began = time.monotonic()
    assert listed() == names
    assert listed(LAST=3) == names[:-4:-1]
    assert listed(PHASE="ABORTED") == [names[5]]
    assert listed(PHASE=["ABORTED", "PENDING"], LAST=2) == names[:-3:-1]
    assert listed(AFTER="2999-01-01T00:00:00Z") == []
    assert listed(LAST=0) == []
    assert time.monotonic() - began < 10
    told(plain.get("/async", params={"LAST": "x"}, **who))
    told(plain.get("/async", params={"PHASE": "DREAMING"}, **who))
    told(plain.get("/async", params={"AFTER": "yesterday"}, **who))


def test_those_who_wait_for_a_job_keep_nobody_else_waiting(plain):
    job = create(plain)
    place = urlsplit(job)
    with ExitStack() as stack:
        for _ in range(150):  # more than there are threads
            caller = stack.enter_context(socket.create_connection((place.hostname, place.port)))
            caller.sendall(f"GET {place.path}?WAIT=60 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        began = time.monotonic()
        assert plain.rows("SELECT COUNT(*) AS n FROM alert") == [{"n": 7}]
        assert time.monotonic() - began < 15


def test_what_a_kill_leaves_is_cleared_away_at_the_next_start(tmp_path):
    jobs = Jobs(tmp_path)
    kept = jobs.create([], {}, caller=read_roles().guest, base="")
    jobs.close()
    (tmp_path / "stray").mkdir()
    again = Jobs(tmp_path)
    assert again.get(kept.id).phase == "PENDING"
    again.close()
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == [kept.id]


def test_jobs_of_an_earlier_version_are_taken_over(tmp_path):
    jobs = Jobs(tmp_path)
    kept = jobs.create([], {}, caller=read_roles().guest, base="")
    jobs._db.execute("ALTER TABLE job DROP COLUMN uploaded")
    jobs.close()
    again = Jobs(tmp_path)
    assert again.get(kept.id).uploaded == 0
    again.close()
