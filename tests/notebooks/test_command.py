"""``vobroker notebook``: what it copies, and what it refuses."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from vobroker.cli import app
from vobroker.notebook import shipped


def refused(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(app(), ["notebook", "--no-open", *map(str, words)])
    return done.exit_code, done.stderr.replace("\n", " ")


def test_notebooks_are_copied_once_and_never_over_changes(tmp_path: Path) -> None:
    first = shipped.copy_to(tmp_path)
    assert len(first.new) == len(list(shipped.sources()))
    assert shipped.copy_to(tmp_path) == shipped.Copied()
    (tmp_path / "1-first-alert.ipynb").write_text("mine")
    (tmp_path / "2-one-language.ipynb").unlink()
    old = tmp_path / "3-light-curve-dialects.ipynb"  # as an earlier version of vobroker has copied it
    old.write_text("old")
    record = json.loads((tmp_path / shipped.RECORD).read_text())
    record[old.name] = shipped._digest(b"old")
    (tmp_path / shipped.RECORD).write_text(json.dumps(record))
    again = shipped.copy_to(tmp_path)
    assert again == shipped.Copied(["2-one-language.ipynb"], [old.name], ["1-first-alert.ipynb"])
    assert (tmp_path / "1-first-alert.ipynb").read_text() == "mine"
    (tmp_path / shipped.RECORD).write_text("[torn")
    assert shipped.copy_to(tmp_path).kept == ["1-first-alert.ipynb"]


def test_what_is_in_the_way_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work, nowhere = tmp_path / "work", tmp_path / "none"
    assert refused(work, "-a", nowhere, "--no-simulate") == (
        2,
        f"error: there is no archive in {nowhere}; `vobroker ingest` makes one of packets ",
    )
    assert not nowhere.exists()
    (damaged := tmp_path / "damaged").mkdir()
    (damaged / "archive.duckdb").write_bytes(b"no database" * 1000)
    assert f"cannot open the archive {damaged}" in refused(work, "-a", damaged)[1]
    (tmp_path / "file").write_text("")
    status, said = refused(tmp_path / "file", "-a", damaged)
    assert (status, "cannot put the notebooks into" in said) == (1, True)
    assert "roles give no notebooks to guest" in refused(work, "--role", "guest")[1]
    assert "there is no role 'boss'" in refused(work, "--role", "boss")[1]
    assert "--service is an address such as" in refused(work, "--service", "ftp://there")[1]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refused(work, "--service", "http://127.0.0.1:9", "--port", port)[1]
        assert f"cannot listen on 127.0.0.1, port {port}: Address already in use" in said
    monkeypatch.setattr("vobroker.notebook.lab.find_spec", lambda name: None)
    assert "pip install 'vobroker[notebook]'" in refused(work)[1]


def test_an_archive_that_is_written_to_is_named_with_the_way_out(tmp_path: Path) -> None:
    holding = (
        "import sys, time\nfrom vobroker.archive import open_archive\n"
        "with open_archive(sys.argv[1]):\n    print('open', flush=True)\n    sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holding, str(tmp_path / "a")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout.readline() == "open\n"
        status, said = refused(tmp_path / "work", "-a", tmp_path / "a")
        holder.stdin.close()
    assert status == 1
    assert f"in use by process {holder.pid}; where that is a broker, name it: --service" in said
