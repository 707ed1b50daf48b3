"""``vobroker doctor``: what is right, what is wrong, and what to do, on real folders, files and servers."""

from __future__ import annotations

import json
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from tests.archive.postgresql.conftest import fresh_database
from tests.brokers import Cluster
from typer.testing import CliRunner, Result

from vobroker.alerts.schemas import default_schemas
from vobroker.archive import open_archive
from vobroker.cli import doctor
from vobroker.pipeline.river import run
from vobroker.sources.simulator import as_raw_batches, simulate
from vobroker.tokens import add, new_token


@pytest.fixture
def free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def vobroker(*words: object) -> Result:
    app = typer.Typer()
    doctor.register(app)
    return CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "300"})


def asked(*words: object) -> tuple[int, dict[str, tuple[str, str, str]]]:
    """Give the exit code, and by check the state, what was found and what to do."""
    done = vobroker("--json", *words)
    told = json.loads(done.stdout)
    checks = {one["check"]: (one["state"], one["found"], one["to_do"]) for one in told["checks"]}
    assert (told["state"] == "fail") == (done.exit_code == 1)
    assert all(to_do for state, _, to_do in checks.values() if state != "ok")
    return done.exit_code, checks


def test_a_broker_that_is_well(tmp_path: Path, free: int) -> None:
    with open_archive(tmp_path / "a") as archive:
        visits = as_raw_batches(simulate("lsst", seed=1, visits=1, alerts_per_visit=4, history_nights=1))
        run(visits, archive, schemas=default_schemas())
    add(tmp_path / "tokens", new_token("ada", "user", days=100)[1])
    words = ("--archive", tmp_path / "a", "--tokens", tmp_path / "tokens", "--port", free)
    code, checks = asked(*words)
    assert code == 0
    # Not of this machine: whether the clock follows NTP, how much disk is left, how many files may be open.
    states = {name: state for name, (state, *_) in checks.items()}
    assert {states.pop(name) for name in ("clock", "free disk", "open files")} <= {"ok", "warn"}
    assert set(states.values()) == {"ok"}
    assert "DuckDB" in checks["archive"][1]
    assert checks["ledger"][1] == "balances"
    assert checks["tokens"][1] == "1 of 1 hold"
    assert f"port {free}" in vobroker(*words).stdout


def test_what_is_wrong_is_said_with_what_to_do(tmp_path: Path, taken: int) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "archive.duckdb").write_bytes(b"not a database")
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "good.adql").write_text("SELECT alert_id FROM alert")
    (tmp_path / "f" / "bad.adql").write_text("SELECT nothing FROM alert")
    (tmp_path / "tokens").write_text("nonsense\n")
    (tmp_path / "roles").write_text("[emperor]\n")
    code, checks = asked(
        *("--archive", tmp_path / "a", "--filters", tmp_path / "f", "--port", taken),
        *("--tokens", tmp_path / "tokens", "--roles", tmp_path / "roles"),
    )
    assert code == 1
    for check, state, found, to_do in (
        ("archive", "fail", "archive", "check the place"),
        ("filter bad", "fail", "nothing", "vobroker filter check"),
        ("filter good", "ok", "version", ""),
        ("tokens", "fail", "line 1", "correct the line"),
        ("roles", "fail", "emperor", "vobroker token roles"),
        (f"port {taken}", "warn", "in use", "--port"),
    ):
        assert checks[check][0] == state, check
        assert found in checks[check][1]
        assert to_do in checks[check][2]


def test_tokens_that_end_soon_or_that_others_may_read(tmp_path: Path, free: int) -> None:
    file = tmp_path / "tokens"
    add(file, new_token("ada", "user", days=3)[1])
    _, checks = asked("--archive", tmp_path / "a", "--tokens", file, "--port", free)
    assert checks["archive"][:1] == ("warn",)
    assert checks["tokens"] == ("warn", "1 of 1 hold; those of ada end in 14 days", "`vobroker token rotate`")
    file.write_text("")
    file.chmod(0o644)
    done = json.loads(vobroker("--json", "--tokens", file, "--archive", tmp_path / "a").stdout)
    assert f"chmod 600 {file}" in [one["to_do"] for one in done["checks"]]


def test_limits_of_the_process(tmp_path: Path, free: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1000, hard))
    try:
        _, checks = asked("--archive", tmp_path / "a", "--port", free)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert checks["open files"][0] == "warn"
    assert "LimitNOFILE" in checks["open files"][2]


def test_servers_are_reached_or_named(
    tmp_path: Path, free: int, kafka1: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fresh_database() as url:
        open_archive(url).close()
        code, checks = asked("--archive", url, "--brokers", kafka1.brokers, "--port", free)
        assert code == 0
        assert "PostgreSQL" in checks["archive"][1]
        assert checks["clock of the server"][0] == "ok"
        assert checks["Kafka"][0] == "ok"
        assert kafka1.brokers in checks["Kafka"][1]
    monkeypatch.setattr(doctor, "PATIENCE", 0.5)
    nobody = f"postgresql://ada:secret@127.0.0.1:{free}/db"
    code, checks = asked("--archive", nobody, "--brokers", f"127.0.0.1:{free}", "--port", free)
    assert (code, checks["archive"][0], checks["Kafka"][0]) == (1, "fail", "fail")
    assert "secret" not in json.dumps(checks)
