"""Seals: what this service hands out and reads again, while nobody else can make, change or read it.

They are AES-SIV (RFC 5297): encrypted and proven to be ours by one key, which the archive keeps, so that they
hold after a restart. The same content has the same seal; who wants another puts something random into it.
"""

from __future__ import annotations

import base64
import binascii
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

KEY_FILE = "gateway.key"


class SealError(ValueError):
    """A seal that is not ours, or keys that cannot be used, with the reason in one sentence."""


class Seals:
    """Makes and opens seals.

    Parameters
    ----------
    keys
        Secrets of 32 bytes or more; the first makes seals, all open them, so that a key can be replaced.
    """

    def __init__(self, *keys: bytes) -> None:
        self._keys = [AESSIV(key) for key in keys]

    @classmethod
    def of(cls, folder: Path) -> Seals:
        """Take the keys of a folder; see :func:`keys_of`."""
        return cls(*keys_of(folder))

    def seal(self, content: bytes, *what: str) -> str:
        """Give content as a text for an address or a header, which can be opened as the same thing only."""
        sealed = self._keys[0].encrypt(content, [part.encode() for part in what])
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def open(self, sealed: str, *what: str) -> bytes:
        """Give what is sealed.

        Raises
        ------
        SealError
            If this service did not make it, or for something else.
        """
        for key in self._keys:
            try:
                content = base64.b64decode(sealed + "=" * (-len(sealed) % 4), "-_", validate=True)
                return key.decrypt(content, [part.encode() for part in what])
            except (InvalidTag, binascii.Error, ValueError):
                continue
        raise SealError("this is not of this service")


def keys_of(folder: Path) -> list[bytes]:
    """Take the keys of a folder, one a line, and make one where there is none.

    Raises
    ------
    SealError
        If the file holds no key.
    OSError
        If it cannot be read or made.
    """
    file = folder / KEY_FILE
    folder.mkdir(parents=True, exist_ok=True)
    try:
        # Only one of two processes that begin at the same time makes it, and nobody sees half of it.
        new = folder / f".{KEY_FILE}.{os.getpid()}"
        new.touch(mode=0o600)
        new.write_text(AESSIV.generate_key(256).hex() + "\n")
        os.link(new, file)
    except FileExistsError:
        pass
    finally:
        new.unlink(missing_ok=True)
    try:
        keys = [bytes.fromhex(line) for line in file.read_text().split()]
        for key in keys:
            AESSIV(key)
        if keys:
            return keys
    except ValueError:
        pass
    raise SealError(f"{file} holds no keys: each line is one of 64 hexadecimal digits")
