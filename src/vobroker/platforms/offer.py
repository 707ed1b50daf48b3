"""What a platform would give for a request, in the words of the IVOA Execution Broker (draft 1.0 of 2026).

A client posts what it wants to run: an executable, cores and memory (GiB), storage (GiB), data. The answer is
a set of offers, YES with one session for each role that can have it, or NO with the reason. The draft has no
call that says what a platform offers in general; a request that wants nothing in particular is answered so.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vobroker.platforms.descriptor import Facts, Platform
from vobroker.platforms.errors import PlatformError

KINDS = "https://www.purl.org/ivoa.net/Calycopis-openapi/schema/v1.0/kinds"
"""Beginning of the identifiers of kinds."""

NOTEBOOK = f"{KINDS}/executable/jupyter-notebook.yaml"
EXPIRES = datetime.timedelta(minutes=5)
"""Time that an offer holds."""

_GIB = 2**30


def offers(
    platform: Platform, roles: Sequence[str], request: Mapping[str, Any], now: datetime.datetime
) -> dict[str, Any]:
    """Answer a request with a set of offers.

    Parameters
    ----------
    platform
        What is offered.
    roles
        Roles that who asks can have, each of which is offered by itself.
    request
        What is wanted, as the draft has it; what it leaves out can be anything.
    now
        UTC.

    Raises
    ------
    PlatformError
        If the request cannot be read.
    """
    wanted = _Wanted(request)
    made: list[dict[str, Any]] = []
    messages: list[dict[str, Any]] = []
    for role in roles:
        if reasons := list(wanted.refused(platform, role)):
            messages += [_message(reason, now) for reason in reasons]
        else:
            made.append(_session(platform, role, wanted, now))
    return {
        "kind": "uri:offerset-response",
        "meta": {
            "uuid": str(uuid.uuid4()),
            "name": str(platform.title),
            "created": _time(now),
            "messages": messages,
        },
        "result": "YES" if made else "NO",
        "offers": made,
    }


class _Wanted:
    """What a request asks for."""

    def __init__(self, request: Mapping[str, Any]) -> None:
        compute = _mapping(request, "compute")
        executable = _mapping(request, "executable")
        self.kind = executable.get("kind", NOTEBOOK)
        if not isinstance(self.kind, str):
            raise PlatformError("executable.kind has to be a text")
        self.executable = {"kind": self.kind[:200]} | {
            key: str(value)[:500] for key, value in executable.items() if key == "location"
        }
        self.cores = _range(compute, "cores", "compute.cores")
        self.memory = _range(compute, "memory", "compute.memory")
        sizes = [_range(one, "size", "storage.size") for one in _list(request, "storage")]
        self.disk = sum(low or 0 for low, _ in sizes)
        self.data = [str(one.get("location", "")) for one in _list(request, "data")]

    def refused(self, platform: Platform, role: str) -> Iterator[str]:
        """Say why a role cannot have it."""
        facts = platform.roles[role]
        sessions = facts["sessions"]
        if self.kind.rpartition("/")[2].partition(".")[0] != "jupyter-notebook":
            yield f"only Jupyter notebooks run here, not {self.kind[:120]!r}"
            return
        if sessions is None or not sessions.value:
            yield f"as {role} you get no notebook"
            return
        for name, field, low, unit in (
            ("cores", "cores", self.cores[0], 1),
            ("GiB of memory", "memory", self.memory[0], _GIB),
            ("GiB of files", "home", self.disk, _GIB),
        ):
            most = _most(facts, field)
            if low and (most is None or low * unit > most):
                told = "an unknown number" if most is None else f"{most / unit:.4g}"
                yield f"as {role} you get {told} {name}, and want {low}"
        known = [dataset.id for dataset in platform.datasets]
        for location in self.data:
            if not any(location in (one, f"{platform.web}{one}") for one in known) and location:
                yield f"the data {location[:120]!r} are not here; here are: {', '.join(known) or 'none'}"


def _session(platform: Platform, role: str, wanted: _Wanted, now: datetime.datetime) -> dict[str, Any]:
    facts = platform.roles[role]
    memory, home, hours = _most(facts, "memory"), _most(facts, "home"), _most(facts, "session_time")
    compute = {
        "kind": f"{KINDS}/compute/simple-compute-resource.yaml",
        "cores": _offered(wanted.cores, _most(facts, "cores")),
        "memory": _offered(wanted.memory, None if memory is None else memory / _GIB),
    }
    storage: dict[str, Any] = {"kind": f"{KINDS}/storage/simple-storage-resource.yaml"}
    if home is not None:
        storage["size"] = _offered((wanted.disk or None, None), home / _GIB)
    data = [
        {
            "kind": f"{KINDS}/data/simple-data-resource.yaml",
            "meta": {"name": one.id, "description": one.title},
            "location": str(path.value if (path := one.facts["path"]) else platform.web),
        }
        for one in platform.datasets
        if not any(wanted.data) or any(one.id in location for location in wanted.data)
    ]
    made: dict[str, Any] = {
        "kind": f"{KINDS}/session/simple-execution-session.yaml",
        "meta": {"name": role, "description": f"A notebook as {role}"},
        "phase": "OFFERED",
        "expires": _time(now + EXPIRES),
        "executable": wanted.executable,
        "compute": compute,
        "storage": [storage],
        "data": data,
    }
    if hours is not None:
        made["schedule"] = {"available": {"duration": f"PT{hours:.0f}S"}}
    return made


def _most(facts: Facts, name: str) -> float | None:
    fact = facts[name]
    return None if fact is None else fact.value


def _offered(wanted: tuple[int | None, int | None], most: float | None) -> dict[str, int]:
    """Give the range of an offer: at least what is wanted, at most what there is."""
    low, high = wanted
    top = [value for value in (high, None if most is None else int(most)) if value is not None]
    return {"min": low or 1} | ({"max": max(min(top), low or 1)} if top else {})


def _mapping(around: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = around.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise PlatformError(f"{name} has to be an object")
    return found


def _list(around: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = around.get(name)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise PlatformError(f"{name} has to be a list of objects")
    return found


def _range(around: Mapping[str, Any], name: str, path: str) -> tuple[int | None, int | None]:
    found = _mapping(around, name)
    ends = found.get("min"), found.get("max")
    for end in ends:
        if end is not None and (isinstance(end, bool) or not isinstance(end, int) or not 0 <= end < 2**63):
            raise PlatformError(f"{path} has min and max, whole numbers that are not negative")
    if ends[0] is not None and ends[1] is not None and ends[0] > ends[1]:
        raise PlatformError(f"{path} has a min that is larger than its max")
    return ends


def _message(text: str, now: datetime.datetime) -> dict[str, Any]:
    return {"level": "WARN", "time": _time(now), "message": text}


def _time(moment: datetime.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
