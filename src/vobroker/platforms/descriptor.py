"""What a place offers, as data: one table of fields, and the facts that fill it.

A descriptor says for people and for programs which data a place has and how near they are, what a guest and a
user may do there, and where each of these facts was found. A fact that nobody has found is None; it is never
guessed. :data:`FIELDS` is the one table of what can be said; the JSON Schema, the tables of comparisons, the
pages and the checks are made from it.

Terms: VODataService 1.2, VOResource 1.1 (``securityMethod``), TAPRegExt 1.1 (limits by mode), VOSI 1.1, the
IVOA Execution Broker (working draft of 2026), GA4GH TES 1.1.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vobroker.platforms.units import size

FORMAT = 1
"""Version of the form of descriptors."""

ROLES = ("guest", "user", "operator")
"""Who may be told apart, each allowed at least what the one before is; a descriptor need not have all."""

IDENTITIES = {
    "nobody": "nobody has to say who they are",
    "self-registered": "anybody who registers",
    "institutional": "members of an institution",
    "collaboration": "members of a collaboration",
}
"""Who is let in, from the most open on."""

CLOSENESS = {
    "mounted": "on the same file system",
    "database": "in a database there",
    "site": "at the same site",
    "provider": "with the same provider",
    "remote": "over the internet",
}
"""How near data are to where one computes, from the nearest on: the ladder of access."""

DELIVERY = {"bulk": "as files", "request": "object by object"}
"""How data come."""

BASES = {
    "doc": "documentation",
    "config": "configuration",
    "probe": "measurement",
    "assumed": "assumption",
}
"""What a fact rests on; a fact that is assumed says so, and none is a guess."""

SECURITY = {
    "anonymous": "",
    "BasicAA": "ivo://ivoa.net/sso#BasicAA",
    "tls-with-password": "ivo://ivoa.net/sso#tls-with-password",
    "tls-with-certificate": "ivo://ivoa.net/sso#tls-with-certificate",
    "cookie": "ivo://ivoa.net/sso#cookie",
    "OAuth": "ivo://ivoa.net/sso#OAuth",
    "saml2.0": "ivo://ivoa.net/sso#saml2.0",
    "OpenID": "ivo://ivoa.net/sso#OpenID",
}
"""Ways to say who one is, with the ``standardID`` of VOResource 1.1 (section 2.2.2); none is anonymous."""

STALE = datetime.timedelta(days=365)
"""A fact that is older is shown as stale."""

NUMBER, TEXT, CHOICE, LIST = "number", "text", "choice", "list"


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that a descriptor can say.

    Attributes
    ----------
    group
        Where it stands: ``platform``, ``role``, ``dataset``, ``service`` or ``image``.
    name, kind
        Its name there, and what its value is.
    text
        What it is, for people.
    unit
        Unit in which it is compared, VOUnits 1.1; a descriptor may use any other of the same kind.
    ucd
        UCD1+ words.
    term
        The term of a standard that means the same.
    choices
        Values of a choice with what they mean.
    grows
        Whether who has more rights cannot have less of it.
    below
        Field of the same place that cannot be smaller.
    """

    group: str
    name: str
    kind: str
    text: str
    unit: str = ""
    ucd: str = ""
    term: str = ""
    choices: Mapping[str, str] | None = None
    grows: bool = False
    below: str = ""


def _limit(name: str, text: str, unit: str, ucd: str, term: str, below: str = "") -> Field:
    return Field("role", name, NUMBER, text, unit, ucd, term, grows=True, below=below)


_SIZE, _TIME, _COUNT = "phys.size;meta.file", "time.duration", "meta.number"
_BROKER = "ExecutionBroker"

