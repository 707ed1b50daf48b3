"""Topics that we write to are made when they are not there."""

from __future__ import annotations

import time
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from vobroker.kafka.problems import KafkaProblem, Problem, explain
from vobroker.kafka.settings import LARGEST, Connection

PARTITIONS = 8
"""Partitions of a topic that is made, unless another number is asked for."""

_ANSWER_SECONDS = 5


def ensure_topic(
    there: Connection, topic: str, *, partitions: int | None = None, replication: int | None = None
) -> str:
    """Make a topic for messages of any size unless it is there.

    Parameters
    ----------
    there
        The brokers.
    topic
        Its name.
    partitions, replication
        Of a new topic; by default :data:`PARTITIONS`, and what the brokers have for default.

    Returns
    -------
    str
        One sentence on what was made or found; empty when the topic is there as it was asked for.

    Raises
    ------
    KafkaProblem
        If the brokers cannot be reached, or refuse.
    """
    errors: list[KafkaError] = []

    def told(error: KafkaError) -> Problem:
        client.poll(0)  # what the connection was told arrives with it
        problems = [explain(each, brokers=there.brokers, topic=topic) for each in (*errors, error)]
        return next((p for p in problems if not p.passing), problems[0])

    def topics() -> dict[str, Any]:
        until = time.monotonic() + _ANSWER_SECONDS
        while True:
            try:  # in short turns: a password that is refused need not be waited for
                return client.list_topics(timeout=1).topics
            except KafkaException as error:
                problem = told(error.args[0])
                if not problem.passing or time.monotonic() > until:
                    raise KafkaProblem(problem.sentence) from error

    try:
        client = AdminClient(there.client({"error_cb": errors.append}))
    except KafkaException as error:
        raise KafkaProblem(explain(error.args[0], brokers=there.brokers).sentence) from error
    try:
        known = topics()
        if topic not in known:
            config = {"max.message.bytes": str(LARGEST)}
            new = NewTopic(topic, partitions or PARTITIONS, replication or -1, config=config)
            try:
                client.create_topics([new], request_timeout=_ANSWER_SECONDS)[topic].result()
            except KafkaException as error:
                # Somebody else may have been quicker.
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise
                known = topics()
            else:
                # Made is not yet known to all: a producer that asks too early waits for long.
                until = time.monotonic() + _ANSWER_SECONDS
                while topic not in topics() and time.monotonic() < until:
                    time.sleep(0.05)
                return f"made the topic {topic} with {partitions or PARTITIONS} partitions"
    except KafkaException as error:
        raise KafkaProblem(told(error.args[0]).sentence) from error
    there_are = len(known[topic].partitions)
    if partitions is not None and there_are < partitions:
        return f"the topic {topic} is there with {there_are} partitions, not {partitions}; it stays so"
    return ""
