"""How an adapter written in Python talks to the runner of the corpus; needs nothing but Python."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator


def main(refusal: Callable[[str], str]) -> int:
    """Answer for a parser.

    Without an argument one query is read from standard input; the exit status is 0 where it is accepted
    and 1 where it is refused. With ``--batch`` queries that each end in a NUL byte are answered by a line.
    With ``--time N`` all of them are read first and then parsed N times over; each pass gives a line with
    the nanoseconds that each query took.

    Parameters
    ----------
    refusal
        Gives the reason why a text is refused; nothing where it is accepted.
    """
    answers, sys.stdout = sys.stdout, sys.stderr  # what the parser itself prints is no answer
    if "--time" in sys.argv[1:]:
        texts = list(_texts())
        for _ in range(int(sys.argv[-1])):
            answers.write(" ".join(str(_nanoseconds(refusal, text)) for text in texts) + "\n")
            answers.flush()
        return 0
    if "--batch" not in sys.argv[1:]:
        reason = refusal(sys.stdin.buffer.read().decode())
        if reason:
            print(_one_line(reason), file=sys.stderr)
        return 1 if reason else 0
    for text in _texts():
        reason = refusal(text)
        answers.write(f"invalid\t{_one_line(reason)}\n" if reason else "valid\n")
        answers.flush()
    return 0


def _nanoseconds(refusal: Callable[[str], str], text: str) -> int:
    begin = time.perf_counter_ns()
    refusal(text)
    return time.perf_counter_ns() - begin


def _texts() -> Iterator[str]:
    waiting = b""
    while chunk := sys.stdin.buffer.read1(65536):
        *texts, waiting = (waiting + chunk).split(b"\0")
        for text in texts:
            yield text.decode()


def _one_line(reason: str) -> str:
    return " ".join(reason.split())[:300]
