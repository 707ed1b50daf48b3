"""Asks an HTTP interface what its OpenAPI document says can be asked, and whether the answers keep to it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext, suppress

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
]


def keeps_to_its_description(
    address: str, *, examples: int, without: Sequence[str] = (), headers: dict[str, str] | None = None
) -> int:
    """Send each operation requests that fit its description and ones that do not; give how many there were.

    The requests are the same each time.
    """
    schema = schemathesis.openapi.from_url(f"{address}/openapi.json")
    schema.config.update(base_url=address)
    sent = 0
    with requests.Session() as session:
        for found in schema.get_all_operations():
            operation = found.ok()
            if operation.path in without:
                continue
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

                @settings(
                    max_examples=examples,
                    derandomize=True,
                    database=None,
                    deadline=None,
                    phases=[Phase.generate],
                    suppress_health_check=list(HealthCheck),
                )
                @given(operation.as_strategy(generation_mode=mode))
                def ask(case: Case) -> None:
                    nonlocal sent
                    sent += 1
                    answer = case.call(session=session, headers=headers, allow_redirects=False, timeout=30)
                    case.validate_response(answer, checks=CHECKS)

                with suppress(Unsatisfiable) if mode is GenerationMode.NEGATIVE else nullcontext():
                    ask()  # nothing can be wrong about what has no parameters
    return sent
