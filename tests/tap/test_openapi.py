"""What the service says of its HTTP interface, and that it keeps to it whatever it is sent."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import schemathesis
from fastapi.routing import APIRoute
from hypothesis import strategies as st
from tests.openapi import keeps_to_its_description
from tests.tap.conftest import Served, filled, serving

from vobroker.tap import app, asynchronous, waited

QUERIES = (
    "SELECT TOP 3 * FROM alert",
    "SELECT survey, COUNT(*) AS n FROM alert GROUP BY survey",
    "SELECT * FROM ivoa.obscore",
    "SELECT 'é' AS \"a b\", NULL AS x FROM object",
    "SELECT nothing FROM alert",
    "SELECT",
)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("openapi")
    with filled("duckdb", folder) as archive, serving(archive, folder) as served:
        yield served


def described(tap) -> dict:
    answer = tap.get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def test_every_address_is_described_and_no_other(plain):
    routes = {
        (method.lower(), route.path)
        for router in (app.router, waited.router, asynchronous.router)
        for route in router.routes
        if isinstance(route, APIRoute) and route.path != "/openapi.json"
        for method in route.methods
    }
    found = {(method, path) for path, methods in described(plain)["paths"].items() for method in methods}
    assert found == routes


def test_nothing_of_the_inside_is_shown(plain):
    text = json.dumps(described(plain)).lower()
    for word in ("fastapi", "python", "duckdb", "postgresql", "traceback", "operationid", "validationerror"):
        assert word not in text
    assert described(plain)["servers"] == [{"url": plain.address}]


def test_the_service_keeps_to_its_description(plain, monkeypatch):
    monkeypatch.setattr(asynchronous, "MAX_WAIT", 0)
    job = plain.post("/async", data={"QUERY": QUERIES[0]}).headers["location"].rpartition("/")[2]
    known = {"identifier": job, "name": "alert", "table": "object", "part": "phase"}
    schemathesis.openapi.format("adql", st.sampled_from(QUERIES))
    schemathesis.openapi.format("uws-job", st.sampled_from(["nothing", "0"]))
    schemathesis.openapi.format(
        "tap-upload", st.sampled_from(["mine,param:mine", "x,http://127.0.0.1/", "x", "a,param:b;c,param:d"])
    )
    answers = keeps_to_its_description(plain.address, examples=4, known=known)
    assert answers[200] > 20
    assert answers[303] > 5
    assert answers[400] > 20
