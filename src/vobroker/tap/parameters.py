"""Parameters of a request: names in any case, values once or many times (DALI 1.1, section 3.3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.types import Message, Receive

from vobroker.tap.errors import TapError

MAX_FIELDS = 200
"""Most parameters of a request."""

MAX_NAME = 64
"""Longest name of a file, in characters: it becomes that of a file on the disk."""

MAX_TEXT = 2**20
"""Longest value of a parameter that is no file, in bytes."""


class Parameters:
    """Parameters by upper-case name, and the files that came with them."""

    def __init__(self, values: Iterable[tuple[str, str]], files: Mapping[str, bytes] | None = None) -> None:
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
    """Read the parameters of a request, of its address and of its body.

    Parameters
    ----------
    request
        The request.
    most
        Largest body, bytes.

    Raises
    ------
    TapError
        If the body is larger, or cannot be read.
    """
    pairs = list(request.query_params.multi_items())
    files: dict[str, bytes] = {}
    if request.method == "POST":
        declared = request.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > most:
            raise TapError(f"the request has {declared} bytes; you may send {most}", 413)
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in ("", "application/x-www-form-urlencoded", "multipart/form-data"):
            raise TapError(f"parameters do not come as {kind[:60]}", 415)
        limited = Request(request.scope, _limited(request, most))
        try:
            async with limited.form(
                max_files=MAX_FIELDS, max_fields=MAX_FIELDS, max_part_size=MAX_TEXT
            ) as form:
                for name, value in form.multi_items():
                    if isinstance(value, UploadFile):
                        files[name.upper()] = await value.read()
                    else:
                        pairs.append((name, value))
        except (MultiPartException, HTTPException, UnicodeDecodeError, ValueError) as error:
            reason = getattr(error, "detail", None) or getattr(error, "message", None) or str(error)
            raise TapError(f"the body of the request cannot be read: {reason}") from error
    if len(pairs) > MAX_FIELDS:
        raise TapError(f"the request has {len(pairs)} parameters; the limit is {MAX_FIELDS}", 413)
    for name, value in pairs:
        if "\0" in name or "\0" in value:
            raise TapError(f"{name[:40]!r} holds a NUL character")
    if long := [name for name in files if not name.isprintable() or len(name) > MAX_NAME]:
        raise TapError(f"a file cannot be called {long[0][:40]!r}")
    return Parameters(pairs, files)


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