FIELDS = (
    Field("platform", "cost", TEXT, "What it costs", term="TES: cost; ExecutionBroker: costs[]"),
    Field("platform", "support", TEXT, "Where to ask for help", term="VOResource: curation/contact"),
    Field("platform", "registration", TEXT, "How to get an account", term="GA4GH service-info: contactUrl"),
    Field(
        "platform",
        "registration_time",
        NUMBER,
        "Time until a new account works",
        "s",
        _TIME,
        "ExecutionBroker: schedule.preparing",
    ),
    Field("platform", "bandwidth", NUMBER, "Rate of downloads", "byte/s", "", "none: of the network"),
    Field("platform", "latency", NUMBER, "Time of a short request", "s", _TIME, "none: of the network"),
    Field(
        "role",
        "identity",
        CHOICE,
        "Who is let in",
        term="VOResource: securityMethod; RegTAP: authenticated_only",
        choices=IDENTITIES,
    ),
    Field("role", "collaboration", TEXT, "The collaboration whose members are let in", term="SSO: groups"),
    _limit("sessions", "Notebooks or sessions at a time", "", _COUNT, f"{_BROKER}: sessions"),
    _limit("cores", "Cores of a session", "", _COUNT, f"{_BROKER}: compute.cores.max; TES: cpu_cores"),
    _limit("memory", "Memory of a session", "byte", _SIZE, f"{_BROKER}: compute.memory.max; TES: ram_gb"),
    _limit("gpus", "GPUs of a session", "", _COUNT, "TES: backend_parameters"),
    _limit("session_time", "Longest session", "s", _TIME, f"{_BROKER}: schedule.available.duration"),
    Field("role", "queue_time", NUMBER, "Wait for a session", "s", _TIME, f"{_BROKER}: schedule.preparing"),
    _limit("home", "Files that are kept", "byte", _SIZE, f"{_BROKER}: storage.size.max; TES: disk_gb"),
    _limit("scratch", "Files of a session", "byte", _SIZE, f"{_BROKER}: storage.size.max"),
    Field(
        "role",
        "tables",
        NUMBER,
        "Tables of one's own, results among them",
        "byte",
        _SIZE,
        f"{_BROKER}: storage.size.max",
    ),
    _limit(
        "rows",
        "Rows of a result, when not asked for",
        "",
        _COUNT,
        "TAPRegExt: outputLimit.default",
        "max_rows",
    ),
    _limit("max_rows", "Most rows of a result", "", _COUNT, "TAPRegExt: outputLimit.hard"),
    _limit("result", "Size of a result", "byte", _SIZE, "TAPRegExt: outputLimit.hard unit=byte"),
    _limit(
        "sync_time",
        "Time of a query waited for",
        "s",
        _TIME,
        "TAPRegExt: executionDuration.hard forMode=sync",
    ),
    _limit(
        "async_time",
        "Time of a job, when not asked for",
        "s",
        _TIME,
        "TAPRegExt: executionDuration.default forMode=async",
        "max_async_time",
    ),
    _limit(
        "max_async_time", "Most time of a job", "s", _TIME, "TAPRegExt: executionDuration.hard forMode=async"
    ),
    _limit("upload", "Size of tables sent along", "byte", _SIZE, "TAPRegExt: uploadLimit.hard unit=byte"),
    _limit("upload_rows", "Rows of a table sent along", "", _COUNT, "TAPRegExt: uploadLimit.hard unit=row"),
    _limit(
        "retention",
        "Time results are kept, when not asked for",
        "s",
        _TIME,
        "TAPRegExt: retentionPeriod.default",
        "max_retention",
    ),
    _limit("max_retention", "Most time results are kept", "s", _TIME, "TAPRegExt: retentionPeriod.hard"),
    Field(
        "role", "queries", NUMBER, "Queries at a time", "", _COUNT, "none: Gafaelfawr quota tap.concurrent"
    ),
    _limit("query_rate", "Queries in a time", "1/s", "arith.rate", "none: Gafaelfawr quota api"),
    Field("role", "streams", NUMBER, "Streams followed at a time", "", _COUNT, "none"),
    Field("dataset", "version", TEXT, "Version", ucd="meta.version", term="VODataService: version"),
    Field("dataset", "size", NUMBER, "Size of it all", "byte", _SIZE, "TES: size_bytes"),
    Field("dataset", "rows", NUMBER, "Rows or objects of it", "", _COUNT, "VODataService: nrows"),
    Field(
        "dataset",
        "closeness",
        CHOICE,
        "How near it is to where one computes",
        term="none: VOResource mirrorURL leaves it to measurement; ExecutionBroker: volumes",
        choices=CLOSENESS,
    ),
    Field("dataset", "path", TEXT, "Where it is", term=f"{_BROKER}: volumes.path; VOResource: accessURL"),
    Field(
        "dataset",
        "identity",
        CHOICE,
        "Who may read it",
        term="VOResource: rights, securityMethod",
        choices=IDENTITIES,
    ),
    Field("dataset", "collaboration", TEXT, "The collaboration whose members may", term="SSO: groups"),
    Field("dataset", "delivery", CHOICE, "How it comes", term="DataLink: semantics", choices=DELIVERY),
    Field("dataset", "per_request", NUMBER, "Objects of one request", "", _COUNT, "none"),
    Field("dataset", "latency", NUMBER, "Time of a request", "s", _TIME, "none"),
    Field("dataset", "bandwidth", NUMBER, "Rate at which it is read", "byte/s", "", "none"),
    Field(
        "dataset", "copy_of", TEXT, "What it is a copy of, as platform/dataset", term="VOResource: mirrorURL"
    ),
    Field("service", "standard", TEXT, "What it speaks", term="VOResource: capability@standardID"),
    Field("service", "url", TEXT, "Where it is", ucd="meta.ref.url", term="VOResource: interface/accessURL"),
    Field(
        "service",
        "security",
        LIST,
        "How one says who one is",
        term="VOResource: securityMethod",
        choices=SECURITY,
    ),
    Field(
        "service",
        "closeness",
        CHOICE,
        "How near it is to where one computes",
        term="none: RegTAP knows no place of machines",
        choices=CLOSENESS,
    ),
    Field("service", "datasets", LIST, "Datasets that it gives", term="VODataService: served-by"),
    Field("image", "kind", TEXT, "What runs in it", term=f"{_BROKER}: executable.kind"),
    Field("image", "location", TEXT, "Where it comes from", term=f"{_BROKER}: executable.location"),
    Field("image", "software", LIST, "What is installed", term="TES: executors.image"),
)
"""All that a descriptor can say, in the order in which it is shown."""

