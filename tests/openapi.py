"""Asks an HTTP interface what its OpenAPI document says can be asked, and whether the answers keep to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress

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
from schemathesis.schemas import APIOperation

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
]


def keeps_to_its_description(
    address: str, *, examples: int, without: Sequence[str] = (), known: Mapping[str, str | int] | None = None
) -> Counter[int]:
    """Send each operation requests that fit its description and ones that do not; count answers by status.

    The requests are the same each time. Every second one that fits names in its path what is ``known`` to be
    there.
    """
    schema = schemathesis.openapi.from_url(f"{address}/openapi.json")
    schema.config.update(base_url=address)
    answers: Counter[int] = Counter()
    with requests.Session() as session:
        session.headers["Origin"] = address  # as if the forms were ours
        for found in schema.get_all_operations():
            operation = found.ok()
            if operation.path not in without:
                _ask(operation, GenerationMode.POSITIVE, session, examples, known or {}, answers)
                with suppress(Unsatisfiable):  # nothing can be wrong about what has no parameters
                    _ask(operation, GenerationMode.NEGATIVE, session, examples, {}, answers)
    return answers


def _ask(
    operation: APIOperation,
    mode: GenerationMode,
    session: requests.Session,
    examples: int,
    known: Mapping[str, str | int],
    answers: Counter[int],
) -> None:
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
        if answers.total() % 2:
            case.path_parameters.update({name: known[name] for name in case.path_parameters if name in known})
        answer = case.call(session=session, allow_redirects=False, timeout=30)
        answers[answer.status_code] += 1
        case.validate_response(answer, checks=CHECKS)

    ask()
