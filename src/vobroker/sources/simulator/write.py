"""Simulated visits as files, in every form that packets travel in, and as batches for the decoder."""

from __future__ import annotations

import io
import json
import tarfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from vobroker.alerts.origin import Origin
from vobroker.sources.simulator import schemas
from vobroker.sources.simulator.visit import Visit
from vobroker.sources.simulator.wire import Container

if TYPE_CHECKING:
    from vobroker.alerts.packets import RawBatch

FORMS = {
    "confluent": "one file per alert in Confluent wire format (LSST)",
    "container": "one Avro object container per alert",
    "multi": "one Avro object container per visit, with all its alerts",
    "tar.gz": "one compressed tar archive per night, with the packets as the survey sends them",
}


@dataclass(slots=True)
class Written:
    """What was written: alerts, bytes on disk, alerts per kind."""

    alerts: int = 0
    bytes: int = 0
    kinds: Counter[str] = field(default_factory=Counter)


def write(
    visits: Iterable[Visit],
    folder: Path,
    form: str,
    *,
    each: Callable[[Visit], object] = lambda visit: None,
) -> Written:
    """Write visits to ``folder``, a folder per night, and ``truth.parquet`` and ``truth.csv`` beside them.

    ``each`` is called after every visit.

    Raises
    ------
    ValueError
        If there is no such form, or ZTF alerts are to be written in Confluent wire format.
    """
    if form not in FORMS:
        raise ValueError(f"no form {form!r} to write; there are {', '.join(FORMS)}")
    folder.mkdir(parents=True, exist_ok=True)
    done = Written()
    truths: list[pa.Table] = []
    archive: tuple[str, tarfile.TarFile] | None = None
    try:
        for visit in visits:
            night = f"{visit.night:%Y%m%d}"
            if form == "tar.gz":
                name = f"{visit.survey}_{night}.tar.gz"
                if archive is None or archive[0] != name:
                    if archive is not None:
                        archive[1].close()
                    archive = name, tarfile.open(folder / name, "w:gz", compresslevel=1)
                _into_tar(archive[1], visit)
            else:
                done.bytes += _into_folder(folder / night, visit, form)
            done.alerts += len(visit.packets)
            done.kinds.update(visit.truth["kind"].to_pylist())
            truths.append(visit.truth)
            each(visit)
    finally:
        if archive is not None:
            archive[1].close()
    if form == "tar.gz":
        done.bytes = sum(path.stat().st_size for path in folder.glob("*.tar.gz"))
    if truths:
        table = truth_of_objects(pa.concat_tables(truths))
        pyarrow.parquet.write_table(table, folder / "truth.parquet")
        pyarrow.csv.write_csv(table, folder / "truth.csv")
    return done


def truth_of_objects(alerts: pa.Table) -> pa.Table:
    """What each object is, from the truth of its alerts, in order of first appearance.

    Columns ``object_id``, ``kind``, ``ra``, ``dec`` (deg, where it was first seen), ``peak_mag``,
    ``first_visit``, ``first_mjd``, ``alerts``.
    """
    grouped = alerts.group_by("object_id", use_threads=False).aggregate(
        [
            ("kind", "first"),
            ("ra", "first"),
            ("dec", "first"),
            ("peak_mag", "min"),
            ("visit", "first"),
            ("mjd", "first"),
            ("alert_id", "count"),
        ]
    )
    names = ["object_id", "kind", "ra", "dec", "peak_mag", "first_visit", "first_mjd", "alerts"]
    return grouped.rename_columns(names)


def _packet_names(visit: Visit, suffix: str) -> list[str]:
    return [f"{alert}{suffix}" for alert in visit.truth["alert_id"].to_pylist()]


def _container(visit: Visit) -> Container:
    return Container(schemas.ztf_text() if visit.survey == "ztf" else json.dumps(visit.schema))


def _into_folder(folder: Path, visit: Visit, form: str) -> int:
    if form == "confluent" and visit.survey == "ztf":
        raise ValueError("ZTF does not send the Confluent wire format; write container, multi or tar.gz")
    folder.mkdir(parents=True, exist_ok=True)
    total = 0
    if form == "multi":
        container = _container(visit)
        with (folder / f"{visit.survey}_{visit.visit}.avro").open("wb") as file:
            total += file.write(container.header)
            for datum in visit.packets.datums():
                total += file.write(container.block([datum]))
        return total
    plain = form == "confluent" or visit.survey == "ztf"
    container = _container(visit)
    packets = visit.packets if plain else (container.file([datum]) for datum in visit.packets.datums())
    for name, packet in zip(_packet_names(visit, ".avro"), packets, strict=True):
        total += (folder / name).write_bytes(packet)
    return total


def _into_tar(archive: tarfile.TarFile, visit: Visit) -> None:
    for name, packet in zip(_packet_names(visit, ".avro"), visit.packets, strict=True):
        entry = tarfile.TarInfo(name)
        entry.size = len(packet)
        archive.addfile(entry, io.BytesIO(packet))


def as_raw_batches(visits: Iterable[Visit], *, batch: int = 512, position: int = 0) -> Iterator[RawBatch]:
    """Packets of visits as a source gives them to the decoder, at most ``batch`` at a time.

    A batch holds alerts of one visit only. Positions count up from 0 over the whole simulation; packets
    before ``position`` are passed over, so that an interrupted simulation with the same arguments resumes.
    """
    from vobroker.alerts.packets import RawBatch

    at = 0
    for visit in visits:
        source = f"simulator:{visit.survey}"
        if at + len(visit.packets) <= position:
            at += len(visit.packets)
            continue
        packets = iter(visit.packets)
        while chunk := list(islice(packets, batch)):
            fresh = chunk[max(0, position - at) :]
            first = at + len(chunk) - len(fresh)
            at += len(chunk)
            if fresh:
                origins = [Origin(source, 0, first + i) for i in range(len(fresh))]
                yield RawBatch(fresh, origins, {(source, 0): at}, [])
