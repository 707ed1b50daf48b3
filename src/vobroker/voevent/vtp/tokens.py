"""Who is it? A token that is known is proved without being sent.

Whoever accepts the connection sends ``authenticate`` with a Param ``challenge``; the other side answers with
a Param ``proof``: HMAC-SHA256 of the challenge, keyed by the SHA-256 of the token. Brokers keep that SHA-256
and not the token. Peers that know nothing of this, such as Comet, see an ``authenticate`` with a Param more.

An author, who is not spoken to first, asks for the challenge by an ``authenticate`` of its own.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping

CHALLENGE = "challenge"
"""Param with what is to be proved about."""

PROOF = "proof"
"""Param with the proof."""


def challenge() -> str:
    """Make a challenge; none comes twice."""
    return secrets.token_hex(16)


def fingerprint(token: str) -> str:
    """Give what a broker keeps of a token, as ``vobroker token add`` writes it: SHA-256 in hexadecimal."""
    return hashlib.sha256(token.encode()).hexdigest()


def prove(token: str, asked: str) -> str:
    """Prove that one has a token."""
    return _proof(fingerprint(token), asked)


def whose(known: Mapping[str, str], asked: str, proof: str | None) -> str | None:
    """Give whose token was proved; None where the proof fits none.

    Parameters
    ----------
    known
        Names by the fingerprints of their tokens.
    asked
        The challenge.
    proof
        The answer to it.
    """
    found = None
    for digest, name in known.items():
        if proof is not None and hmac.compare_digest(_proof(digest, asked).encode(), proof.encode()):
            found = name
    return found


def _proof(digest: str, asked: str) -> str:
    return hmac.new(bytes.fromhex(digest), asked.encode(), "sha256").hexdigest()
