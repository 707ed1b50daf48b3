"""What DMTN-028 published, as found in its text, with the hardware it was measured on.

M. T. Patterson, DMTN-028, "Benchmarking a distribution system for LSST alerts", latest revision 2018-03-29,
https://dmtn-028.lsst.io; source https://github.com/lsst-dm/dmtn-028 (``index.rst``). Nothing is read off its
plots: what stands only there is not here.
"""

from __future__ import annotations

from dataclasses import dataclass

REFERENCE = "[DMTN-028](https://dmtn-028.lsst.io) (M. T. Patterson, revision of 2018-03-29)"

SMALL = "5 workers r3.xlarge (4 vCPU of Xeon E5-2670v2, 30.5 GiB), 3 managers of the same"
MORE = "10 or 15 workers r3.xlarge, 3 managers of the same"
LARGE = (
    "10 workers m4.4xlarge (16 vCPU, 64 GiB), 3 managers m4.16xlarge (64 vCPU, 256 GiB), heap of Kafka 8 GB"
)


@dataclass(frozen=True)
class Figure:
    """One published figure.

    Parameters
    ----------
    what, value, hardware
        As published; hardware are machines of Amazon's cloud under Docker Swarm.
    design
        Alerts, producers, readers and stamps of the point of ours that repeats it; None where none does.
    ours
        Figure of that point; empty where there is none.
    """

    what: str
    value: str
    hardware: str
    design: tuple[int, int, int, bool] | None = None
    ours: str = ""


FIGURES = (
    Figure(
        "1,000 alerts: serialise and send",
        "3.88 ± 0.25 s (3.37–4.32)",
        SMALL,
        (1000, 1, 2, True),
        "produce",
    ),
    Figure(
        "1,000 alerts: transit to the consumer",
        "0.30 ± 0.23 s (0.06–1.05)",
        SMALL,
        (1000, 1, 2, True),
        "transit",
    ),
    Figure("1,000 alerts: made, sent and received", "~4.2 s", SMALL, (1000, 1, 2, True), "total"),
    Figure("1,000 alerts: alerts lost of 1 million", "none", SMALL, (1000, 1, 2, True), "lost"),
    Figure(
        "1,000 alerts: memory of Kafka", "26.1 ± 6.6 GiB, at most 30.6", SMALL, (1000, 1, 2, True), "memory"
    ),
    Figure("100 alerts: serialise and send", "about 1 s", SMALL, (100, 1, 2, True), "produce"),
    Figure("10,000 alerts: serialise and send", "about 28–33 s", SMALL, (10_000, 1, 2, True), "produce"),
    Figure("one producer: alerts a second", "about 300", SMALL, (1000, 1, 2, True), "sent"),
    Figure("100 to 10,000 alerts: transit", "0.10–0.30 s", SMALL, (10_000, 1, 2, True), "transit"),
    Figure(
        "10,000 alerts, 2 readers: peak out of Kafka",
        "45 MiB/s (in: 23)",
        SMALL,
        (10_000, 1, 2, True),
        "megabytes_out",
    ),
    Figure("10,000 alerts, 200 producers: transit", "22.6 s", MORE),
    Figure("10,000 alerts, 10 producers, up to 11 readers: send", "6–9 s; without stamps 1–3 s", LARGE),
    Figure(
        "10,000 alerts, 11 readers: out of Kafka",
        "up to 180000 KiBps (it adds “180 Mbps”)",
        LARGE,
    ),
    Figure("10,000 alerts every 39 s, 11 readers", "readers fall behind, visit after visit", LARGE),
)
