"""The worked example of docs/new-survey.md makes a survey of what was a dead letter."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vobroker.alerts import surveys
from vobroker.alerts.decode import Decoded

ROOT = Path(__file__).resolve().parents[3]


def test_the_example_reads_a_real_packet(
    monkeypatch: pytest.MonkeyPatch,
    shared: Path,
    decoded: Callable[..., Decoded],
    usual: Callable[[bytes], list[dict[str, Any]]],
) -> None:
    packet = (shared / "alerts" / "other" / "pgir_114297926.avro").read_bytes()
    (letter,) = decoded(packet).dead
    assert letter.reason == "unknown-survey"

    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "new-survey.md").read_text(), re.DOTALL)
    made: dict[str, Any] = {}
    exec(example, made)
    monkeypatch.setattr(surveys, "SURVEYS", (*surveys.SURVEYS, made["SURVEY"]))

    (batch,) = decoded(packet).batches
    (alert,) = usual(packet)
    (row,) = batch.alert.to_pylist()
    assert row["survey"] == "pgir"
    assert row["alert_id"] == alert["candid"]
    assert row["object_id"] == str(alert["objectId"])
    assert row["mag"] == pytest.approx(alert["candidate"]["magpsf"])
    detections = [alert["candidate"], *alert["prv_candidates"]]
    expected = {source["candid"] for source in detections if source["candid"] is not None}
    assert set(batch.measurements()["measurement_id"].to_pylist()) == expected
    assert batch.native()["ra"].to_pylist() == [alert["candidate"]["ra"]]
