"""Who may connect, and how fast."""

from __future__ import annotations

import pytest

from vobroker.voevent.vtp import VTPError
from vobroker.voevent.vtp.limits import ANYWHERE, LOOPBACK, Networks, Rates


@pytest.mark.parametrize(
    ("networks", "host", "allowed"),
    [
        (LOOPBACK, "127.0.0.1", True),
        (LOOPBACK, "::1", True),
        (LOOPBACK, "::ffff:127.0.0.1", True),
        (LOOPBACK, "192.0.2.1", False),
        (["192.0.2.0/24"], "192.0.2.255", True),
        (["192.0.2.0/24"], "192.0.3.0", False),
        (["192.0.2.7"], "192.0.2.7", True),
        (["192.0.2.9/24"], "192.0.2.1", True),
        (["2001:db8::/32"], "2001:db8::1", True),
        (["2001:db8::/32"], "192.0.2.1", False),
        (["fe80::/10"], "fe80::1%eth0", True),
        (ANYWHERE, "203.0.113.9", True),
        (ANYWHERE, "", False),
        ([], "127.0.0.1", False),
    ],
)
def test_networks_hold_addresses(networks: list[str], host: str, allowed: bool) -> None:
    assert (host in Networks(networks)) is allowed


@pytest.mark.parametrize("text", ["", "localhost", "192.0.2.0/33", "192.0.2"])
def test_what_is_no_network_is_named(text: str) -> None:
    with pytest.raises(VTPError, match="is no network such as"):
        Networks([text])


def test_a_second_of_events_may_come_at_once_and_then_one_by_one() -> None:
    now = [100.0]
    rates = Rates(10, clock=lambda: now[0])
    assert [rates.wait("a") for _ in range(10)] == [0.0] * 10
    assert rates.wait("a") == pytest.approx(0.1)
    assert rates.wait("a") == pytest.approx(0.2)
    assert rates.wait("b") == 0.0
    now[0] += 5
    assert rates.wait("a") == 0.0
    now[0] += 5
    rates.forget()
    assert len(rates) == 0
    assert [Rates(0).wait("a") for _ in range(100)] == [0.0] * 100
