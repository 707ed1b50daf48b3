"""Simulated visits as files, in every form that packets travel in, and as batches for the decoder."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from vobroker.alerts.origin import Origin
from vobroker.alerts.schemas import ztf_schema_text
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
    """What was written: alerts, bytes of packets before compression, alerts per kind."""

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
    """Write visits to ``folder``, a folder or archive per night, and the truth about the objects.

    ``truth.parquet`` and ``truth.csv`` are the table of :func:`truth_of_objects`. ``each`` is called after
    every visit.

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
    for night, of_night in groupby(visits, key=lambda visit: visit.night):
        with _night(folder, f"{night:%Y%m%d}", form) as save:
            for visit in of_night:
                done.bytes += save(visit)
                done.alerts += len(visit.packets)
                done.kinds.update(visit.truth["kind"].to_pylist())
                truths.append(visit.truth)
                each(visit)
    if truths:
        table = truth_of_objects(pa.concat_tables(truths))
        pyarrow.parquet.write_table(table, folder / "truth.parquet")
        pyarrow.csv.write_csv(table, folder / "truth.csv")
    return done


def truth_of_objects(alerts: pa.Table) -> pa.Table:
    """Tell what each object is, from the truth of its alerts, in order of first appearance.

    Columns ``object_id``, ``name`` (designation of an asteroid), ``kind``, ``ra``, ``dec`` (deg, where it
    was first seen), ``peak_mag``, ``first_visit``, ``first_mjd``, ``alerts``.
    """
    grouped = alerts.group_by("object_id", use_threads=False).aggregate(
        [
            ("name", "first"),
            ("kind", "first"),
            ("ra", "first"),
            ("dec", "first"),
            ("peak_mag", "min"),
            ("visit", "first"),
            ("mjd", "first"),
            ("alert_id", "count"),
        ]
    )
    names = ["object_id", "name", "kind", "ra", "dec", "peak_mag", "first_visit", "first_mjd", "alerts"]
    return grouped.rename_columns(names)


@contextmanager
def _night(folder: Path, night: str, form: str) -> Iterator[Callable[[Visit], int]]:
    """Open the place of a night; yields the function that saves a visit there."""
    if form == "tar.gz":
        with (
            (folder / f"{night}.tar.gz").open("wb") as file,
            # No name and time in the header, so that equal nights give equal files.
            gzip.GzipFile("", "wb", 1, file, mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w|") as archive,
        ):
            yield lambda visit: _save_in_archive(archive, visit)
    else:
        (folder / night).mkdir(exist_ok=True)
        yield lambda visit: _SAVE[form](folder / night, visit)


def _named(visit: Visit, packets: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
    """Packets with their file names, the alert ids."""
    return zip((f"{alert}.avro" for alert in visit.truth["alert_id"].to_pylist()), packets, strict=True)


def _save_in_archive(archive: tarfile.TarFile, visit: Visit) -> int:
    total = 0
    for name, packet in _named(visit, visit.packets):
        entry = tarfile.TarInfo(name)
        entry.size = len(packet)
        archive.addfile(entry, io.BytesIO(packet))
        total += len(packet)
    return total


def _save_packets(folder: Path, visit: Visit) -> int:
    if visit.survey == "ztf":
        raise ValueError("ZTF does not send the Confluent wire format; write container, multi or tar.gz")
    return sum((folder / name).write_bytes(packet) for name, packet in _named(visit, visit.packets))


def _save_containers(folder: Path, visit: Visit) -> int:
    container = _container(visit)
    files = (container.file([datum]) for datum in visit.packets.datums())
    return sum((folder / name).write_bytes(file) for name, file in _named(visit, files))


def _save_together(folder: Path, visit: Visit) -> int:
    container = _container(visit)
    with (folder / f"{visit.survey}_{visit.visit}.avro").open("wb") as file:
        total = file.write(container.header)
        return total + sum(file.write(container.block([datum])) for datum in visit.packets.datums())


def _container(visit: Visit) -> Container:
    return Container(ztf_schema_text() if visit.survey == "ztf" else json.dumps(visit.schema))


_SAVE: dict[str, Callable[[Path, Visit], int]] = {
    "confluent": _save_packets,
    "container": _save_containers,
    "multi": _save_together,
}


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
