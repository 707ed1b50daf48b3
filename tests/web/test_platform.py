"""The service as a platform: its page, its descriptor, and sessions offered as the Execution Broker does."""

from __future__ import annotations

import httpx

from vobroker.platforms.documents import parse
from vobroker.platforms.read import from_document
from vobroker.roles import read_roles

from .conftest import Served


def test_a_role_that_says_nothing_of_notebooks_has_none_and_others_have_theirs(site: Served) -> None:
    found = from_document(parse(site.get("/platform/descriptor.json").content, "ours"))
    assert found.roles["guest"]["sessions"].value == 0
    assert found.roles["user"]["memory"].value == read_roles().limits["user"].notebook_memory_bytes
    assert {dataset.id for dataset in found.datasets} == {"rubin-alerts", "ztf-alerts"}
    page = site.get("/platform").text
    assert "<td>8 GB</td>" in page


def test_sessions_are_offered_to_whom_the_limits_allow_them(site: Served) -> None:
    wanted = {"compute": {"cores": {"min": 2}, "memory": {"min": 10}}, "data": [{"location": "ztf-alerts"}]}
    answer = httpx.post(site.address + "/platform/offersets", json=wanted).json()
    assert [one["meta"]["name"] for one in answer["offers"]] == ["operator"]
    assert [one["message"] for one in answer["meta"]["messages"]] == [
        "as guest you get no notebook",
        "as user you get 7.451 GiB of memory, and want 10",
    ]
    assert answer["offers"][0]["compute"]["memory"] == {"min": 10, "max": 14}
    assert site.get(answer["meta"]["url"].removeprefix(site.address)).json() == answer
    everybody = site.json("/platform/offersets")
    assert [one["meta"]["name"] for one in everybody["offers"]] == ["user", "operator"]


def test_requests_that_cannot_be_met_or_read_are_told_why(site: Served) -> None:
    for wanted, said in (
        ({"compute": {"cores": {"min": 4000}}}, "as user you get 2 cores, and want 4000"),
        ({"data": [{"location": "euclid-q1"}]}, "the data 'euclid-q1' are not here; here are: rubin-alerts"),
        ({"executable": {"kind": "https://x/docker-container.yaml"}}, "only Jupyter notebooks run here"),
    ):
        answer = httpx.post(site.address + "/platform/offersets", json=wanted).json()
        assert (answer["result"], answer["offers"]) == ("NO", [])
        assert any(one["message"].startswith(said) for one in answer["meta"]["messages"])
    for body in ("a: &x [1]\nb: *x", "[1", "[]", '{"compute": []}', '{"compute": {"cores": {"min": -1}}}'):
        assert httpx.post(site.address + "/platform/offersets", content=body).status_code == 400
    assert httpx.post(site.address + "/platform/offersets", content=b"x" * 70_000).status_code == 413


def test_places_are_ranked_for_a_job_and_stand_side_by_side(site: Served) -> None:
    asked = "/platforms?job=rubin-filter&p=this-service&p=rubin-idf&p=uk-idac"
    told = site.json(asked)
    ranked = {one["platform"]: one for one in told["choices"]}
    assert next(iter(ranked)) == "rubin-idf"
    # The service has some dozens of alerts, and says so.
    assert "since it has only 48 of the 7,000,000 objects of rubin-alerts" in ranked["this-service"]["words"]
    page = site.get(asked).text
    assert "members of lsst-uk, which you are not" in page
    assert "doc, 2025-06-30, stale" in page
    plot = httpx.get(site.address + "/platforms/plot.svg?job=rubin-filter&p=rubin-idf&dark=1")
    assert plot.headers["content-type"] == "image/svg+xml"
    assert "rubin-idf moves 200 MB" in plot.text


def test_a_job_of_ones_own_is_ranked_or_told_what_is_wrong(site: Served) -> None:
    dataset = "{id: ztf-alerts, amount: {value: 1, unit: MB}, query: true}"
    job = f"title: Mine\nidentity: nobody\ndatasets: [{dataset}]"
    told = httpx.get(site.address + "/platforms", params={"text": job, "format": "json"}).json()
    assert (told["job"], told["choices"][0]["platform"], told["choices"][0]["state"]) == (
        "Mine",
        "this-service",
        "ok",
    )
    wrong = httpx.get(site.address + "/platforms", params={"text": job.replace("MB", "<b>MBB")})
    assert wrong.status_code == 400
    assert (
        "your job, line 3, datasets[0].amount.unit: VOUnits has no unit &#39;&lt;b&gt;MBB&#39;" in wrong.text
    )
    assert httpx.get(site.address + "/platforms?p=nowhere").status_code == 404
    assert httpx.get(site.address + "/platforms/plot.gif").status_code == 404
    assert httpx.get(site.address + "/platforms/plot.svg?job=none").status_code == 400
