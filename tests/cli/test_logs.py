"""Lines of the log: one for each thing, whatever a caller sends."""

from __future__ import annotations

import json
import logging
import sys

from vobroker.cli.logs import JsonLines, TextLines

HOSTILE = '/streams/x\n{"level": "fake"}\x1b[31m"'


def record(**more: object) -> logging.LogRecord:
    made = logging.LogRecord("vobroker.gateway", logging.INFO, "", 0, "request", (), None)
    vars(made).update(more)
    return made


def test_a_line_of_json_has_what_a_request_was() -> None:
    line = JsonLines().format(record(method="GET", path=HOSTILE, status=404, seconds=0.25))
    assert "\n" not in line
    assert "\x1b" not in line
    told = json.loads(line)
    assert (told["path"], told["status"], told["seconds"], told["level"]) == (HOSTILE, 404, 0.25, "info")
    assert "address" not in told


def test_a_failure_comes_with_its_place() -> None:
    try:
        raise ValueError("out of sky")
    except ValueError:
        told = json.loads(JsonLines().format(record(exc_info=sys.exc_info())))
    assert told["error"].endswith("ValueError: out of sky")


def test_a_line_for_people_is_one_line_too() -> None:
    line = TextLines().format(record(method="GET", path=HOSTILE, status=404))
    assert "\n" not in line
    assert "\x1b" not in line
    assert line.endswith(" 404")
