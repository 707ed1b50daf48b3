"""A request for rows, waited for or not: what is asked, and the rows in the format that is wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from vobroker.adql import AdqlError
from vobroker.roles import Limits
from vobroker.tap import datalink, formats, uploads
from vobroker.tap.catalogue import Catalogue
from vobroker.tap.errors import TapError, TimeLimitError
from vobroker.tap.formats import BrokenOffError, Format, Head
from vobroker.tap.jobs import Job
from vobroker.tap.parameters import Parameters, number
from vobroker.tap.query import Prepared, Rows, prepare
from vobroker.tap.service import Service

PARAMETERS = ("LANG", "QUERY", "MAXREC", "RESPONSEFORMAT", "FORMAT", "UPLOAD", "RUNID", "REQUEST", "VERSION")
"""Parameters of a query (TAP 1.1, section 2.7); others are passed over, as DALI wants it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was understood."""

    prepared: Prepared
    format: Format
    maxrec: int


def understand(service: Service, parameters: Parameters, limits: Limits, base: str) -> Asked:
    """Read, check and translate a request, its uploads too.

    Raises
    ------
    TapError
        If something about it is wrong.
    """
    asked = parameters.one("REQUEST", "doQuery")
    if asked.lower() != "doquery":
        raise TapError(f"REQUEST is doQuery, not '{asked[:40]}'")
    text = parameters.one("QUERY")
    if not text.strip():
        raise TapError("QUERY is missing")
    language = parameters.one("LANG", "ADQL")
    format = chosen_format(parameters)
    maxrec = number(parameters, "MAXREC", limits.rows, limits.max_rows)
    known = service.catalogue(base)
    if parameters.all("UPLOAD"):
        known = known.with_uploads(uploads.read_all(parameters, limits, service.fence))
    return Asked(checked(text, language, known, service), format, maxrec)


def checked(text: str, language: str, known: Catalogue, service: Service) -> Prepared:
    """Check and translate a query.

    Raises
    ------
    TapError
        If it is wrong, with the line and the place in it.
    """
    try:
        return prepare(text, language, known, service.archive.platform)
    except AdqlError as error:
        raise TapError(str(error)) from error


def chosen_format(parameters: Parameters) -> Format:
    """Give the format of the result: RESPONSEFORMAT, or FORMAT as TAP 1.0 had it.

    Raises
    ------
    TapError
        If there is no such format.
    """
    name = parameters.one("RESPONSEFORMAT") or parameters.one("FORMAT") or "votable"
    try:
        return formats.find(name)
    except ValueError as error:
        raise TapError(str(error)) from error


def rows_of(service: Service, asked: Asked, seconds: float) -> Rows:
    """Start the query of a request; nothing has been waited for yet."""
    return Rows(service.archive, asked.prepared, maxrec=asked.maxrec, seconds=seconds)


def pieces(asked: Asked, rows: Rows, base: str) -> Iterator[bytes]:
    """Write the rows of a request."""
    prepared = asked.prepared
    head = Head(
        prepared.columns,
        infos=(
            ("QUERY", prepared.text, ""),
            ("server", base, ""),
            ("standardID", "ivo://ivoa.net/std/TAP", ""),
        ),
        resources=datalink.descriptors(prepared, base),
    )
    try:
        return formats.write(asked.format, iter(rows), head, rows.outcome)
    except ValueError as error:
        raise TapError(str(error)) from error


def do(
    service: Service, job: Job, place: Path, stopper: Callable[[Callable[[], None]], None]
) -> tuple[str, str, int]:
    """Do a job: write its result into its folder.

    Returns
    -------
    media_type, file, rows
        What it is, its name in the folder, and how many rows it has.

    Raises
    ------
    TapError
        If the request is wrong or its query fails; TimeLimitError at its time limit.
    """
    limits = service.roles.limits[job.role]
    with service.jobs.uploads(job.id) as files:
        asked = understand(service, Parameters(job.parameters, files), limits, job.base)
    rows = rows_of(service, asked, job.seconds)
    stopper(rows.cancel)
    name = f"result.{asked.format.suffix}"
    try:
        rows.begin()
        with (place / name).open("wb") as file:
            for piece in pieces(asked, rows, job.base):
                service.jobs.wrote(job, file.tell() + len(piece), limits)
                file.write(piece)
        if rows.outcome().status == "ERROR":
            raise BrokenOffError(rows.outcome().message)
    except BrokenOffError as error:
        (place / name).unlink(missing_ok=True)
        raise (TimeLimitError if rows.late else TapError)(str(error).partition(";")[0]) from error
    except TapError:
        (place / name).unlink(missing_ok=True)
        raise
    finally:
        rows.close()
    return asked.format.media_type, name, rows.given
