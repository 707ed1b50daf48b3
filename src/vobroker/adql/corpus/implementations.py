"""How an implementation is asked: ours in this process, any other through a command.

A command reads one query on standard input and tells by its exit status: 0 accepts, 1 to 125 refuses,
anything else (a signal, 126, 127) is a failure. What it prints on standard error is kept as its reason.

In a batch it is started once and stays: it reads queries that each end in a NUL byte, and answers each
with one line, flushed: ``valid``, or ``invalid`` and, after a tab, a reason.
"""

from __future__ import annotations

import os
import selectors
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Literal

from vobroker.adql.corpus.model import CorpusError, Declaration

Verdict = Literal["accepts", "refuses", "fails"]

START_UP = 60.0
"""Seconds that a batch command has more for its first answer."""

MAX_LINE = 65_536
_MAX_REASON = 300
_CHUNK = 4096  # what a pipe takes without blocking, once it is ready at all
_MAX_REFUSAL = 125  # shells use 126 and 127 for "cannot run" and 128 + n for signals


@dataclass(frozen=True, slots=True)
class Answer:
    """What an implementation says of a query, why, and how many seconds it took."""

    verdict: Verdict
    reason: str
    seconds: float


Functions = tuple[Declaration, ...] | None
"""The functions that are declared to an implementation; None where any name will do."""

Ask = Callable[[str, Functions], Answer]


@dataclass(frozen=True, slots=True)
class Implementation:
    """Something that tells queries from other texts.

    Attributes
    ----------
    name
        As reports call it.
    start
        Opens a session of it, for a version of the language; each parallel job opens one.
    knows_functions
        Whether it takes the list of declared functions into account.
    """

    name: str
    start: Callable[[str], AbstractContextManager[Ask]]
    knows_functions: bool = False


# --- ours ---


def ours(extensions: tuple[str, ...] = ()) -> Implementation:
    """Give our own parser, in this process, with those of the extensions that it knows."""
    return Implementation("vobroker", partial(_ours, extensions), knows_functions=True)


@contextmanager
def _ours(extensions: tuple[str, ...], version: str) -> Iterator[Ask]:
    from vobroker.adql import EXTENSIONS, VERSIONS, AdqlError, parse, tree

    if version not in VERSIONS:
        raise CorpusError(f"our parser does not know ADQL {version}; it knows {', '.join(VERSIONS)}")
    known = EXTENSIONS.keys() & set(extensions)

    def ask(text: str, functions: Functions) -> Answer:
        begin = time.perf_counter()
        reason = ""
        try:
            query = parse(text, version=version, extensions=known)
        except AdqlError as error:
            reason = str(error)
        else:
            if functions is not None:
                declared = {function.form.partition("(")[0].strip().lower() for function in functions}
                used = {n.name for n in tree.walk(query) if isinstance(n, tree.Function) and n.user_defined}
                unknown = sorted(name for name in used if name.lower() not in declared)
                reason = f"There is no function {unknown[0]}." if unknown else ""
        return Answer("refuses" if reason else "accepts", reason, time.perf_counter() - begin)

    yield ask


# --- commands ---


def command(template: str, *, name: str = "", batch: bool = False, timeout: float = 10.0) -> Implementation:
    """Give an implementation behind a command.

    Parameters
    ----------
    template
        The command and its arguments, quoted as for a shell; ``{version}`` becomes the version of ADQL.
    name
        As reports call it; the command's own name where none is given.
    batch
        Whether the command answers many queries, as described above.
    timeout
        Seconds that it has for a query.

    Raises
    ------
    CorpusError
        If there is no such command.
    """
    try:
        words = shlex.split(template)
    except ValueError as error:
        raise CorpusError(f"the command {template!r} cannot be read: {error}") from error
    if not words:
        raise CorpusError("the command of the implementation is empty")
    if shutil.which(words[0]) is None:
        raise CorpusError(f"there is no command {words[0]} to run the implementation with")
    session = _batch if batch else _each
    return Implementation(name or os.path.basename(words[0]), partial(session, words, timeout))


def _with_version(words: list[str], version: str) -> list[str]:
    return [word.replace("{version}", version) for word in words]


def _reason(text: bytes) -> str:
    """Give the last line of what was printed."""
    lines = text.decode("utf-8", "replace").strip().splitlines()
    return lines[-1].strip()[:_MAX_REASON] if lines else ""


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a command and all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def _status(code: int) -> str:
    return f"was ended by signal {-code}" if code < 0 else f"ended with status {code}"


