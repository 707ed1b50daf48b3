"""Queries that are not waited for: ``/async`` (TAP 1.1, section 2.3; UWS 1.1, section 2.2.3)."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Annotated

import anyio
from fastapi import APIRouter, Path, Request
from fastapi.responses import FileResponse, PlainTextResponse, RedirectResponse, Response

from vobroker.roles import Caller
from vobroker.tap import errors, uws
from vobroker.tap.answer import in_thread
from vobroker.tap.errors import TapError
from vobroker.tap.execute import PARAMETERS
from vobroker.tap.jobs import ACTIVE, WAITING, Job
from vobroker.tap.parameters import Parameters, number, read, reading
from vobroker.tap.service import Service, base_of, caller_of, service_of
from vobroker.tap.waited import FORM_BYTES

router = APIRouter()

MAX_WAIT = 300
"""Longest time that a request for a job waits for a change, seconds."""

MAX_LISTED = 10_000

PHASES = ("PENDING", "QUEUED", "EXECUTING", "COMPLETED", "ERROR", "ABORTED", "HELD", "SUSPENDED", "ARCHIVED")

PARTS = ("phase", "executionduration", "destruction", "owner", "quote", "parameters", "results", "error")
"""What can be asked about a job by itself (UWS 1.1, section 2.2.1)."""

Id = Annotated[str, Path(max_length=64)]


@router.get("/async")
async def listed(request: Request) -> Response:
    """List the jobs of who asks; guests know theirs by their addresses alone."""
    service, caller = service_of(request), caller_of(request)
    parameters = await read(request, FORM_BYTES)
    phases = [phase.strip().upper() for phase in parameters.all("PHASE")]
    if wrong := [phase for phase in phases if phase not in PHASES]:
        raise TapError(f"there is no phase '{wrong[0][:40]}'")
    after = _time(parameters.one("AFTER"), "AFTER") if parameters.one("AFTER") else None
    last = number(parameters, "LAST", MAX_LISTED, MAX_LISTED) if parameters.one("LAST") else None
    found: list[Job] = []
    if caller.name:
        found = await in_thread(lambda: service.jobs.of(caller.name, phases=phases, after=after, last=last))
    return Response(uws.jobs(found, f"{base_of(request)}/async"), media_type=uws.MEDIA_TYPE)


@router.post("/async")
async def create(request: Request) -> Response:
    """Make a job; with PHASE=RUN it waits for its turn at once."""
    service, caller = service_of(request), caller_of(request)
    limits, base = caller.limits, base_of(request)
    async with reading(request, limits.upload_bytes + FORM_BYTES) as parameters:
        phase = parameters.one("PHASE").upper()
        if phase not in ("", "RUN"):
            raise TapError(f"PHASE is RUN, or left out; not '{phase[:40]}'")

        def made() -> Job:
            return service.jobs.create(
                _kept(parameters),
                parameters.files,
                caller=caller,
                base=base,
                run_id=parameters.one("RUNID")[:64],
                run=bool(phase),
            )

        return _to(request, await in_thread(made))


@router.get("/async/{identifier}")
async def shown(request: Request, identifier: Id) -> Response:
    """Give a job; with WAIT only when its phase has changed, or the time is over."""
    parameters = await read(request, FORM_BYTES)
    job = await _mine(request, identifier)
    wait = parameters.one("WAIT").strip()
    if wait:
        seconds = MAX_WAIT if wait == "-1" else number(parameters, "WAIT", 0, MAX_WAIT)
        phase = parameters.one("PHASE", job.phase).upper()
        if phase in WAITING and phase == job.phase:
            job = await _changed(request, job, seconds)
    return Response(uws.job(job, _address(request, job)), media_type=uws.MEDIA_TYPE)


@router.post("/async/{identifier}")
async def change(request: Request, identifier: Id) -> Response:
    """Delete a job with ACTION=DELETE, or change parameters of one that has not begun."""
    most = caller_of(request).limits.upload_bytes + FORM_BYTES
    async with reading(request, most) as parameters:
        return await _change(request, await _mine(request, identifier), parameters)


async def _change(request: Request, job: Job, parameters: Parameters) -> Response:
    action = parameters.one("ACTION").upper()
    if action == "DELETE":
        return await _delete(request, job)
    if action:
        raise TapError(f"ACTION is DELETE, not '{action[:40]}'")
    for name, control in (("PHASE", _phase), ("EXECUTIONDURATION", _duration), ("DESTRUCTION", _destruction)):
        if parameters.one(name):
            await control(request, job, parameters.one(name))
    await _parameters(request, job, parameters)
    return _to(request, job)


@router.delete("/async/{identifier}")
async def delete(request: Request, identifier: Id) -> Response:
    """Delete a job and its result."""
    return await _delete(request, await _mine(request, identifier))


@router.get("/async/{identifier}/results/result")
async def result(request: Request, identifier: Id) -> Response:
    """Give the result of a job, from any byte on."""
    job = await _mine(request, identifier)
    if job.phase != "COMPLETED":
        raise TapError(f"the job is {job.phase} and has no result", 404)
    file = service_of(request).jobs.place(job.id) / job.file_name
    if not file.exists():
        raise TapError("there is no such job", 404)
    return FileResponse(
        file, media_type=job.media_type, filename=job.file_name, content_disposition_type="inline"
    )


@router.get("/async/{identifier}/{part}")
async def part(request: Request, identifier: Id, part: Annotated[str, Path(max_length=32)]) -> Response:
    """Give one thing about a job (UWS 1.1, section 2.2.1)."""
    job = await _mine(request, identifier)
    address = _address(request, job)
    plain = {
        "phase": job.phase,
        "executionduration": str(job.seconds),
        "destruction": uws.time(job.destruction),
        "owner": job.owner,
        "quote": "",
    }
    if part in plain:
        return PlainTextResponse(plain[part])
    if part == "parameters":
        return Response(uws.parameters(job), media_type=uws.MEDIA_TYPE)
    if part == "results":
        return Response(uws.results(job, address), media_type=uws.MEDIA_TYPE)
    if part == "error":
        if not job.error:
            raise TapError(f"the job is {job.phase} and has no error", 404)
        return Response(errors.document(job.error), media_type=errors.MEDIA_TYPE)
    raise TapError(f"a job has no '{part}'", 404)


@router.post("/async/{identifier}/{part}")
async def change_part(
    request: Request, identifier: Id, part: Annotated[str, Path(max_length=32)]
) -> Response:
    """Change one thing about a job."""
    most = caller_of(request).limits.upload_bytes + FORM_BYTES
    async with reading(request, most) as parameters:
        return await _change_part(request, await _mine(request, identifier), part, parameters)


async def _change_part(request: Request, job: Job, part: str, parameters: Parameters) -> Response:
    controls = {"phase": _phase, "executionduration": _duration, "destruction": _destruction}
    if part in controls:
        value = parameters.one(part.upper())
        if not value:
            raise TapError(f"{part.upper()} is missing")
        await controls[part](request, job, value)
    elif part == "parameters":
        await _parameters(request, job, parameters)
    else:
        raise TapError(f"the {part} of a job cannot be changed", 405)
    return _to(request, job)


# -- controls ------------------------------------------------------------------------------------------


async def _phase(request: Request, job: Job, value: str) -> None:
    service = service_of(request)
    if value.upper() == "RUN":
        limits = caller_of(request).limits
        await in_thread(lambda: service.jobs.run(job.id, limits.jobs))
    elif value.upper() == "ABORT":
        await in_thread(lambda: service.jobs.abort(job.id))
    else:
        raise TapError(f"PHASE is RUN or ABORT, not '{value[:40]}'")


async def _duration(request: Request, job: Job, value: str) -> None:
    """Set the time that a job may take: at most that of the role; 0 means as long as possible."""
    _unbegun(job)
    most = caller_of(request).limits.max_async_seconds
    seconds = number(Parameters([("EXECUTIONDURATION", value)]), "EXECUTIONDURATION", most, most)
    await _set(request, job, seconds=seconds or most)


async def _destruction(request: Request, job: Job, value: str) -> None:
    """Set when a job is forgotten: no later than the role may keep one."""
    most = datetime.now(UTC) + timedelta(days=caller_of(request).limits.max_retention_days)
    await _set(request, job, destruction=min(_time(value, "DESTRUCTION"), most))


async def _parameters(request: Request, job: Job, parameters: Parameters) -> None:
    new = _kept(parameters)
    if not new and not parameters.files:
        return
    _unbegun(job)
    names = {name for name, _ in new}
    old = [pair for pair in job.parameters if pair[0] not in names or pair[0] == "UPLOAD"]
    jobs = service_of(request).jobs
    limits = caller_of(request).limits
    await in_thread(lambda: jobs.add_uploads(job.id, parameters.files, limits))
    await _set(request, job, parameters=[*old, *new])


async def _changed(request: Request, job: Job, seconds: float) -> Job:
    """Wait until a job has left its phase, or the time is over (UWS 1.1, section 2.2.1.1).

    Who waits holds no thread, so that any number can.
    """
    jobs = service_of(request).jobs
    deadline, pause, now = time.monotonic() + seconds, 0.02, job
    while now.phase == job.phase and not jobs.closing and (left := deadline - time.monotonic()) > 0:
        await anyio.sleep(min(left, pause))
        pause = min(1.5 * pause, 0.5)
        if await request.is_disconnected():
            break
        now = await in_thread(lambda: jobs.get(job.id))
    return now


async def _set(request: Request, job: Job, **values: object) -> None:
    jobs = service_of(request).jobs
    await in_thread(lambda: jobs.change(job.id, **values))


async def _delete(request: Request, job: Job) -> Response:
    service = service_of(request)
    await in_thread(lambda: service.jobs.delete(job.id))
    return RedirectResponse(f"{base_of(request)}/async", 303)


async def _mine(request: Request, identifier: str) -> Job:
    """Give a job of who asks; one of somebody else is not there."""
    service: Service = service_of(request)
    caller: Caller = caller_of(request)
    if not re.fullmatch(r"[A-Za-z0-9]{1,64}", identifier):
        raise TapError("there is no such job", 404)
    job = await in_thread(lambda: service.jobs.get(identifier))
    if job.owner not in ("", caller.name) and caller.role != "operator":
        raise TapError("there is no such job", 404)
    return job


def _unbegun(job: Job) -> None:
    if job.phase not in ACTIVE:
        raise TapError(f"the job is {job.phase}; what it does can be changed only before it begins", 409)


def _kept(parameters: Parameters) -> list[tuple[str, str]]:
    return [(name, value) for name, value in parameters.pairs() if name in PARAMETERS]


def _to(request: Request, job: Job) -> Response:
    return RedirectResponse(_address(request, job), 303)


def _address(request: Request, job: Job) -> str:
    return f"{base_of(request)}/async/{job.id}"


def _time(text: str, name: str) -> datetime:
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise TapError(f"{name} is a time such as 2026-01-31T12:00:00Z, not '{text[:40]}'") from error
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
