"""Alerts through Kafka, in bursts: the design of LSST's DMTN-028 repeated with real packets and real brokers.

Producers x partitions x consumer groups (which read, or decode and filter) x stamps or not x copies. For each
visit: time to produce, until the last group has it, throughput, end-to-end latency, lag, CPU and memory.
The load is scaled to the machine unless it is given.
"""

from __future__ import annotations


def main() -> None:
    """Run the command; see :mod:`bench.streaming.command`."""
    # Every producer and consumer reads this file again as it starts, so it imports nothing by itself.
    from bench.streaming.command import main as run

    run()


if __name__ == "__main__":
    main()
