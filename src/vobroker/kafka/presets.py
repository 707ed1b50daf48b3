"""What is known of a survey's stream before anyone has told us an address.

Rubin: DMTN-093 (TLS, SCRAM-SHA-512, messages in the Confluent wire form, schemas in a registry); consumer
groups must begin with the name of the user. ZTF: one topic a night, named after its UTC date and program.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Preset:
    """Topics and security of a survey's brokers.

    Parameters
    ----------
    topics
        Names, or regular expressions that begin with ``^``.
    security
        Properties of librdkafka; whoever runs the broker may give others.
    about
        One sentence for a person.
    """

    topics: tuple[str, ...]
    about: str
    security: dict[str, str] = field(default_factory=dict)


PRESETS: dict[str, Preset] = {
    "rubin": Preset(
        (r"^lsst-alerts-v[0-9.]+$",),
        "Rubin Observatory: TLS and SCRAM-SHA-512; the group must begin with the user's name",
        {"security.protocol": "sasl_ssl", "sasl.mechanism": "SCRAM-SHA-512"},
    ),
    "ztf": Preset(
        (r"^ztf_[0-9]{8}_programid1$",), "Zwicky Transient Facility, public program: one topic a night"
    ),
    "generic": Preset((), "Any other: name the topics"),
}
