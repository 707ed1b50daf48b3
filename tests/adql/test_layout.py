"""Where lines are broken, and where comments go."""

from __future__ import annotations

from vobroker.adql.layout import WIDTH, Block, Line, Run, append, line, write

SOURCE = "a b\nc d\ne f"


def run(text: str) -> Run:
    start = SOURCE.index(text) if text in SOURCE else len(SOURCE)
    return Run(text, (start, start + len(text)))


def runs(*words: str) -> tuple[Line, ...]:
    return tuple(line(run(word)) for word in words)


def test_runs_side_by_side_become_one_and_words_go_with_them() -> None:
    (joined,) = line("(", run("a"), " + ", run("b"), ")")
    assert joined == Run("(a + b)", (0, 3))


def test_words_behind_a_block_go_into_its_last_run() -> None:
    one = append(line(run("a"), Block(runs("b", "c"))), ",")
    assert write([one], [], SOURCE) == "a b c,\n"


def test_a_block_stays_in_the_line_while_it_fits() -> None:
    assert write([line(run("a"), Block(runs("b", "c")), run("d"))], [], SOURCE) == "a b c d\n"
    wide = "w" * (WIDTH - 3)
    assert write([line(run("a"), Block(runs(wide)))], [], SOURCE) == f"a {wide}\n"
    assert write([line(run("a"), Block(runs(wide, "b")))], [], SOURCE) == f"a\n    {wide}\n    b\n"


def test_brackets_open_where_they_do_not_fit_and_others_stay_closed() -> None:
    wide = "w" * (WIDTH - 3)
    first, second = (Block(runs(text), spaced=False) for text in (wide, "c"))
    one = line(run("a("), first, run(") b("), second, run(")"))
    assert write([one], [], SOURCE) == f"a(\n    {wide}\n) b(c)\n"


def test_some_blocks_are_never_in_one_line() -> None:
    one = line(run("a ("), Block(runs("b"), spaced=False, always=True), run(")"))
    assert write([one], [], SOURCE) == "a (\n    b\n)\n"


def test_a_comment_behind_a_run_ends_its_line() -> None:
    one = line(run("a"), Block(runs("b", "c", "d")))
    assert write([one], [(3, "-- x")], SOURCE) == "a\n    b -- x\n    c\n    d\n"


def test_a_comment_of_the_last_run_breaks_nothing() -> None:
    assert write([line(run("a"), Block(runs("b", "c", "d")))], [(7, "-- x")], SOURCE) == "a b c d -- x\n"


def test_a_comment_in_a_line_of_its_own_stays_before_what_follows() -> None:
    one = line(run("a"), Block(runs("b", "c", "d")))
    assert write([one], [(4, "-- x")], SOURCE) == "a\n    b\n    -- x\n    c\n    d\n"


def test_a_comment_within_a_run_goes_before_it() -> None:
    assert write([line(run("c d"))], [(5, "-- x")], SOURCE) == "-- x\nc d\n"


def test_comments_before_and_after_everything_stay_there() -> None:
    assert write([line(run("c"))], [(0, "-- x"), (10, "-- y")], SOURCE) == "-- x\nc\n-- y\n"
