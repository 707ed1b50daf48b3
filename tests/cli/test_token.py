"""``vobroker token``: what its user sees."""

from __future__ import annotations

import json
from pathlib import Path

import typer
from typer.testing import CliRunner, Result

from vobroker.cli import token
from vobroker.tokens import Tokens


def vobroker(*words: object) -> Result:
    app = typer.Typer()
    token.register(app)
    return CliRunner().invoke(app, ["token", *map(str, words)], env={"COLUMNS": "160"})


def test_a_token_from_its_making_to_its_end(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    words = ("--scope", "streams,tap", "--days", 30, "--tokens", file)
    secret = vobroker("add", "ada", *words).stdout.strip()
    (listed,) = json.loads(vobroker("list", "--tokens", file, "--json").stdout)
    assert (listed["name"], listed["scope"], listed["holds"]) == ("ada", "streams, tap", True)
    assert Tokens(file).find(secret, "tap").digest.startswith(listed["fingerprint"])
    new = vobroker("rotate", listed["fingerprint"], "--tokens", file).stdout.strip()
    assert Tokens(file).find(secret) is None
    assert Tokens(file).find(new, "streams").name == "ada"
    assert "ada" in vobroker("list", "--tokens", file).stdout
    assert "of ada holds no more" in vobroker("revoke", "ada", "--tokens", file).stdout
    assert json.loads(vobroker("list", "--tokens", file, "--json").stdout) == []


def test_what_cannot_be_is_said(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    for words, said in (
        (("add", "a b"), "a token is for a name of letters"),
        (("add", "ada", "--role", "root"), "and a role user or operator"),
        (
            ("add", "ada", "--scope", "moon"),
            "web, metrics or all, not for 'moon'",
        ),
        (("add", "ada", "--days", "-1"), "holds for up to 36500 days, not for -1"),
        (("add", "ada", "--days", "nan"), "not for nan"),
        (("revoke", "ada"), "there is no file of tokens"),
        (("list",), "there is no file of tokens"),
    ):
        done = vobroker(*words, "--tokens", file)
        assert done.exit_code == 2
        assert said in " ".join(done.stderr.split())
    assert not file.exists()
    missing = vobroker("add", "ada", "--tokens", tmp_path / "nowhere" / "tokens")
    assert "No such file or directory" in " ".join(missing.stderr.split())