GROUPS: dict[str, dict[str, Field]] = {
    group: {field.name: field for field in FIELDS if field.group == group}
    for group in ("platform", "role", "dataset", "service", "image")
}
"""The fields of each group by name."""

OF_SESSION = ("cores", "memory", "gpus", "session_time", "queue_time", "scratch")
"""Fields of a role that say what a session has."""

PARTS = {"datasets": "dataset", "services": "service", "images": "image"}
"""Lists of a descriptor, and the group of what is in them."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where facts were found: an address, the day, what kind of source it is, and what else is to be said."""

    name: str
    url: str
    date: datetime.date
    basis: str
    note: str = ""

    def stale(self, today: datetime.date) -> bool:
        """Whether it is so old that it may not hold any more."""
        return today - self.date > STALE


@dataclass(frozen=True, slots=True)
class Fact:
    """A value that was found somewhere.

    Attributes
    ----------
    field
        What it is about.
    value
        A number in the unit of its field, a text, or texts.
    evidence
        Where it was found.
    written, unit
        The value as its descriptor has it, and in which unit.
    note
        What else is to be said.
    """

    field: Field
    value: Any
    evidence: Evidence
    written: Any
    unit: str = ""
    note: str = ""

    @property
    def text(self) -> str:
        """The value with its unit, for people."""
        if isinstance(self.written, (list, tuple)):
            return ", ".join(self.written)
        if isinstance(self.written, str):
            return self.written
        if self.unit == "byte":
            return size(self.value)
        return f"{self.written:,}{' ' * bool(self.unit)}{self.unit}"


Facts = Mapping[str, Fact | None]
"""Facts by the names of their fields; None for what is not documented."""


@dataclass(frozen=True, slots=True)
class Item:
    """A dataset, a service or an image."""

    id: str
    title: str
    facts: Facts


@dataclass(frozen=True, slots=True)
class Platform:
    """A place.

    Attributes
    ----------
    id, title, summary, provider, site, web
        Its short name, its name, what it is, who runs it, where it stands, and its pages.
    evidence
        Sources of the facts by name.
    facts, roles, datasets, services, images
        What it offers.
    document
        The descriptor as it was read, ready for JSON.
    """

    id: str
    title: str
    summary: str
    provider: str
    site: str
    web: str
    evidence: Mapping[str, Evidence]
    facts: Facts
    roles: Mapping[str, Facts]
    datasets: tuple[Item, ...]
    services: tuple[Item, ...]
    images: tuple[Item, ...]
    document: Mapping[str, Any]

    def dataset(self, identifier: str) -> Item | None:
        """Give a dataset by its short name; None where the place has none such."""
        return next((one for one in self.datasets if one.id == identifier), None)
