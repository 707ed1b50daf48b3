"""Connections: what they are made from, and that their secrets stay with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from vobroker.kafka.presets import PRESETS
from vobroker.kafka.settings import SECRETS, SettingsError, connection


def test_a_password_comes_from_the_environment_and_is_not_shown() -> None:
    there = connection("k:9094", user="me", environment={"VOBROKER_KAFKA_PASSWORD": "tell-nobody"})
    assert "tell-nobody" not in repr(there)
    assert there.client({})["sasl.password"] == "tell-nobody"
    assert there.client({})["sasl.mechanism"] == "SCRAM-SHA-512"


def test_a_password_comes_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from-file\n")
    given = {"VOBROKER_KAFKA_PASSWORD_FILE": str(tmp_path / "secret")}
    assert connection("k:9094", environment=given).secrets == {"sasl.password": "from-file"}
    with pytest.raises(SettingsError, match="nowhere cannot be read: No such file"):
        connection("k:9094", environment={"VOBROKER_KAFKA_PASSWORD_FILE": "/nowhere"})


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_not_taken_from_the_command_line(name: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} is a secret; give it in VOBROKER_KAFKA_") as caught:
        connection("k:9094", properties=[f"{name}=tell-nobody"], environment={})
    assert "tell-nobody" not in str(caught.value)


def test_a_preset_gives_way_to_properties() -> None:
    there = connection(
        "k:9094",
        security=PRESETS["rubin"].security,
        user="me",
        properties=["sasl.mechanism=PLAIN"],
        environment={},
    )
    assert there.security == {
        "security.protocol": "sasl_ssl",
        "sasl.mechanism": "PLAIN",
        "sasl.username": "me",
    }


@pytest.mark.parametrize("brokers", ["", "host", "host:", "host:port", "a:1,b"])
def test_a_broker_has_a_host_and_a_port(brokers: str) -> None:
    with pytest.raises(SettingsError, match="host:port"):
        connection(brokers, environment={})


@pytest.mark.parametrize("given", ["retries", "=5", ""])
def test_a_property_has_a_name_and_a_value(given: str) -> None:
    with pytest.raises(SettingsError, match="name=value"):
        connection("k:1", properties=[given], environment={})
