"""What the pages say of their HTTP interface, and that they keep to it whatever they are sent."""

from __future__ import annotations

import json

from hypothesis import strategies as st
from tests.openapi import keeps_to_its_description

from .conftest import Served


def test_nothing_of_the_inside_is_shown(site: Served) -> None:
    found = site.json("/openapi.json")
    text = json.dumps(found).lower()
    for word in ("fastapi", "python", "duckdb", "postgresql", "operationid", "validationerror"):
        assert word not in text, word
    assert {"/", "/query", "/objects/{survey}/{object_id}"} <= set(found["paths"])


def test_the_pages_keep_to_their_description(site: Served) -> None:
    names = {
        "survey": st.sampled_from(["ztf", "lsst", "x/../y"]),
        "object_id": st.sampled_from(["ZTF21abiuvdk", "nothing"]),
    }
    assert names
    sent = keeps_to_its_description(site.address, examples=3, without=["/live"])
    assert sent > 60
