"""Nights of Rubin and ZTF alerts, made up but consistent."""

from vobroker.sources.simulator.simulation import simulate
from vobroker.sources.simulator.visit import Packets, Visit
from vobroker.sources.simulator.write import FORMS, as_raw_batches, write

__all__ = ["FORMS", "Packets", "Visit", "as_raw_batches", "simulate", "write"]
