"""Nights of Rubin and ZTF alerts, made up but consistent."""

from vobroker.sources.simulator.bursts import Burst, recorded, simulated
from vobroker.sources.simulator.play import Sent, play
from vobroker.sources.simulator.simulation import simulate
from vobroker.sources.simulator.visit import Packets, Visit
from vobroker.sources.simulator.write import FORMS, as_raw_batches, write

__all__ = [
    "FORMS",
    "Burst",
    "Packets",
    "Sent",
    "Visit",
    "as_raw_batches",
    "play",
    "recorded",
    "simulate",
    "simulated",
    "write",
]
