"""Jobs that look for a place: which data, how much of each, which machine, and who one is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path as File
from typing import Any

from vobroker.platforms.documents import Document, parse
from vobroker.platforms.errors import DocumentError, Problem
from vobroker.platforms.read import content
from vobroker.platforms.schema import validate
from vobroker.platforms.units import UnitError, in_unit

SHIPPED = files("vobroker.platforms") / "examples"
"""Jobs that come with the package, as examples."""

_UNITS = {
    "amount": "byte",
    "result": "byte",
    "memory": "byte",
    "disk": "byte",
    "size": "byte",
    "core_time": "s",
}


@dataclass(frozen=True, slots=True)
class Need:
    """What a job wants of a dataset.

    Attributes
    ----------
    id
        The dataset's short name.
    amount
        How much of it is read, bytes.
    objects
        How many objects that is; None where it does not matter.
    query
        Whether a query in a database is enough, which gives ``result`` bytes in ``rows`` rows.
    """

    id: str
    amount: float
    objects: float | None = None
    query: bool = False
    result: float | None = None
    rows: float | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """A job; sizes in bytes, times in seconds, None for what it does not ask for."""

    title: str
    summary: str
    identity: str
    collaborations: tuple[str, ...]
    accounts: tuple[str, ...]
    """Places where one has an account already."""
    needs: tuple[Need, ...]
    compute: Mapping[str, float]
    """``cores``, ``memory``, ``gpus``, ``disk``, ``core_time``, as far as they are asked for."""
    upload: float | None
    upload_rows: float | None
    software: tuple[str, ...]


def read_job(file: File) -> Job:
    """Read a job in YAML or JSON.

    Raises
    ------
    DocumentError
        With the file, the line and the path of each field that is wrong.
    PlatformError
        If the file cannot be read.
    """
    return job_of(parse(content(file), str(file)))


def shipped_jobs() -> dict[str, Job]:
    """Read the jobs that come with the package, by the names of their files."""
    found = sorted(
        (file for file in SHIPPED.iterdir() if file.name.endswith(".yaml")), key=lambda file: file.name
    )
    return {
        file.name.removesuffix(".yaml"): job_of(parse(file.read_bytes(), file.name), valid=True)
        for file in found
    }


def job_of(document: Document, *, valid: bool = False) -> Job:
    """Make a job from a document; one that is known to be ``valid`` is not held against the schema.

    Raises
    ------
    DocumentError
        With the line and the path of each field that is wrong.
    """
    if not valid:
        validate(document, "job")
    value = document.value
    problems: list[Problem] = []

    def size(around: Mapping[str, Any], name: str, *path: str | int) -> float | None:
        found = around.get(name)
        if found is None or not isinstance(found, dict):
            return found
        try:
            return in_unit(found["value"], found["unit"], _UNITS[name])
        except UnitError as error:
            problems.append(document.problem((*path, name, "unit"), str(error)))
            return None

    needs = [
        Need(
            one["id"],
            size(one, "amount", "datasets", number) or 0,
            one.get("objects"),
            one.get("query", False),
            size(one, "result", "datasets", number),
            one.get("rows"),
        )
        for number, one in enumerate(value["datasets"])
    ]
    compute = {name: size(value.get("compute", {}), name, "compute") for name in value.get("compute", {})}
    upload = value.get("upload", {})
    job = Job(
        value["title"],
        value.get("summary", ""),
        value["identity"],
        tuple(value.get("collaborations", ())),
        tuple(value.get("accounts", ())),
        tuple(needs),
        {name: number for name, number in compute.items() if number is not None},
        size(upload, "size", "upload"),
        upload.get("rows"),
        tuple(value.get("software", ())),
    )
    if problems:
        raise DocumentError(document.name, problems)
    return job
