"""Decoding alert packets to Arrow columns against the usual reader, in one run on one core.

Real packets, held in memory and repeated: Rubin with history, forced photometry and stamps in
Confluent wire format; ZTF in object containers, each with its 23 kB schema header.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import fastavro
import pyarrow as pa

from bench import report
from vobroker.alerts.avro.program import Program, compile_program
from vobroker.alerts.avro.read import Datums, read
from vobroker.alerts.decode import decode
from vobroker.alerts.origin import Origin
from vobroker.alerts.packets import RawBatch, unwrap
from vobroker.alerts.schemas import default_schemas

CHECKOUT = Path(__file__).resolve().parents[1]
COLLECTION = CHECKOUT.parent / "shared" / "data" / "alerts"
SMALL = CHECKOUT / "tests" / "data" / "alerts"
RUNS = 5


def packets(survey: str, count: int) -> list[bytes]:
    """Give real packets of a survey, repeated up to ``count``; each a copy with its own memory."""
    if COLLECTION.is_dir():
        pattern = "lsst/real/*/*.avro" if survey == "lsst" else "ztf/ZTF21abiuvdk_series/*.avro"
        files = sorted(COLLECTION.glob(pattern))
    else:
        files = sorted(SMALL.glob("lsst-10.0-asteroid.avro" if survey == "lsst" else "ztf-4.01.avro"))
    real = [file.read_bytes() for file in files]
    return [bytes(bytearray(real[n % len(real)])) for n in range(count)]


def rate(work: Callable[[], object], alerts: int) -> float:
    """Alerts per second, median of several runs after a first that is not counted."""
    work()
    seconds = []
    for _ in range(RUNS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return alerts / statistics.median(seconds)


def lsst(count: int) -> dict[str, float]:
    """Rates on Rubin packets."""
    given = packets("lsst", count)
    few = given[: max(20, count // 10)]
    schema = default_schemas().by_id(1000)
    parsed = fastavro.parse_schema(json.loads(schema.text))
    datums = Datums()
    for packet in given:
        datums.add(packet, 5, len(packet))
    history = ("diaSource", "prvDiaSources", "prvDiaForcedSources")
    candidate = compile_program(schema.root, lambda path: path[0] == "diaSource", whole=False)
    everything = compile_program(schema.root, lambda path: path[0] in history, whole=False)
    checked = compile_program(schema.root, lambda _: False)

    def usual() -> None:
        for packet in few:
            fastavro.schemaless_reader(io.BytesIO(packet[5:]), parsed)

    return {
        "fastavro, whole packet to dicts": rate(usual, len(few)),
        "all of diaSource": rate(lambda: read(candidate, datums), count),
        "diaSource, whole history, forced": rate(lambda: read(everything, datums), count),
        "checked to the last byte, nothing kept": rate(lambda: read(checked, datums), count),
        "as the river does it": rate(lambda: river(given), count),
        "limit: copy of the bytes": rate(lambda: copy(given), count),
    }


def ztf(count: int) -> dict[str, float]:
    """Rates on ZTF packets."""
    given = packets("ztf", count)
    few = given[: max(20, count // 10)]

    def usual() -> None:
        for packet in few:
            list(fastavro.reader(io.BytesIO(packet)))

    raw = raw_batch(given)
    ((schema, _),) = unwrap(raw, _SCHEMAS)[0].items()
    history = ("candidate", "prv_candidates", "fp_hists")
    candidate = compile_program(schema.root, lambda path: path[0] == "candidate", whole=False)
    everything = compile_program(schema.root, lambda path: path[0] in history, whole=False)

    def columns(program: Program) -> None:
        for group in unwrap(raw, _SCHEMAS)[0].values():
            read(program, group.datums)

    return {
        "fastavro, whole packet to dicts": rate(usual, len(few)),
        "container and all of candidate": rate(lambda: columns(candidate), count),
        "container, candidate, whole history, forced": rate(lambda: columns(everything), count),
        "common columns, checked to the last byte": rate(lambda: river(given, whole=False), count),
        "as the river does it": rate(lambda: river(given), count),
        "limit: copy of the bytes": rate(lambda: copy(given), count),
    }


def river(given: list[bytes], *, whole: bool = True) -> None:
    """Decode as the pipeline does, native columns and measurements included where ``whole``."""
    for batch in decode(raw_batch(given), _SCHEMAS, whole=whole).batches:
        if whole:
            batch.native()
            batch.measurements()


_SCHEMAS = default_schemas()


def raw_batch(given: list[bytes]) -> RawBatch:
    """Give packets as a source does."""
    return RawBatch(given, [Origin("bench", 0, number) for number in range(len(given))])


def copy(given: list[bytes]) -> bytes:
    """Copy all packets into one piece of memory."""
    return b"".join(given)


def main() -> None:
    """Measure and show the table, and a plot where one is asked for."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--alerts", type=int, default=1000, help="packets of each survey in memory")
    options.add_argument("--plot", type=Path, help="file for a plot of the Rubin rates")
    chosen = options.parse_args()
    pa.set_cpu_count(1)
    measured = {"Rubin": lsst(chosen.alerts), "ZTF": ztf(chosen.alerts)}
    for survey, rates in measured.items():
        size = sum(map(len, packets(survey.lower().replace("rubin", "lsst"), 50))) / 50
        base = rates["fastavro, whole packet to dicts"]
        report.show(
            f"{survey} packets of {size / 1000:.0f} kB to Arrow, one core",
            ("what is decoded", "alerts/s", "ratio"),
            [(name, f"{value:,.0f}", f"{value / base:,.0f}") for name, value in rates.items()],
        )
    if chosen.plot:
        report.bars(chosen.plot, "Decoding real Rubin packets, one core", "alerts/s", measured["Rubin"])


if __name__ == "__main__":
    main()
