"""``vobroker filter`` as a user types it: the library, and a trial on an archive of real packets."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from vobroker.alerts.decode import decode
from vobroker.alerts.schemas import default_schemas
from vobroker.archive import open_archive
from vobroker.cli import app
from vobroker.cli.common import out
from vobroker.cli.ingest import chosen_filters
from vobroker.filters import Budget, examples
from vobroker.sources import files

TEXT = "-- Rising <b>\nSELECT alert_id, mag FROM alert WHERE mag < 14"


@pytest.fixture(scope="module")
def archive(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """34 successive packets of one transient."""
    folder = tmp_path_factory.mktemp("archive")
    with open_archive(folder) as store:
        for raw in files.read([shared / "alerts" / "ztf" / "ZTF21abiuvdk_series"]):
            with store.transaction() as transaction:
                for batch in decode(raw, default_schemas()).batches:
                    transaction.add(batch)
    return folder


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.adql"
    path.write_text(TEXT)
    return path


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(out, "_width", 200)


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app(), [str(argument) for argument in arguments])


def good(*arguments: object) -> str:
    done = call(*arguments)
    assert done.exit_code == 0, done.output
    return done.stdout


def trial(*arguments: object) -> dict[str, object]:
    (one,) = json.loads(good("filter", "try", *arguments, "--json"))
    return one  # type: ignore[no-any-return]


def test_nights_and_cost_are_shown(archive: Path, mine: Path) -> None:
    told = trial(mine, "-a", archive)
    nights = told["nights"]
    assert isinstance(nights, list)
    assert sum(night["seen"] for night in nights) == told["seen"] == 34
    assert sum(night["passed"] for night in nights) == told["passed"]
    assert all(night["percent"] == 100 * night["passed"] / night["seen"] for night in nights)
    assert told["cost"]["budget_seconds"] == Budget().seconds  # type: ignore[index]
    shown = good("filter", "try", mine, "-a", archive, "--rows", 0)
    assert f"mine: {told['passed']} of 34 alerts pass (" in shown
    assert len(re.findall(r"^\d{4}-\d\d-\d\d +\d+ +\d+ +[\d.]+ *$", shown, re.MULTILINE)) == len(nights)
    assert re.search(r"version \w{12}; cost: [\d.e-]+ ms for 1,000 alerts", shown)
    fewer = trial(mine, "-a", archive, "--nights", 3)
    assert fewer["nights"] == nights[-3:]
    first = nights[4]["night"]
    assert trial(mine, "-a", archive, "--since", first, "--until", first)["nights"] == nights[4:5]


def test_a_version_is_compared_with_another(archive: Path, mine: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.adql"
    other.write_text(TEXT.replace("14", "13"))
    told = trial(mine, "-a", archive, "--against", other)
    against = told["against"]
    assert isinstance(against, dict)
    assert (against["old"], against["both"] + against["new"]) == (0, told["passed"])
    assert against["new"] > 0
    assert against["version"] != told["version"]
    assert {row["passes"] for row in against["examples"]} == {"new"}
    assert all(isinstance(row["alert_id"], str) for row in against["examples"])
    shown = good("filter", "try", mine, "-a", archive, "--against", other)
    assert f"against other {against['version']}: both let {against['both']} pass" in shown
    assert shown.count("only new: ztf alert ") == len(against["examples"])
    assert "the two mean the same" in good("filter", "try", mine, "-a", archive, "--against", mine)


def test_samples_are_what_was_known_then(archive: Path, mine: Path, tmp_path: Path) -> None:
    told = trial(mine, "-a", archive, "--samples", 5, "--out", tmp_path / "s", "--plot", tmp_path / "n.png")
    assert (tmp_path / "n.png").read_bytes().startswith(b"\x89PNG")
    written = [Path(file) for file in told["samples"]]  # type: ignore[attr-defined]
    (curve,) = [path for path in written if path.name.endswith("_lightcurve.png")]  # there is one object
    name = curve.name.removesuffix("_lightcurve.png")
    kinds = ("difference", "science", "template")
    pictures = [curve, *(curve.with_name(f"{name}_{kind}.png") for kind in kinds)]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in pictures)
    page = (tmp_path / "s" / "mine" / "index.html").read_text()
    assert "Rising &lt;b&gt;" in page
    assert sorted(re.findall(r'src="([^"]+)"', page)) == sorted(path.name for path in pictures)


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        (("--since", 20261399), 2, "--since is a night as yyyymmdd, such as 20260305, not 20261399"),
        (("--plot", "rate.gif"), 2, "a plot is .png or .svg, not rate.gif"),
        (("--plot", "nosuch/rate.png"), 1, "cannot write nosuch/rate.png: No such file"),
        (("--against", "nosuch"), 2, "no filter nosuch; starter filters: bright-transient"),
        (("--samples", 1, "--out", "file"), 1, "cannot write "),
    ],
)
def test_what_cannot_be_done_is_said(
    archive: Path,
    mine: Path,
    options: tuple[object, ...],
    status: int,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    done = call("filter", "try", mine, "-a", archive, *options)
    assert done.exit_code == status
    assert words in " ".join(done.stderr.split())
    assert "Traceback" not in done.output


def test_examples_are_listed_given_and_run_when_named(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    listed = {one["name"]: one for one in json.loads(good("filter", "list", "--json"))}
    assert listed["in-my-list"]["needs"] == ["watchlist_mine"]
    assert "watchlist_mine" in good("filter", "list")
    assert good("filter", "show", "in-my-list", "--source") == examples()["in-my-list"].text
    done = call("filter", "check", "in-my-list", "-a", archive)
    assert done.exit_code == 2
    assert "'vobroker watchlist add FILE --name mine' makes it" in " ".join(done.stderr.split())
    assert trial("cataclysmic-variable", "-a", archive)["seen"] == 34
    (chosen,) = chosen_filters(Path("near-earth-object"))
    assert chosen.version == examples()["near-earth-object"].version


def test_filters_of_users_are_saved_listed_used_weighed_and_withdrawn(
    mine: Path, tmp_path: Path, shared: Path
) -> None:
    where = ("--archive", tmp_path / "kept")
    assert re.match(
        r"bright-mine \w{12} of ada is saved",
        good("filter", "save", "bright-mine", mine, "--owner", "ada", *where),
    )
    refused = call("filter", "save", "young-supernova", mine, "--owner", "ada", *where)
    assert (refused.exit_code, "is taken" in refused.output) == (1, True)
    nobody = call("filter", "save", "other", mine, "--owner", "ada", "--role", "guest", *where)
    assert (nobody.exit_code, "a user or an operator, not by 'guest'" in nobody.output) == (2, True)
    packets = sorted((shared / "alerts/ztf/ZTF21abiuvdk_series").glob("*.avro"))[:3]
    assert "filter bright-mine: 0 passed" in good("ingest", *packets, *where)
    good("filter", "check", "bright-mine", *where)
    listed = json.loads(good("filter", "list", "--json", *where))[-1]
    assert (listed["owner"], listed["title"], listed["state"]) == ("ada", "Rising <b>", "runs")
    assert "bright-mine" in good("filter", "cost", *where)
    costs = {one["filter"]: one for one in json.loads(good("filter", "cost", "--json", *where))}
    assert (costs["bright-mine"]["alerts"], costs["bright-mine"]["failed"]) == (3, 0)
    assert costs["bright-mine"]["seconds_per_thousand"] > 0
    good("filter", "withdraw", "bright-mine", *where)
    assert "withdrawn" in good("filter", "list", *where)
    assert call("filter", "withdraw", "bright-mine", *where).exit_code == 1
