"""What the gateway says of its HTTP interface, and that it keeps to it whatever it is sent."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.openapi import keeps_to_its_description

from .conftest import Served


def test_the_gateway_keeps_to_its_description(served: Served, flow: Callable[[], list[str]]) -> None:
    flow()
    told = served.get("/streams/openapi.json").json()
    for word in ("fastapi", "python", "duckdb", "postgresql", "validationerror"):
        assert word not in json.dumps(told).lower(), word
    cursor = served.page("all", "beginning", limit=1)["messages"][0]["cursor"]
    # What comes without end is not for a test of answers.
    answers = keeps_to_its_description(
        f"{served.address}/streams",
        examples=4,
        without=("/{name}/events", "/{name}/lines"),
        known={"name": "all", "cursor": cursor},
    )
    assert answers[200] > 5
    assert answers[404] + answers[422] > 5
