"""Filters that users keep: whose they are, what they may be called and hold, and that none is lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from vobroker.adql import AdqlError
from vobroker.filters import Saved, SavedError, filter_tables
from vobroker.roles import Caller, read_roles

TEXT = "-- Bright\nSELECT alert_id FROM alert WHERE mag < 18\n"
FAINT = TEXT.replace("18", "19")
LIMITS = read_roles().limits
ADA, BOB = (Caller("user", LIMITS["user"], name) for name in ("ada", "bob"))
OPERATOR = Caller("operator", LIMITS["operator"], "olga")
GUEST = Caller("guest", LIMITS["guest"])


@pytest.fixture
def saved(tmp_path: Path) -> Saved:
    return Saved(tmp_path)


def save(saved: Saved, name: str, text: str = TEXT, caller: Caller = ADA, **taken: object) -> str:
    return saved.save(name, text, caller, filter_tables(), **taken).version  # type: ignore[arg-type]


def test_each_version_is_kept_with_who_saved_it(saved: Saved) -> None:
    assert (saved.last(), saved.all()) == (0, {})
    first = save(saved, "mine")
    second = save(saved, "mine", FAINT, OPERATOR)
    other = Saved(saved.files)  # as another process sees it
    kept = other.all()["mine"]
    assert (kept.owner, kept.role, kept.withdrawn) == ("ada", "user", "")
    assert [(one.version, one.text, one.by) for one in kept.versions] == [
        (first, TEXT, "ada"),
        (second, FAINT, "olga"),
    ]
    assert other.last() == kept.now.number
    save(saved, "mine", FAINT)
    assert len(other.all()["mine"].versions) == 2


def test_only_its_owner_and_operators_change_or_withdraw_a_filter(saved: Saved) -> None:
    save(saved, "mine")
    with pytest.raises(SavedError, match="The name “mine” is taken"):
        save(saved, "mine", FAINT, BOB)
    with pytest.raises(SavedError, match="belongs to somebody else"):
        saved.withdraw("mine", BOB)
    with pytest.raises(SavedError, match="signed in"):
        save(saved, "other", caller=GUEST)
    saved.withdraw("mine", OPERATOR)
    assert saved.all()["mine"].withdrawn
    with pytest.raises(SavedError, match="There is no filter “mine”"):
        saved.withdraw("mine", ADA)


def test_the_name_of_a_withdrawn_filter_stays_its_owners(saved: Saved) -> None:
    save(saved, "mine")
    saved.withdraw("mine", ADA)
    with pytest.raises(SavedError, match="is taken"):
        save(saved, "mine", caller=BOB)
    save(saved, "mine")
    assert not saved.all()["mine"].withdrawn


@pytest.mark.parametrize("name", ["young-supernova", "agn-flare", "new", "trial", "operators"])
def test_names_of_the_operators_and_of_pages_are_taken(saved: Saved, name: str) -> None:
    with pytest.raises(SavedError, match="is taken"):
        save(saved, name, taken={"operators"})


@pytest.mark.parametrize(
    "name", ["", "Mine", "../mine", "<b>", "mine\n", "mi ne", "a" * 65, "\u202emine", "-mine", "mine--too"]
)
def test_names_that_are_no_words_with_hyphens_are_refused(saved: Saved, name: str) -> None:
    with pytest.raises(AdqlError, match="cannot be called"):
        save(saved, name)
    assert not (saved.files / "filters.sqlite").exists()


@pytest.mark.parametrize("character", ["\x1b[31m", "\0", "\u202e", "\u2066", "\u200f", "\x85", "\u2028"])
def test_what_controls_a_terminal_or_turns_text_round_is_refused(saved: Saved, character: str) -> None:
    with pytest.raises(AdqlError, match=r"line 2, column 8: The text has the character U\+"):
        save(saved, "mine", f"-- Bright\n-- seen {character} by night\n{TEXT}".replace("-- seen ", "-- see "))


def test_ends_of_lines_are_all_the_same(saved: Saved) -> None:
    save(saved, "mine", TEXT.replace("\n", "\r\n") + "\r\n")
    assert saved.all()["mine"].now.text == TEXT


def test_a_user_keeps_as_many_as_the_role_says(saved: Saved) -> None:
    ada = replace(ADA, limits=replace(ADA.limits, filters=2))
    for name in ("a", "b"):
        save(saved, name, caller=ada)
    with pytest.raises(SavedError, match="ada may keep 2 filters and has as many"):
        save(saved, "c", caller=ada)
    save(saved, "a", FAINT, ada)
    save(saved, "c", caller=BOB)
    saved.withdraw("b", ada)
    save(saved, "d", caller=ada)
    with pytest.raises(SavedError, match="withdraw one first"):
        save(saved, "b", caller=ada)


def test_a_giant_text_is_refused(saved: Saved) -> None:
    with pytest.raises(SavedError, match="at most 20,000 characters"):
        save(saved, "mine", TEXT + " " * 20_000 + "-- x")


def test_of_many_at_once_one_gets_the_name(saved: Saved) -> None:
    def attempt(number: int) -> bool:
        try:
            Saved(saved.files).save("same", TEXT, replace(ADA, name=f"u{number}"), filter_tables())
        except SavedError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(8))) == 1
    assert len(saved.all()["same"].versions) == 1


def test_what_the_engine_cannot_prepare_in_time_is_not_saved(saved: Saved) -> None:
    hasty = replace(ADA, limits=replace(ADA.limits, filter_seconds=1e-6))
    with pytest.raises(AdqlError, match="needs longer than 1e-06 s to prepare"):
        save(saved, "mine", caller=hasty)
    assert saved.all() == {}
