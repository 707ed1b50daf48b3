"""Where the brokers are and how one is let in.

Secrets come from the environment or from files. They are in no message, no log and no ``repr``.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SECRETS = {
    "sasl.password": "VOBROKER_KAFKA_PASSWORD",
    "sasl.oauthbearer.client.secret": "VOBROKER_KAFKA_CLIENT_SECRET",
    "ssl.key.password": "VOBROKER_KAFKA_KEY_PASSWORD",
}
"""Properties that are secret, and the variables that give them; with ``_FILE`` behind, of a file."""

_SILENT = logging.getLogger("vobroker.kafka.client")
_SILENT.addHandler(logging.NullHandler())
# What the client library logs a hundred times a second is told once, by whoever asked for the connection.
_SILENT.propagate = False

LARGEST = 64 * 2**20
"""Largest message that is sent or received, in bytes; the same as of a packet."""


class SettingsError(ValueError):
    """A connection that cannot be described, with the reason in one sentence."""


@dataclass(frozen=True, slots=True)
class Connection:
    """Brokers, and the properties of librdkafka to reach them.

    Parameters
    ----------
    brokers
        ``host:port``, with commas between.
    security
        Properties that are no secret.
    secrets
        Properties that are; not shown.
    """

    brokers: str
    security: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)

    def client(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        """Give the configuration of a client with some more properties of librdkafka."""
        return {
            "bootstrap.servers": self.brokers,
            "client.id": "vobroker",
            "reconnect.backoff.ms": 200,
            "reconnect.backoff.max.ms": 10_000,
            **self.security,
            **self.secrets,
            **properties,
            "logger": _SILENT,
        }


def connection(
    brokers: str,
    *,
    security: Mapping[str, str] | None = None,
    user: str | None = None,
    properties: Iterable[str] = (),
    environment: Mapping[str, str] = os.environ,
) -> Connection:
    """Describe a connection.

    Parameters
    ----------
    brokers
        ``host:port``, with commas between.
    security
        Properties of a preset.
    user
        Name for SASL; with one and no mechanism SCRAM-SHA-512 is meant.
    properties
        Further properties of librdkafka as ``name=value``; a secret is not taken here, since
        others can read a command line.
    environment
        Where secrets are looked for, see :data:`SECRETS`.

    Raises
    ------
    SettingsError
        If a property has no value or is secret, a broker has no port, or the file of a secret cannot be read.
    """
    for broker in brokers.split(","):
        host, _, port = broker.strip().rpartition(":")
        if not host or not port.isdigit():
            raise SettingsError(f"a broker is given as host:port, not as '{broker.strip()}'")
    chosen = dict(security or {})
    if user:
        chosen = {"security.protocol": "sasl_ssl", "sasl.mechanism": "SCRAM-SHA-512"} | chosen
        chosen["sasl.username"] = user
    for given in properties:
        name, found, value = given.partition("=")
        if not found or not name:
            raise SettingsError(f"a property is given as name=value, not as '{name}'")
        if name in SECRETS:
            raise SettingsError(
                f"{name} is a secret; give it in {SECRETS[name]} or in a file {SECRETS[name]}_FILE"
            )
        chosen[name] = value
    secrets = {
        name: secret for name in SECRETS if (secret := _secret(SECRETS[name], environment)) is not None
    }
    return Connection(brokers, chosen, secrets)


def _secret(variable: str, environment: Mapping[str, str]) -> str | None:
    if (path := environment.get(f"{variable}_FILE")) is None:
        return environment.get(variable)
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{variable}_FILE: {path} cannot be read: {getattr(error, 'strerror', error)}"
        ) from None
