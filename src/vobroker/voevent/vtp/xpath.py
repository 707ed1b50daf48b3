"""XPath filters (XPath 1.0, by Comet's convention), evaluated where they can be stopped.

An expression of a hundred characters can keep a processor busy for years, and the library that evaluates
it cannot be interrupted. So a process of its own does, with a limit on its memory; it is ended when an
expression takes longer than it may, and the next one begins anew. The process gets expressions and packets,
and answers with truth values: nothing that it sends is trusted to be more.
"""

from __future__ import annotations

import asyncio
import json
import resource
import struct
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import BinaryIO

from lxml import etree

from vobroker.voevent.errors import VOEventError
from vobroker.voevent.vtp.filters import FilterError
from vobroker.voevent.xml import parse

MEMORY_BYTES = 2**30
"""Memory of the process."""

_LENGTH = struct.Struct(">I")
_START_SECONDS = 30.0
_MAX_ANSWER = 2**20
_READY = "ready"
_MEMORY = "needs too much memory"


class XPathJudge:
    """Judges by XPath; passes what makes the expression true: a node, a text, a number that is not 0.

    New expressions are tried in a process beside the one that judges for those who wait.
    """

    def __init__(self) -> None:
        self._used = _Evaluator()
        self._tried = _Evaluator()

    async def judge(
        self, text: str, events: Sequence[bytes], seconds: float, *, trial: bool = False
    ) -> Sequence[bool]:
        """Say which events pass; see :class:`vobroker.voevent.vtp.filters.Judge`."""
        if not text.strip():
            raise FilterError("the XPath filter is empty")
        return await (self._tried if trial else self._used).evaluate(text, events, seconds)

    async def close(self) -> None:
        """End the processes."""
        await self._used.close()
        await self._tried.close()


class _Evaluator:
    """A process that evaluates, begun when it is needed."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None

    async def evaluate(self, text: str, events: Sequence[bytes], seconds: float) -> list[bool]:
        async with self._turn:
            process = await self._running()
            assert process.stdin is not None
            assert process.stdout is not None
            head = json.dumps({"xpath": text, "events": len(events)}).encode()
            try:
                async with asyncio.timeout(seconds):
                    process.stdin.writelines(_framed(part) for part in (head, *events))
                    await process.stdin.drain()
                    answer = await _answer(process.stdout)
            except TimeoutError:
                await self._end()
                raise FilterError(
                    f"the XPath filter {text!r} takes longer than {seconds:g} seconds"
                ) from None
            except (OSError, asyncio.IncompleteReadError, ValueError):
                await self._end()
                raise FilterError(f"the XPath filter {text!r} {_MEMORY}") from None
            except BaseException:
                await self._end()  # an answer that nobody has read would be taken for the next one
                raise
        if isinstance(answer, str):
            raise FilterError(f"the XPath filter {text!r} cannot be used: {answer}")
        if not isinstance(answer, list) or len(answer) != len(events):
            raise FilterError(f"the XPath filter {text!r} cannot be used")
        return [bool(one) for one in answer]

    async def close(self) -> None:
        async with self._turn:
            await self._end()

    async def _running(self) -> asyncio.subprocess.Process:
        if self._process is not None and self._process.returncode is None:
            return self._process
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", __name__),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        self._process = process
        assert process.stdout is not None
        try:
            async with asyncio.timeout(_START_SECONDS):
                await _answer(process.stdout)
        except BaseException as error:
            await self._end()
            if isinstance(error, TimeoutError | OSError | asyncio.IncompleteReadError | ValueError):
                raise FilterError("XPath filters cannot be evaluated now") from error
            raise
        return process

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        transport = getattr(process, "_transport", None)
        if transport is not None:  # closes the pipes, which are else left to the garbage collector
            transport.close()


async def _answer(stream: asyncio.StreamReader) -> object:
    (length,) = _LENGTH.unpack(await stream.readexactly(_LENGTH.size))
    if length > _MAX_ANSWER:
        raise ValueError(length)
    return json.loads(await stream.readexactly(length))


def _framed(part: bytes) -> bytes:
    return _LENGTH.pack(len(part)) + part


# -- in the process ----------------------------------------------------------------------------------


def main() -> None:
    """Evaluate what comes on standard input until it ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    told: object = _READY
    while True:
        sink.write(_framed(json.dumps(told).encode()))
        sink.flush()
        head = _part(source)
        if head is None:
            return
        asked = json.loads(head)
        events = [_part(source) or b"" for _ in range(asked["events"])]
        told = _judged(asked["xpath"], events)


def _judged(text: str, events: list[bytes]) -> object:
    """Give a truth value for each event, or what is wrong with the expression."""
    try:
        # Without regular expressions, which are another way never to end.
        expression = etree.XPath(text, regexp=False, smart_strings=False)
        return [bool(expression(parse(event))) for event in events]
    except (etree.XPathError, VOEventError, ValueError) as error:
        return " ".join(str(error).split())[:500] or type(error).__name__
    except MemoryError:
        return _MEMORY


def _part(source: BinaryIO) -> bytes | None:
    length = source.read(_LENGTH.size)
    return source.read(_LENGTH.unpack(length)[0]) if len(length) == _LENGTH.size else None


if __name__ == "__main__":
    main()
