"""What the commands that read from Kafka share: the source as options say, or one line on what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from vobroker.cli.common import fail, warn

if TYPE_CHECKING:
    from vobroker.archive import Access
    from vobroker.kafka.settings import Connection
    from vobroker.sources.kafka import KafkaSource

SurveyOption = Annotated[
    str, typer.Option(help="Preset: rubin, ztf, or generic. Gives topics and security unless you do.")
]
TopicOption = Annotated[
    list[str] | None,
    typer.Option("--topic", "-t", help="Topic; a regular expression when it begins with ^. Repeatable."),
]
GroupOption = Annotated[
    str,
    typer.Option(envvar="VOBROKER_KAFKA_GROUP", help="Consumer group; its members share the partitions."),
]
UserOption = Annotated[
    str | None,
    typer.Option(
        envvar="VOBROKER_KAFKA_USER",
        help="User for SASL; the password is in VOBROKER_KAFKA_PASSWORD, or in the file that "
        "VOBROKER_KAFKA_PASSWORD_FILE names.",
    ),
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", help="Property of librdkafka, name=value. Repeatable.")
]


def need_kafka() -> None:
    """Leave with an error where Kafka's library is not installed."""
    try:
        import_module("confluent_kafka")
    except ImportError:
        fail("Kafka needs one more package: pip install 'vobroker[kafka]'", 2)


@dataclass(frozen=True)
class Reading:
    """What the options say: where the brokers are, and what to read from them."""

    brokers: str
    survey: str
    topics: Sequence[str]
    group: str
    start: str
    user: str | None
    properties: Sequence[str]
    until_end: bool = False
    batch: int = 512

    def connection(self, brokers: str | None = None) -> Connection:
        """Describe the connection to these brokers, or with the same security to others."""
        need_kafka()
        from vobroker.kafka.presets import PRESETS
        from vobroker.kafka.settings import SettingsError, connection

        if self.survey not in PRESETS:
            fail(f"no preset '{self.survey}'; there are: {', '.join(PRESETS)}", 2)
        security = PRESETS[self.survey].security
        try:
            return connection(
                brokers or self.brokers, security=security, user=self.user, properties=self.properties
            )
        except SettingsError as error:
            fail(str(error), 2)

    def source(self, turns: Access, stop: Event) -> KafkaSource:
        """Give the source, with its positions in the archive; nothing is read before it is iterated."""
        there = self.connection()
        from vobroker.kafka.presets import PRESETS
        from vobroker.sources import kafka

        topics = tuple(self.topics or PRESETS[self.survey].topics)
        if not topics:
            fail("name a topic with --topic, or a survey with --survey", 2)
        try:
            begin = kafka.start(self.start)
        except ValueError as error:
            fail(str(error), 2)

        return kafka.KafkaSource(
            there, topics, self.group, turns.positions, turns.remember, begin, stop, warn,
            until_end=self.until_end, batch=self.batch,
        )  # fmt: skip
