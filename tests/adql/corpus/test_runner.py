"""Running implementations that behave, and many that do not; each is a real process."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path

import pytest

from vobroker.adql import corpus
from vobroker.adql.corpus.implementations import MAX_LINE

GOOD = corpus.Query("good", "SELECT a FROM t", {"2.0": True, "2.1": True})
BAD = corpus.Query("bad", "SELECT FROM 't'\n", {"2.0": False, "2.1": False})
NEW = corpus.Query("new", "SELECT a FROM t OFFSET 1 -- ü", {"2.0": False, "2.1": True})
UDF = corpus.Query("udf", "SELECT f(a) FROM t", {"2.1": False}, level="functions")
GROUPS = (corpus.Group("g", queries=(GOOD, BAD, NEW, UDF)),)


@pytest.fixture
def program(tmp_path: Path):
    """Write a Python program and give the command that runs it."""

    def write(source: str, *arguments: str) -> str:
        file = tmp_path / "implementation.py"
        file.write_text(source)
        return shlex.join([sys.executable, "-S", str(file), *arguments])

    return write


def judgements(run: corpus.Run) -> dict[str, str]:
    return {outcome.question.query.id: outcome.judgement for outcome in run.outcomes}


def reasons(run: corpus.Run) -> set[str]:
    return {outcome.answer.reason for outcome in run.outcomes if outcome.answer}


OFFSET = """
import sys
query = sys.stdin.buffer.read().decode()
version = sys.argv[1]
if "FROM 't'" in query or ("OFFSET" in query and version == "2.0"):
    print("first line", file=sys.stderr)
    print("no query of", version, file=sys.stderr)
    sys.exit(3)
"""


@pytest.mark.parametrize("version", ["2.0", "2.1"])
def test_one_process_a_query(program, version: str) -> None:
    one = corpus.command(program(OFFSET, "{version}"), name="offset")
    run = corpus.run(GROUPS, one, version=version, jobs=3)
    expected = {"good": "agrees", "bad": "agrees", "new": "agrees", "udf": "not asked"}
    if version == "2.0":
        del expected["udf"]
    assert judgements(run) == expected
    assert reasons(run) == {"", f"no query of {version}"}
    assert run.implementation == "offset"


BATCH = """
import sys
waiting = b""
while chunk := sys.stdin.buffer.read1(65536):
    *texts, waiting = (waiting + chunk).split(b"\\0")
    for text in texts:
        print("invalid\\tnot so" if b"FROM 't'" in text else "valid", flush=True)
"""


def test_one_process_for_all(program) -> None:
    run = corpus.run(GROUPS, corpus.command(program(BATCH), batch=True), jobs=2)
    assert judgements(run) == {"good": "agrees", "bad": "agrees", "new": "agrees", "udf": "not asked"}
    assert reasons(run) == {"", "not so"}


def test_a_query_longer_than_a_pipe_takes(program) -> None:
    long = corpus.Query("long", "SELECT a FROM t --" + "ü" * 200_000, {"2.1": True})
    for batch, source in ((False, OFFSET), (True, BATCH)):
        one = corpus.command(program(source, "2.1"), batch=batch)
        assert judgements(corpus.run((corpus.Group("g", queries=(long,)),), one)) == {"long": "agrees"}


def test_our_parser_knows_declared_functions() -> None:
    declared = corpus.Query(
        "declared",
        "SELECT F(a) FROM t",
        {"2.1": True},
        "functions",
        functions=(corpus.Declaration("f(x REAL)"),),
    )
    run = corpus.run((corpus.Group("g", queries=(UDF, declared)),), corpus.ours())
    assert judgements(run) == {"udf": "agrees", "declared": "agrees"}
    assert reasons(run) == {"", "There is no function f."}


EACH = {
    "hangs": ("import time; time.sleep(60)", "no answer within 0.5 s"),
    "hangs with children": (
        "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])",
        "no answer within 0.5 s",
    ),
    "prints without end": (
        "import sys\nwhile True: print('x' * 9999, file=sys.stderr)",
        "no answer within 0.5 s",
    ),
    "kills itself": ("import os; os.kill(os.getpid(), 9)", "was ended by signal 9"),
    "ends oddly": ("import sys; sys.exit(200)", "ended with status 200"),
}


@pytest.mark.parametrize(("source", "reason"), EACH.values(), ids=EACH)
def test_a_command_that_fails_is_no_refusal(program, source: str, reason: str) -> None:
    begin = time.monotonic()
    run = corpus.run(GROUPS, corpus.command(program(source), timeout=0.5), jobs=3)
    assert set(judgements(run).values()) == {"fails", "not asked"}
    assert reasons(run) == {reason}
    assert time.monotonic() - begin < 20


ONE_THEN = """
import os, sys, time
def query():
    while (octet := sys.stdin.buffer.read(1)) != b"\\0":
        if not octet: sys.exit(0)
