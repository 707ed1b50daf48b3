"""What is measured: the points of a design, and how large their bursts are on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any

LSST_ALERTS = 10_000
LSST_SECONDS = 37.0
KINDS = ("read", "all", "none", "real")
"""Consumer groups: one that counts, three that decode and filter; see :mod:`bench.streaming.consumers`."""

SETTLE_SECONDS = 5.0
"""About what a point takes beside its bursts: processes start, groups are assigned, topics go."""


@dataclass(frozen=True)
class Point:
    """One point of the design.

    Parameters
    ----------
    alerts, visits, every
        Alerts of a burst, bursts that count, and seconds from one burst to the next. One more burst comes
        first and does not count.
    producers, partitions, replication
        Processes that send, partitions of the topic, and copies of each.
    groups, members
        Kind of each consumer group, all of which read the whole stream, and the processes of a group.
    stamps
        Whether the packets hold cutout images.
    brokers
        Brokers of the cluster.
    series
        What the point is for: the parameter that differs from the centre.
    """

    alerts: int
    every: float
    visits: int
    producers: int = 2
    partitions: int = 4
    groups: tuple[str, ...] = ("read", "read")
    members: int = 1
    stamps: bool = True
    replication: int = 1
    brokers: int = 1
    series: str = "centre"

    def as_dict(self) -> dict[str, Any]:
        """Give the point for a JSON file."""
        return asdict(self) | {"groups": list(self.groups)}

    @property
    def key(self) -> tuple[Any, ...]:
        """What two runs of the same point have in common; the series is only a name."""
        return tuple(value for name, value in sorted(asdict(self).items()) if name != "series")


def from_dict(given: dict[str, Any]) -> Point:
    """Read a point of a JSON file."""
    return Point(**{**given, "groups": tuple(given["groups"])})


@dataclass(frozen=True)
class Choice:
    """Values of each parameter, as asked for on the command line."""

    producers: Sequence[int] = (1, 2, 4)
    partitions: Sequence[int] = (1, 2, 4, 8)
    groups: Sequence[int] = (1, 2, 4)
    members: Sequence[int] = (1, 2)
    kinds: Sequence[str] = KINDS
    stamps: Sequence[bool] = (True, False)
    replication: Sequence[int] = (1, 3)


def middle(values: Sequence[int]) -> int:
    """Give the value that is kept while another parameter varies."""
    return values[len(values) // 2]


def one_at_a_time(choice: Choice, base: Point) -> list[Point]:
    """Vary each parameter by itself about the centre, with stamps and without; the centre again at last."""
    centre = replace(
        base,
        producers=middle(choice.producers),
        partitions=middle(choice.partitions),
        groups=(choice.kinds[0],) * middle(choice.groups),
        members=choice.members[0],
        stamps=choice.stamps[0],
        replication=min(choice.replication),
    )
    points = [centre]
    for stamps in choice.stamps:
        here = replace(centre, stamps=stamps)
        points += [replace(here, producers=n, series="producers") for n in choice.producers]
        points += [replace(here, partitions=n, series="partitions") for n in choice.partitions]
        points += [replace(here, groups=here.groups[:1] * n, series="groups") for n in choice.groups]
        # One reader and one group that filters.
        points += [replace(here, groups=(here.groups[0], kind), series="kinds") for kind in choice.kinds[1:]]
        if max(choice.replication) > 1:
            three = replace(here, brokers=3, series="replication")
            points += [replace(three, replication=n) for n in choice.replication]
    points += [replace(centre, members=n, series="members") for n in choice.members]
    return [*_distinct(points), centre]


def crossed(choice: Choice, base: Point) -> list[Point]:
    """Every combination of all parameters."""
    brokers = 3 if max(choice.replication) > 1 else 1
    points = [
        replace(
            base,
            producers=producers,
            partitions=partitions,
            groups=(choice.kinds[0],) * (groups - 1) + (kind,),
            members=members,
            stamps=stamps,
            replication=replication,
            brokers=brokers,
            series="crossed",
        )
        for producers, partitions, groups, kind, members, stamps, replication in product(
            choice.producers,
            choice.partitions,
            choice.groups,
            choice.kinds,
            choice.members,
            choice.stamps,
            choice.replication,
        )
    ]
    return _distinct(points)


def as_published(base: Point, stamps: Sequence[bool]) -> list[Point]:
    """Designs of DMTN-028 as they were: one producer, one partition, two readers, 100 and 1,000 alerts."""
    one = replace(base, producers=1, partitions=1, groups=("read", "read"), series="as in DMTN-028")
    return [
        replace(one, alerts=alerts, every=max(alerts * LSST_SECONDS / LSST_ALERTS, 1.0), stamps=with_stamps)
        for alerts in (100, 1000)
        for with_stamps in stamps
    ]


def whole_visits(groups: Sequence[int], base: Point) -> list[Point]:
    """Visits of LSST's own size and interval; the model does not see them, they judge it."""
    return [
        replace(
            base,
            alerts=LSST_ALERTS,
            every=LSST_SECONDS,
            visits=1,
            groups=("read",) * n,
            series="whole visit",
        )
        for n in groups
    ]


def scaled(*, minutes: float, points: int, visits: int, rate: float) -> tuple[int, float]:
    """Find the alerts of a burst and the seconds between bursts with which a design fits a time.

    The mean rate is LSST's, 10,000 alerts in 37 s, unless the machine is slower than twice that: a burst then
    has as many alerts as it takes in half of the interval.

    Parameters
    ----------
    minutes, points, visits
        Time for the whole design, its points, and the bursts of a point that count.
    rate
        Alerts a second of the centre on this machine, from a trial.
    """
    each = max(60 * minutes / points - SETTLE_SECONDS, 1.0)
    every = round(min(max(each / (visits + 1), 1.0), LSST_SECONDS), 1)
    alerts = min(LSST_ALERTS * every / LSST_SECONDS, 0.5 * every * rate)
    return max(20, int(alerts // 10 * 10)), every


def _distinct(points: list[Point]) -> list[Point]:
    """Leave out what was named before, under whatever series; clusters of one broker first."""
    found: dict[tuple[Any, ...], Point] = {}
    for point in points:
        found.setdefault(point.key, point)
    return sorted(found.values(), key=lambda point: point.brokers)
