"""``vobroker platform``: what it prints, for people and for programs, and how it fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from tests.platforms.network import Service, http, listening
from typer.testing import CliRunner

from vobroker.cli import platform
from vobroker.platforms import read

UP = b"<availability><available>true</available></availability>"
NOTHING = http(status="404 Nothing")


def run(*arguments: object, status: int = 0) -> str:
    """Run a command in a wide terminal; what it prints."""
    commands = typer.Typer()
    platform.register(commands)
    done = CliRunner().invoke(commands, ["platform", *map(str, arguments)], env={"COLUMNS": "240"})
    assert done.exit_code == status, done.output
    return done.output


def test_platforms_are_listed_shown_and_compared() -> None:
    assert "no notebook" in run("list")
    assert {"canfar", "rubin-idf"} <= {one["id"] for one in json.loads(run("list", "--json"))}
    assert "stale" in run("show", "rubin-idf")
    assert json.loads(run("show", "rubin-idf", "--json"))["roles"]["user"]["upload"]["stale"]
    table = run("compare", "canfar", "gavo")
    assert "192 GB" in table
    assert "esa-datalabs" not in table
    assert "there is no platform 'nowhere'" in run("show", "nowhere", status=2)


def test_a_descriptor_that_is_printed_can_be_read_again_and_compared(tmp_path: Path) -> None:
    text = run("show", "canfar", "--yaml")
    file = tmp_path / "mine.yaml"
    file.write_text(text.replace("id: canfar", "id: mine", 1))
    assert read.read(file).id == "mine"
    assert "mine" in run("compare", file, "gavo")
    assert "good" in run("check", file)
    file.write_text(text.replace("unit: GB", "unit: [bold]GB", 1))
    told = run("check", file, status=1)
    assert f"wrong {file}, line " in told
    assert "two platforms 'canfar'" in run("list", "--with", _copy(tmp_path, text), status=2)


def _copy(folder: Path, text: str) -> Path:
    (folder / "copy.yaml").write_text(text)
    return folder / "copy.yaml"


def test_a_plan_says_why_and_draws(tmp_path: Path) -> None:
    plot = tmp_path / "plan.png"
    told = run("plan", "gaia-periods", "--plot", plot)
    assert "the 1.2 TB of gaia-dr3-light-curves are with the same provider" in told
    assert "16.7 d of one core / 2 cores = 8.33 d" in told
    assert "copy  1.2 TB of gaia-dr3-light-curves from esa-datalabs to canfar" in told
    assert plot.read_bytes().startswith(b"\x89PNG")
    (choice,) = json.loads(run("plan", "crossmatch", "-p", "gavo", "--json"))
    assert choice["platform"] == "gavo"
    assert "gaia-periods" in run("plan")
    assert "there is no file nothing.yaml" in run("plan", "nothing.yaml", status=2)


def test_a_probe_is_kept_and_shown_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOBROKER_PROBES", str(tmp_path))
    answers = {"availability": http(UP), "capabilities": NOTHING, "sync": NOTHING}
    with listening(Service(answers)) as address:
        for _ in range(2):
            told = run("probe", address, "--pause", 0, "--times", 1)
        assert "available" in told
        assert "problem: capabilities: it answers 404" in told
    assert "does not say" in run("probe", address, "--seconds", 1, "--pause", 0, status=1)
    (reports,) = json.loads(run("probe", address, "--history", "--json")).values()
    assert [one["available"] for one in reports] == [True, True, None]
    assert "was never asked" in run("probe", "http://127.0.0.1:1/other", "--history")
    assert "is no address of a service" in run("probe", "file:///etc/passwd", status=2)