@contextmanager
def _each(words: list[str], timeout: float, version: str) -> Iterator[Ask]:
    """Start the command for each query."""

    def ask(text: str, functions: Functions) -> Answer:
        begin = time.monotonic()
        with tempfile.TemporaryFile() as query:
            query.write(text.encode())
            query.seek(0)
            process = subprocess.Popen(  # noqa: S603  running the user's own command is the purpose
                _with_version(words, version),
                stdin=query,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
            try:
                printed = _read_until_end(process, begin + timeout)
                seconds = time.monotonic() - begin
                code = process.poll() if printed is None else process.wait(max(0.1, timeout - seconds))
            except subprocess.TimeoutExpired:
                code = printed = None
            finally:
                _stop(process)
        seconds = time.monotonic() - begin
        if printed is None or code is None:
            return Answer("fails", f"no answer within {timeout:g} s", seconds)
        if code == 0:
            return Answer("accepts", "", seconds)
        if 1 <= code <= _MAX_REFUSAL:
            return Answer("refuses", _reason(printed), seconds)
        return Answer("fails", f"{_status(code)} {_reason(printed)}".strip(), seconds)

    yield ask


def _read_until_end(process: subprocess.Popen[bytes], deadline: float) -> bytes | None:
    """Read standard error to its end, keeping the last of it; nothing when time is up."""
    assert process.stderr is not None
    kept = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stderr, selectors.EVENT_READ)
        while selector.select(max(0.0, deadline - time.monotonic())):
            chunk = os.read(process.stderr.fileno(), _CHUNK)
            if not chunk:
                return kept
            kept = (kept + chunk)[-MAX_LINE:]
            if time.monotonic() > deadline:
                return None
    return None


class _NoAnswerError(Exception):
    pass


class _Server:
    """A command that stays and answers."""

    def __init__(self, words: list[str]) -> None:
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115  closed with the process
        self.process = subprocess.Popen(  # noqa: S603  running the user's own command is the purpose
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            bufsize=0,
            start_new_session=True,
        )

    def stop(self) -> None:
        _stop(self.process)
        self.errors.close()

    def last_words(self) -> str:
        self.errors.seek(max(0, self.errors.seek(0, os.SEEK_END) - MAX_LINE))
        return _reason(self.errors.read())

    def ask(self, request: bytes, timeout: float) -> bytes:
        """Send a query and give the line that answers it."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        deadline = time.monotonic() + timeout
        line = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdin, selectors.EVENT_WRITE)
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while (remaining := deadline - time.monotonic()) > 0:
                for key, _ in selector.select(remaining):
                    if key.fileobj is self.process.stdin:
                        request = self.send(request)
                        if not request:
                            selector.unregister(key.fileobj)
                        continue
                    chunk = os.read(key.fd, _CHUNK)
                    line += chunk
                    if line.endswith(b"\n"):
                        return line[:-1]
                    if not chunk:
                        raise _NoAnswerError(f"{_status(self.process.wait())} {self.last_words()}".strip())
                    if len(line) > MAX_LINE or b"\n" in line:
                        raise _NoAnswerError(f"printed more than one line of answer: {_reason(line)}")
        raise _NoAnswerError(f"no answer within {timeout:g} s")

    def send(self, request: bytes) -> bytes:
        assert self.process.stdin is not None
        try:
            return request[os.write(self.process.stdin.fileno(), request[:_CHUNK]) :]
        except BrokenPipeError:
            return b""  # it has ended; reading will tell how


@contextmanager
def _batch(words: list[str], timeout: float, version: str) -> Iterator[Ask]:
    """Start the command once, and again after each failure."""
    server: _Server | None = None
    answered = failed = 0

    def ask(text: str, functions: Functions) -> Answer:
        nonlocal server, answered, failed
        begin = time.monotonic()
        allowed = timeout if server else timeout + START_UP
        server = server or _Server(_with_version(words, version))
        try:
            line = server.ask(text.encode() + b"\0", allowed).decode("utf-8", "replace")
            word, _, reason = line.rstrip("\r").partition("\t")
            if word not in ("valid", "invalid"):
                raise _NoAnswerError(f"answered {line[:40]!r}, not 'valid' or 'invalid'")
        except _NoAnswerError as error:
            server.stop()
            server = None
            failed += 1
            if not answered and failed == 3:
                raise CorpusError(f"{words[0]} answers nothing: it {error}") from error
            return Answer("fails", str(error), time.monotonic() - begin)
        answered += 1
        verdict: Verdict = "accepts" if word == "valid" else "refuses"
        return Answer(verdict, reason[:_MAX_REASON], time.monotonic() - begin)

    try:
        yield ask
    finally:
        if server:
            server.stop()
