"""``vobroker voevent`` on the events of real packets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from astropy.io import votable as astropy_votable
from typer.testing import CliRunner, Result

from vobroker.cli import app
from vobroker.voevent import canonical, read
from vobroker.voevent.embedded import embedded
from vobroker.voevent.json import from_json


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


def test_a_packet_is_json_and_canonical_xml_on_demand(archive: Path, events: list[dict[str, str]]) -> None:
    ivorn = events[0]["ivorn"]
    packet = vobroker("voevent", "show", ivorn, "--archive", archive, "--xml").output.encode()
    as_json = vobroker("voevent", "show", ivorn, "--archive", archive, "--json")
    assert json.loads(as_json.output)["ivorn"] == ivorn
    assert from_json(as_json.output.encode()) == read(packet)
    shown = vobroker("voevent", "show", ivorn, "--archive", archive, "--canonical")
    assert shown.output.encode() == canonical(packet)


def test_warnings_are_told_from_errors(tmp_path: Path) -> None:
    packet = tmp_path / "packet.xml"
    packet.write_text(
        '<v:VOEvent xmlns:v="http://www.ivoa.net/xml/VOEvent/v2.0" version="2.0" ivorn="ivo://abc/d#e">\n'
        '<What><Param name="a" unit="degrees" value="1"/></What></v:VOEvent>'
    )
    done = vobroker("voevent", "validate", packet)
    assert done.exit_code == 0
    assert "packet.xml: warning: line 2: <Param> a has the unit 'degrees'" in done.output
    assert "1 packets are valid" in done.output
    assert vobroker("voevent", "validate", "--quiet", packet).output == "1 packets are valid\n"
    strict = vobroker("voevent", "validate", "--strict", "--json", packet)
    assert strict.exit_code == 1
    (row,) = json.loads(strict.stdout)
    assert (row["severity"], row["rule"], row["line"]) == ("warning", "unit", 2)
    assert vobroker("voevent", "validate", tmp_path / "none.xml").exit_code == 2


def test_the_stream_says_how_its_events_carry_their_light_curve(
    archive: Path, events: list[dict[str, str]], tmp_path: Path
) -> None:
    place = ("--archive", archive)
    assert vobroker("voevent", "embed", *place).output == "all streams: none\n"
    stream = events[0]["stream"]
    done = vobroker("voevent", "embed", "votable", "--stream", stream, *place)
    assert done.output == f"{stream}: votable\nall other streams: none\n"
    try:
        exported = vobroker("voevent", "export", "--to", tmp_path / "out", *place)
        assert exported.exit_code == 0, exported.output
        for file in (tmp_path / "out").rglob("*.xml"):
            assert bool(embedded(read(file.read_bytes()))) == (file.parts[-3] == stream)
        file = next((tmp_path / "out" / stream).rglob("*.xml"))
        shown = vobroker("voevent", "lightcurve", file)
        assert shown.exit_code == 0, shown.output
        assert "detections" in shown.output
        vot, png = tmp_path / "curve.vot", tmp_path / "curve.png"
        for out in (vot, png):
            assert vobroker("voevent", "lightcurve", events[0]["ivorn"], *place, "-o", out).exit_code == 0
        assert len(astropy_votable.parse_single_table(vot).array) > 0
        assert png.read_bytes().startswith(b"\x89PNG")
    finally:
        vobroker("voevent", "embed", "none", "--stream", stream, *place)
    plain = next((archive / "voevents").rglob("*.xml"))
    none = vobroker("voevent", "lightcurve", plain)
    assert (none.exit_code, "carries no light curve" in none.output) == (1, True)


def test_alerts_come_back_out_of_events(archive: Path, events: list[dict[str, str]]) -> None:
    files = sorted((archive / "voevents").rglob("*.xml"))
    done = vobroker("voevent", "alerts", "--json", *files)
    assert done.exit_code == 0, done.output
    assert {row["alert_id"] for row in json.loads(done.output)} == {event["alert_id"] for event in events}
    shown = vobroker("voevent", "alerts", files[0]).output
    assert files[0].stem.partition("-")[2] in shown
    assert "mag_error" in shown


def test_events_are_withdrawn_and_replaced(archive: Path, tmp_path: Path) -> None:
    file = next((archive / "voevents").rglob("*.xml"))
    old = read(file.read_bytes()).ivorn
    gone, better = tmp_path / "gone.xml", tmp_path / "better.xml"
    assert vobroker("voevent", "retract", file, "--reason", "A satellite.", "-o", gone).exit_code == 0
    done = vobroker(
        "voevent",
        "supersede",
        file,
        "--with",
        file,
        "--reason",
        "Corrected.",
        "--revision",
        "2",
        "-o",
        better,
    )
    assert done.exit_code == 0, done.output
    for packet, ivorn, cite in (
        (gone, f"{old}/retraction", "retraction"),
        (better, f"{old}/2", "supersedes"),
    ):
        event = read(packet.read_bytes())
        assert event.ivorn == ivorn
        assert event.citations
        assert event.citations.events[0].ivorn == old
        assert event.citations.events[0].cite == cite
    assert vobroker("voevent", "validate", "--strict", gone, better).exit_code == 0
    itself = vobroker("voevent", "supersede", file, "--with", file, "--reason", "x")
    assert (itself.exit_code, "cannot supersede itself" in itself.output) == (1, True)


def test_samples_are_valid_and_the_same_at_every_run(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        done = vobroker("voevent", "samples", "--out", tmp_path / folder)
        assert done.exit_code == 0, done.output
    one, two = ({f.name: f.read_bytes() for f in (tmp_path / name).iterdir()} for name in ("one", "two"))
    assert one == two
    packets = sorted((tmp_path / "one").glob("*.xml"))
    assert len(packets) > 10
    assert vobroker("voevent", "validate", *packets).exit_code == 0