query()
print("valid", flush=True)
query()
{then}
time.sleep(60)
"""
BATCHES = {
    "hangs": ("pass", "no answer within 0.5 s"),
    "dies": ("sys.exit('bad luck')", "ended with status 1 bad luck"),
    "is killed": ("os.kill(os.getpid(), 9)", "was ended by signal 9"),
    "garbage": ("print('perhaps', flush=True)", "answered 'perhaps', not 'valid' or 'invalid'"),
    "binary garbage": (
        "os.write(1, b'\\xff\\xfe\\n')",
        "answered '\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}', not 'valid' or 'invalid'",
    ),
    "two lines": ("os.write(1, b'valid\\nvalid')", "printed more than one line of answer: valid"),
    "a line without end": (f"os.write(1, b'x' * {MAX_LINE + 1})", "more than one line"),
}


@pytest.mark.parametrize(("then", "reason"), BATCHES.values(), ids=BATCHES)
def test_a_batch_that_fails_is_started_again(program, then: str, reason: str) -> None:
    queries = tuple(
        corpus.Query(str(number), f"SELECT {number} FROM t", {"2.1": True}) for number in range(4)
    )
    one = corpus.command(program(ONE_THEN.format(then=then)), batch=True, timeout=0.5)
    run = corpus.run((corpus.Group("g", queries=queries),), one)
    assert judgements(run) == {"0": "agrees", "1": "fails", "2": "agrees", "3": "fails"}
    failed = [o.answer.reason for o in run.outcomes if o.answer and o.judgement == "fails"]
    assert all(reason in text for text in failed)


def test_a_batch_that_never_answers_ends_the_run_with_its_last_words(program) -> None:
    one = corpus.command(program("import sys; sys.exit('no Java here')"), batch=True)
    with pytest.raises(corpus.CorpusError, match="answers nothing: it ended with status 1 no Java here"):
        corpus.run(GROUPS, one)


def test_an_error_ends_the_run_without_asking_the_rest(program) -> None:
    queries = tuple(corpus.Query(str(n), "SELECT a FROM t", {"2.1": True}) for n in range(200))
    seen: list[corpus.Outcome] = []

    def done(outcome: corpus.Outcome) -> None:
        seen.append(outcome)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        corpus.run((corpus.Group("g", queries=queries),), corpus.command("true --"), jobs=2, done=done)
    assert len(seen) <= 4


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("", "is empty"),
        ("no-such-parser --check", "there is no command no-such-parser"),
        ("'unclosed", "cannot be read"),
    ],
)
def test_a_command_that_cannot_run_is_named(template: str, reason: str) -> None:
    with pytest.raises(corpus.CorpusError, match=reason):
        corpus.command(template)


def test_what_an_extension_allows_is_asked_apart() -> None:
    query = corpus.Query("c", "SELECT CASE WHEN a = 1 THEN 2 END FROM t", {"2.1": False}, extension="case")
    groups = (corpus.Group("g", queries=(query,)),)
    (strict,) = corpus.run(groups, corpus.ours()).outcomes
    (lenient,) = corpus.run(groups, corpus.ours(), accept=("case",)).outcomes
    assert (strict.question.kind, strict.judgement) == ("extension", "disagrees")
    assert (lenient.question.kind, lenient.judgement) == ("valid", "agrees")
