"""The file of tokens: who has which role, for what and until when, while it changes."""

from __future__ import annotations

import stat
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from vobroker import tokens
from vobroker.roles import read_roles
from vobroker.tokens import Holders, Tokens, TokensError, add, new_token, read_tokens, revoke, rotate

OLD = f"ada user sha256:{'0a' * 32}"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tokens, "FRESH", 0.0)
    return tmp_path / "tokens"


def test_what_is_written_is_read(file: Path) -> None:
    secret, made = new_token("ada", "operator", scopes=["metrics", "streams"], days=30)
    add(file, made)
    assert read_tokens(file) == [made]
    assert made.scopes == ("streams", "metrics")
    assert made.until == made.made + timedelta(days=30)
    assert secret not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["tokens"]


def test_lines_of_before_hold_for_everything_and_without_end(file: Path) -> None:
    file.write_text(f"# people\n{OLD}\n\n")
    (one,) = read_tokens(file)
    assert all(one.holds(scope, datetime(2999, 1, 1, tzinfo=UTC)) for scope in tokens.SCOPES)
    add(file, new_token("ben", "user")[1])
    assert file.read_text().startswith(f"# people\n{OLD}\n\nben user sha256:")


def test_a_token_holds_for_its_scopes_until_its_end() -> None:
    _, one = new_token("ada", "user", scopes=["tap"], days=1)
    assert (one.holds("tap"), one.holds("streams")) == (True, False)
    assert one.holds("tap", one.until - timedelta(seconds=1))
    assert not one.holds("tap", one.until)
    assert new_token("ada", "user", scopes=["tap", "all"])[1].holds("streams")


def test_changes_hold_at_once(file: Path) -> None:
    roles = read_roles(None, file)
    secret, made = new_token("ada", "operator")
    assert roles.caller(secret) is None
    add(file, made)
    caller = roles.caller(secret, "tap")
    assert (caller.name, caller.role) == ("ada", "operator")
    assert roles.known(caller)
    assert revoke(file, "ada") == [made]
    assert roles.caller(secret) is None
    assert not roles.known(caller)
    assert roles.known(roles.guest)


def test_the_file_is_looked_at_once_a_second_at_most(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "FRESH", 3600)
    known = Tokens(file)
    secret, made = new_token("ada", "user")
    add(file, made)
    assert known.find(secret) is None


def test_a_line_that_is_broken_meanwhile_takes_only_its_own_token(file: Path) -> None:
    secret, made = new_token("ada", "user")
    file.write_text(f"{made}\n{OLD}\n")
    known = Tokens(file)
    assert len(known) == 2
    file.write_text(f"{made}\n{OLD} scope:nonsense\n")
    assert list(known.values()) == [made]
    assert known.find(secret) == made
    file.write_bytes(b"\xff\xfe")
    assert not known
    file.unlink()
    assert not known


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("ada root sha256:" + "0" * 64, "line 2: a line is NAME user|operator sha256:DIGEST"),
        (OLD + " scope:tap,moon", "line 2: there is no scope 'moon'"),
        (OLD + " until:2026-02-30T00:00:00Z", "line 2: "),
    ],
    ids=["role", "scope", "date"],
)
def test_what_is_wrong_is_said_with_its_line(file: Path, line: str, said: str) -> None:
    file.write_text(f"{OLD}\n{line}\n")
    with pytest.raises(TokensError) as error:
        Tokens(file)
    assert said in str(error.value)
    with pytest.raises(TokensError):
        add(file, new_token("ben", "user")[1])  # and nothing of the file is lost
    assert file.read_text() == f"{OLD}\n{line}\n"


def test_a_rotated_token_has_what_the_old_one_had(file: Path) -> None:
    old, made = new_token("ada", "operator", scopes=["metrics"], days=90)
    add(file, made)
    new, turned = rotate(file, "ada", overlap=timedelta(hours=2))
    assert (turned.name, turned.role, turned.scopes) == ("ada", "operator", ("metrics",))
    assert turned.until - turned.made == timedelta(days=90)
    known = Tokens(file)
    assert known.find(new, "metrics") == turned
    assert known.find(old, "metrics").until < datetime.now(UTC) + timedelta(hours=3)
    with pytest.raises(TokensError, match=f"ada has 2 tokens; say which: {made.digest[:8]}, "):
        rotate(file, "ada")
    newest, _ = rotate(file, turned.digest[:8], days=1)
    assert known.find(new) is None
    assert known.find(newest)
    with pytest.raises(TokensError, match="has no token of 'bob'"):
        revoke(file, "bob")
    with pytest.raises(TokensError, match="has no token of '0'"):
        revoke(file, "0")


def test_those_who_write_at_the_same_time_lose_nothing(file: Path) -> None:
    broken: list[int] = []
    done = threading.Event()

    def write(name: str) -> None:
        for _ in range(10):
            add(file, new_token(name, "user")[1])

    def watch() -> None:
        most = 0
        while not done.is_set():
            number = len(read_tokens(file))  # never half a line, never fewer than before
            broken.extend([number] * (number < most))
            most = number

    writers = [threading.Thread(target=write, args=(f"w{number}",)) for number in range(4)]
    watcher = threading.Thread(target=watch)
    for thread in (watcher, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    watcher.join()
    assert not broken
    assert len(read_tokens(file)) == 40


def test_who_may_use_vtp_is_known_at_each_moment(file: Path) -> None:
    """Without a holder nobody comes in: it is not as if no tokens were asked for."""
    (_, ada), (_, ben) = new_token("ada", "user", scopes=["vtp"]), new_token("ben", "user", scopes=["tap"])
    holders = Holders(Tokens(file), "vtp")
    add(file, ada)
    add(file, ben)
    assert dict(holders) == {ada.digest: "ada"}
    with pytest.raises(KeyError):
        holders[ben.digest]
    revoke(file, "ada")
    assert len(holders) == 0
    assert holders


def test_a_note_is_kept_whatever_it_says(file: Path) -> None:
    _, made = new_token("ada@example.org", "user", note="étoile 50 % #2 <b>")
    add(file, made)
    assert read_tokens(file) == [made]
    with pytest.raises(TokensError, match="note"):
        new_token("ada", "user", note="a\nb operator")


def test_what_ended_long_ago_is_forgotten_when_there_is_a_new_one(file: Path) -> None:
    add(file, replace(new_token("ada", "user", days=1)[1], until=datetime(2020, 1, 1, tzinfo=UTC)))
    add(file, new_token("ben", "user")[1])
    assert len(read_tokens(file)) == 2
    add(file, new_token("ada", "user")[1])
    assert [one.name for one in read_tokens(file)] == ["ben", "ada"]
