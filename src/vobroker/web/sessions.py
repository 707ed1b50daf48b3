"""Sessions of browsers: each begins with a token that holds, and ends with it.

The cookie of a session is a seal around the fingerprint of the token, so that nothing is kept here but which
sessions were signed out before their time.
"""

from __future__ import annotations

import secrets
import struct
import threading
import time
from pathlib import Path

from vobroker.gateway.seal import SealError, Seals
from vobroker.roles import Caller, Roles

SCOPE = "web"
"""What a token must be good for, of :data:`vobroker.tokens.SCOPES`."""

HOURS = 12.0
"""How long a session lasts."""

_SESSION = struct.Struct(">d16s32s")  # its end, its number, the fingerprint of its token
_ENDED = "signed-out"


class Sessions:
    """The sessions of a site.

    Parameters
    ----------
    seals
        What seals their cookies.
    roles
        Who has which token.
    folder
        Where sessions are kept that were signed out, until their time is over.
    """

    def __init__(self, seals: Seals, roles: Roles, folder: Path) -> None:
        self.seals, self._roles, self._file = seals, roles, folder / _ENDED
        self._lock = threading.Lock()
        self._ended: dict[str, float] = {}
        if self._file.exists():
            told = (line.split() for line in self._file.read_text("ascii").splitlines())
            self._ended = {number: float(until) for number, until in told}

    def begin(self, caller: Caller, *, now: float | None = None) -> str:
        """Give the cookie of a new session of somebody who has a token."""
        until = (time.time() if now is None else now) + HOURS * 3600
        content = _SESSION.pack(until, secrets.token_bytes(16), bytes.fromhex(caller.digest))
        return self.seals.seal(content, "web", "session")

    def caller(self, cookie: str) -> Caller | None:
        """Give whose session it is; None where it is none, or over, or its token holds no more."""
        until, number, digest = self._opened(cookie)
        if until <= time.time() or number in self._ended:
            return None
        return self._roles.holder(digest, SCOPE)

    def end(self, cookie: str) -> None:
        """Let a session be over, wherever its cookie is."""
        until, number, _ = self._opened(cookie)
        now = time.time()
        if until <= now:
            return
        with self._lock:
            kept = {one: end for one, end in self._ended.items() if end > now} | {number: until}
            new = self._file.with_suffix(".new")
            new.write_text("".join(f"{one} {end}\n" for one, end in kept.items()), "ascii")
            new.replace(self._file)
            self._ended = kept

    def _opened(self, cookie: str) -> tuple[float, str, str]:
        try:
            until, number, digest = _SESSION.unpack(self.seals.open(cookie, "web", "session"))
        except SealError:
            return 0.0, "", ""
        return until, number.hex(), digest.hex()
