"""``vobroker voevent`` on the events of real packets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from vobroker.cli import app
from vobroker.voevent import read


def vobroker(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app(), [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("voevent")
    packets = Path(__file__).resolve().parents[1] / "data" / "alerts"
    done = vobroker("ingest", packets, "--archive", folder / "archive")
    assert done.exit_code == 0, done.output
    return folder / "archive"


@pytest.fixture
def events(archive: Path) -> list[dict[str, str]]:
    done = vobroker("voevent", "list", "--archive", archive, "--json")
    assert done.exit_code == 0, done.output
    found: list[dict[str, str]] = json.loads(done.output)
    assert found
    return found


def test_the_list_names_each_event_and_its_alert(events: list[dict[str, str]]) -> None:
    for event in events:
        assert event["ivorn"].startswith("ivo://org.example.vobroker/")
        assert isinstance(event["alert_id"], str)


def test_an_event_is_shown_and_given_as_packet(archive: Path, events: list[dict[str, str]]) -> None:
    ivorn = events[0]["ivorn"]
    shown = vobroker("voevent", "show", ivorn, "--archive", archive)
    assert shown.exit_code == 0, shown.output
    assert ivorn in shown.output
    packet = vobroker("voevent", "show", ivorn, "--archive", archive, "--xml")
    assert read(packet.output.encode()).ivorn == ivorn


def test_export_writes_what_ingest_wrote(archive: Path, events: list[dict[str, str]], tmp_path: Path) -> None:
    done = vobroker("voevent", "export", "--archive", archive, "--to", tmp_path / "out")
    assert done.exit_code == 0, done.output
    ours = {
        path.relative_to(tmp_path / "out"): path.read_bytes() for path in (tmp_path / "out").rglob("*.xml")
    }
    written = archive / "voevents"
    assert ours == {path.relative_to(written): path.read_bytes() for path in written.rglob("*.xml")}
    assert len(ours) == len(events)
    checked = vobroker("voevent", "validate", *(tmp_path / "out").rglob("*.xml"))
    assert checked.exit_code == 0, checked.output


def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, archive: Path) -> None:
    wrong = tmp_path / "wrong.xml"
    wrong.write_text("<VOEvent/>")
    done = vobroker("voevent", "validate", wrong)
    assert done.exit_code == 1
    assert "wrong.xml" in done.output
    missing = vobroker("voevent", "show", "ivo://org.example.vobroker/none#x", "--archive", archive)
    assert missing.exit_code == 1
    assert "there is no event" in missing.output
