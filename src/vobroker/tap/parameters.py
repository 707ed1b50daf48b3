"""Parameters of a request: names in any case, values once or many times (DALI 1.1, section 3.3)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import BinaryIO

import anyio
from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.types import Message, Receive

from vobroker.tap.errors import TapError

MAX_FIELDS = 200
"""Most parameters of a request."""

MAX_NAME = 64
"""Longest name of a file, in bytes: it becomes that of a file on the disk."""

MAX_TEXT = 2**20
"""Longest value of a parameter that is no file, in bytes."""

SECONDS = 300.0
"""Time that a request may take to come in."""

Files = Mapping[str, BinaryIO]
"""Open files by name; large ones are on the disk."""


class Parameters:
    """Parameters by upper-case name, and the files that came with them."""

    def __init__(self, values: Iterable[tuple[str, str]], files: Files | None = None) -> None:
        self.values: dict[str, list[str]] = {}
        for name, value in values:
            self.values.setdefault(name.upper(), []).append(value)
        self.files = dict(files or {})

    def one(self, name: str, default: str = "") -> str:
        """Give the value of a parameter that may stand once.

        Raises
        ------
        TapError
            If it stands more than once with different values.
        """
        found = set(self.values.get(name, []))
        if len(found) > 1:
            raise TapError(f"{name} is given {len(self.values[name])} times")
        return found.pop() if found else default

    def all(self, name: str) -> list[str]:
        """Give all values of a parameter."""
        return self.values.get(name, [])

    def pairs(self) -> list[tuple[str, str]]:
        """Give all parameters in order."""
        return [(name, value) for name, values in self.values.items() for value in values]


def number(parameters: Parameters, name: str, default: int, most: int) -> int:
    """Give a parameter that is a whole number from 0 on; a larger one than allowed becomes the largest.

    Raises
    ------
    TapError
        If it is none.
    """
    text = parameters.one(name).strip()
    if not text:
        return min(default, most)
    if not text.isascii() or not text.isdecimal():
        raise TapError(f"{name} is a whole number, not '{text[:40]}'")
    return min(int(text[:20]), most)


async def read(request: Request, most: int) -> Parameters:
    """Read the parameters of a request that brings no files; see :func:`reading`."""
    async with reading(request, most) as parameters:
        parameters.files = {}
        return parameters


@asynccontextmanager
async def reading(request: Request, most: int) -> AsyncIterator[Parameters]:
    """Read the parameters of a request, of its address and of its body; its files are open in the block.

    Parameters
    ----------
    request
        The request.
    most
        Largest body, bytes.

    Raises
    ------
    TapError
        If the body is larger, cannot be read, or does not come in time.
    """
    pairs = list(request.query_params.multi_items())
    files: dict[str, BinaryIO] = {}
    form: FormData | None = None
    try:
        if request.method == "POST":
            with anyio.move_on_after(SECONDS):
                form = await _form(request, most)
            if form is None:
                raise TapError(f"the request does not come within {SECONDS:g} s", 408)
            for name, value in form.multi_items():
                if isinstance(value, UploadFile):
                    files[name.upper()] = value.file
                else:
                    pairs.append((name, value))
        _check(pairs, files)
        yield Parameters(pairs, files)
    finally:
        if form is not None:
            await form.close()


async def _form(request: Request, most: int) -> FormData:
    """Read the body of a request."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > most:
        raise TapError(f"the request has {declared} bytes; you may send {most}", 413)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("", "application/x-www-form-urlencoded", "multipart/form-data"):
        raise TapError(f"parameters do not come as {kind[:60]}", 415)
    limited = Request(request.scope, _limited(request, most))
    try:
        return await limited.form(max_files=MAX_FIELDS, max_fields=MAX_FIELDS, max_part_size=MAX_TEXT)
    except (MultiPartException, HTTPException, UnicodeDecodeError, ValueError) as error:
        reason = getattr(error, "detail", None) or getattr(error, "message", None) or str(error)
        raise TapError(f"the body of the request cannot be read: {reason}") from error


def _check(pairs: list[tuple[str, str]], files: Files) -> None:
    """Refuse what no parameter can be."""
    if len(pairs) > MAX_FIELDS:
        raise TapError(f"the request has {len(pairs)} parameters; the limit is {MAX_FIELDS}", 413)
    for name, value in pairs:
        if "\0" in name or "\0" in value:
            raise TapError(f"{name[:40]!r} holds a NUL character")
    if long := [name for name in files if not name.isprintable() or len(name.encode()) > MAX_NAME]:
        raise TapError(f"a file cannot be called {long[0][:40]!r}")


def _limited(request: Request, most: int) -> Receive:
    """Receive a body that does not grow beyond a limit, whatever its head announced."""
    seen = 0

    async def receive() -> Message:
        nonlocal seen
        message = await request.receive()
        seen += len(message.get("body", b""))
        if seen > most:
            raise TapError(f"the request has more than the {most} bytes that you may send", 413)
        return message

    return receive
