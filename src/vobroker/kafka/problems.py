"""What an error of Kafka means, in one sentence, and whether trying again can help."""

from __future__ import annotations

import re
from dataclasses import dataclass

from confluent_kafka import KafkaError


class KafkaProblem(Exception):  # noqa: N818 - an Error of the library's is what it tells of
    """Kafka cannot be used as asked, with the reason in one sentence."""


@dataclass(frozen=True, slots=True)
class Problem:
    """An error told for a person."""

    sentence: str
    passing: bool
    """Whether it can pass by itself, so that trying again makes sense."""


_CODES: dict[int, tuple[str, bool]] = {
    KafkaError._AUTHENTICATION: ("the brokers {brokers} refuse the user or its password{detail}", False),
    KafkaError.SASL_AUTHENTICATION_FAILED: (
        "the brokers {brokers} refuse the user or its password{detail}",
        False,
    ),
    KafkaError._SSL: ("no TLS connection to {brokers}{detail}", False),
    KafkaError._RESOLVE: ("no address is known for {brokers}{detail}", True),
    KafkaError._TRANSPORT: ("no connection to {brokers}{detail}", True),
    KafkaError._ALL_BROKERS_DOWN: ("none of the brokers {brokers} answers", True),
    KafkaError._TIMED_OUT: ("the brokers {brokers} do not answer in time", True),
    KafkaError.UNKNOWN_TOPIC_OR_PART: ("there is no topic {topic} on {brokers}", True),
    KafkaError.TOPIC_AUTHORIZATION_FAILED: ("the user may not use the topic {topic}", False),
    KafkaError.GROUP_AUTHORIZATION_FAILED: ("the user may not use the consumer group {group}", False),
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: ("the user may not do this on {brokers}", False),
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: (
        "the user may not use transactions on {brokers}",
        False,
    ),
    KafkaError._FENCED: ("another process has taken over the producer", False),
    KafkaError.MSG_SIZE_TOO_LARGE: ("the brokers {brokers} do not take messages so large", False),
}
# The library puts its own threads and times around what it was told.
_NOISE = re.compile(
    r"^(?:\S+/(?:bootstrap|\d+): |\[thrd:.*?\]: )+|\s*\(after .*?\)$|, \d+ identical error.*$"
)


def explain(error: KafkaError, *, brokers: str = "", topic: str = "", group: str = "") -> Problem:
    """Tell an error; one that is not in the table is told in the library's words."""
    words = _NOISE.sub("", error.str() or "").strip()
    words = _NOISE.sub("", words)
    sentence, passing = _CODES.get(error.code(), ("Kafka: {words}", bool(error.retriable())))
    detail = f": {words}" if words and words != brokers else ""
    return Problem(
        sentence.format(
            brokers=brokers, topic=topic, group=group, detail=detail, words=words or error.name()
        ),
        passing,
    )
