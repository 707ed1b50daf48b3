"""What the pages say of their HTTP interface, and that they keep to it whatever they are sent."""

from __future__ import annotations

import json

from tests.openapi import keeps_to_its_description

from .conftest import Served


def test_nothing_of_the_inside_is_shown(site: Served) -> None:
    found = site.json("/openapi.json")
    text = json.dumps(found).lower()
    for word in ("fastapi", "python", "duckdb", "postgresql", "operationid", "validationerror"):
        assert word not in text, word
    assert {"/", "/query", "/objects/{survey}/{object_id}"} <= set(found["paths"])


def test_the_pages_keep_to_their_description(site: Served) -> None:
    (alert,) = site.archive.query("SELECT * FROM alert WHERE object_id = 'ZTF21abiuvdk' LIMIT 1").to_pylist()
    known = {
        **{name: alert[name] for name in ("survey", "object_id", "alert_id")},
        **{"suffix": "svg", "kind": "science", "stream": "hostile", "name": "hostile", "number": 1},
    }
    # What comes without end is not for a test of answers.
    endless = [path for path in site.json("/openapi.json")["paths"] if path == "/live" or "/stream" in path]
    answers = keeps_to_its_description(site.address, examples=3, without=endless, known=known)
    assert answers[200] > 20
    assert answers[404] > 5
