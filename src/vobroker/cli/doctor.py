"""``vobroker doctor``: looks at this machine and an archive as an operator would, and says what to do."""

from __future__ import annotations

import ctypes
import importlib.metadata
import json
import os
import platform
import resource
import shutil
import socket
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vobroker.cli.common import DEFAULT_ARCHIVE, ArchiveOption, files_of, out, progress, shown
from vobroker.cli.kafka import Reading, SetOption, SurveyOption, UserOption
from vobroker.cli.token import RolesOption, TokensOption

if TYPE_CHECKING:
    from vobroker.archive import Archive

OK, WARN, FAIL = "ok", "warn", "fail"

COLOURS = {OK: "green", WARN: "yellow", FAIL: "bold red"}

FREE = {FAIL: 1 << 30, WARN: 20 << 30}
"""Bytes of free disk below which something is wrong, or will be: a night of LSST takes some hundred GB."""

FILES = {FAIL: 256, WARN: 4096}
"""Open files a process must be able to have: each listener is one."""

PORTS = (8080, 8088, 8099)
"""Where `serve`, `gateway` and the VTP broker listen by default."""

MAX_OFFSET = 1.0
"""Seconds that clocks may differ: the time of an alert's arrival is told to the millisecond."""

PATIENCE = 5.0
"""Seconds that Kafka may take to answer."""

SOON = timedelta(days=14)

_UNSYNCHRONISED = 0x40  # STA_UNSYNC of adjtimex(2)


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found, and what to do about it."""

    check: str
    state: str
    found: str
    to_do: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the options name."""

    archive: str
    filters: Path | None
    roles: Path | None
    tokens: Path | None
    host: str
    ports: tuple[int, ...]
    kafka: Reading | None


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(help="Look at this machine and an archive, and say what is wrong and what to do.")(doctor)


def doctor(
    archive: ArchiveOption = DEFAULT_ARCHIVE,
    filters: Annotated[
        Path | None, typer.Option(help="Folder of .adql filters, or one file, that services are to use.")
    ] = None,
    roles: RolesOption = None,
    tokens: TokensOption = None,
    host: Annotated[str, typer.Option(help="Address that services are to listen on.")] = "127.0.0.1",
    port: Annotated[
        list[int] | None, typer.Option(help="Port that is to be free; may be given again.", min=1, max=65535)
    ] = None,
    brokers: Annotated[str | None, typer.Option("--brokers", "-b", help="Kafka brokers to reach.")] = None,
    survey: SurveyOption = "generic",
    user: UserOption = None,
    set_: SetOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print what was found; exit with status 1 when something fails."""
    kafka = Reading(brokers, survey, (), "", "earliest", user, set_ or ()) if brokers else None
    if kafka is not None:
        kafka.connection()
    asked = Asked(archive, filters, roles, tokens, host, tuple(port or PORTS), kafka)
    found: list[Finding] = []
    with progress() as bar:
        task = bar.add_task("looking", total=len(CHECKS), note="")
        for check in CHECKS:
            bar.update(task, note=check.__name__.strip("_").replace("_", " "))
            found += check(asked)
            bar.advance(task)
    worst = next(state for state in (FAIL, WARN, OK) if any(one.state == state for one in found))
    if as_json:
        print(json.dumps({"state": worst, "checks": [asdict(one) for one in found]}, indent=2))
    else:
        _print(found)
    if worst == FAIL:
        raise typer.Exit(1)


def _print(found: list[Finding]) -> None:
    from rich.markup import escape
    from rich.table import Table

    grid = Table("check", "")
    for name in ("found", "what to do"):
        grid.add_column(name, overflow="fold")
    for one in found:
        state = f"[{COLOURS[one.state]}]{one.state}[/]"
        grid.add_row(one.check, state, escape(one.found), escape(one.to_do))
    out.print(grid)
    counts = {state: sum(one.state == state for one in found) for state in (OK, WARN, FAIL)}
    out.print(f"{counts[OK]} ok, {counts[WARN]} to look at, {counts[FAIL]} wrong", highlight=False)


def _python(_: Asked) -> Iterator[Finding]:
    version = platform.python_version()
    good = sys.version_info >= (3, 11)
    yield Finding("Python", OK if good else FAIL, version, "" if good else "use Python 3.11 or later")


def _packages(asked: Asked) -> Iterator[Finding]:
    extras = ["broker"]
    extras += ["kafka"] * (asked.kafka is not None) + ["postgresql"] * _on_server(asked)
    number, wrong = _requirements(extras)
    what = ",".join(extras)
    to_do = f"pip install --upgrade 'vobroker[{what}]'" if wrong else ""
    told = "; ".join(wrong) or f"vobroker {importlib.metadata.version('vobroker')}, {number} packages"
    yield Finding("packages", FAIL if wrong else OK, told, to_do)


def _requirements(extras: list[str]) -> tuple[int, list[str]]:
    """Look for what extras need, and give how much that is and what is missing or too old."""
    from packaging.requirements import Requirement

    requirements = [Requirement(text) for text in importlib.metadata.requires("vobroker") or ()]
    seen: set[str] = set()
    versions: dict[str, str] = {}
    wrong: list[str] = []
    while extras:
        extra, *extras = extras
        seen.add(extra)
        for one in requirements:
            if one.marker is None or not one.marker.evaluate({"extra": extra}):
                continue
            if one.name == "vobroker":
                extras += sorted(one.extras - seen)
                continue
            try:
                versions[one.name] = importlib.metadata.version(one.name)
            except importlib.metadata.PackageNotFoundError:
                wrong.append(f"{one.name} is not installed")
            else:
                if not one.specifier.contains(versions[one.name], prereleases=True):
                    wrong.append(f"{one.name} {versions[one.name]} is not {one.specifier}")
    return len(versions), sorted(set(wrong))


def _archive(asked: Asked) -> Iterator[Finding]:
    from vobroker.archive import ArchiveError, open_archive
    from vobroker.archive.balance import faults

    where = shown(asked.archive)
    if not _on_server(asked) and not Path(asked.archive).exists():
        yield Finding(
            "archive", WARN, f"there is none in {where}", "the first `ingest`, `run` or `serve` makes it"
        )
        return
    try:
        with open_archive(asked.archive, create=False, read_only=True) as store:
            about = store.about()
            yield Finding("archive", OK, f"{where}: {about.engine}, format {about.format}")
            wrong = faults(store)
            yield Finding(
                "ledger",
                FAIL if wrong else OK,
                "; ".join(wrong) or "balances",
                "`vobroker archive check` looks further" if wrong else "",
            )
            yield from _times(store, _on_server(asked))
    except ArchiveError as error:
        if "in use" in str(error):
            yield Finding("archive", WARN, str(error), "ask again when that has ended, or look at /status")
        else:
            yield Finding("archive", FAIL, str(error), "check the place and who may read it")


def _times(store: Archive, server: bool) -> Iterator[Finding]:
    now = datetime.now(UTC)
    for newest in store.latest(1):
        ahead = (newest["received"].replace(tzinfo=UTC) - now).total_seconds()
        if ahead > MAX_OFFSET:
            yield Finding(
                "newest alert", FAIL, f"it came {ahead:,.0f} s after now", "set the clock of this machine"
            )
        else:
            yield Finding("newest alert", OK, f"received {newest['received']:%Y-%m-%d %H:%M:%S} UTC")
    if server:
        there = store.query("SELECT extract(epoch FROM clock_timestamp()) AS at")["at"][0].as_py()
        offset = float(there) - datetime.now(UTC).timestamp()
        good = abs(offset) <= MAX_OFFSET
        yield Finding(
            "clock of the server",
            OK if good else WARN,
            f"{offset:+.2f} s from here",
            "" if good else "let both follow NTP",
        )


def _clock(_: Asked) -> Iterator[Finding]:
    """Ask the kernel whether something keeps its clock right (adjtimex(2))."""
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
    timex = (ctypes.c_long * 64)()  # struct timex; nothing is set as its modes are 0
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        answer = libc.adjtimex(ctypes.byref(timex))
    except (OSError, AttributeError):
        answer = -1
    if answer < 0:
        yield Finding(
            "clock", WARN, f"{now}; the system does not say whether it is right", "let it follow NTP"
        )
        return
    error = timex[3] / 1e6  # maxerror, in microseconds
    status = timex[5] & 0xFFFFFFFF
    if status & _UNSYNCHRONISED:
        yield Finding("clock", WARN, f"{now}; nothing keeps it right", "let it follow NTP: chronyd, for one")
    elif error > MAX_OFFSET:
        yield Finding("clock", WARN, f"{now}, by up to {error:.1f} s", "look at `chronyc tracking`")
    else:
        yield Finding("clock", OK, f"{now}, follows NTP")


def _disk(asked: Asked) -> Iterator[Finding]:
    folder = _there(files_of(asked.archive))
    free = shutil.disk_usage(folder).free
    state = next((state for state, least in FREE.items() if free < least), OK)
    yield Finding(
        "free disk",
        state,
        f"{free / 1e9:,.1f} GB at {folder}",
        "" if state == OK else "make room before the next night, or move the archive with `archive copy`",
    )


def _folders(asked: Asked) -> Iterator[Finding]:
    folder = _there(files_of(asked.archive))
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"vobroker")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        yield Finding(
            "writing", FAIL, f"{folder}: {error.strerror}", f"let the user {os.geteuid()} write there"
        )
    else:
        yield Finding("writing", OK, str(folder))
    key = files_of(asked.archive) / "gateway.key"
    if key.exists():
        yield _private("key of cursors", key)


def _ports(asked: Asked) -> Iterator[Finding]:
    for port in asked.ports:
        try:
            family = socket.getaddrinfo(asked.host, port, type=socket.SOCK_STREAM)[0][0]
            socket.create_server((asked.host, port), family=family).close()
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
            yield Finding(
                f"port {port}", WARN, f"{asked.host}: {reason}", "give --port, or end what listens there"
            )
        else:
            yield Finding(f"port {port}", OK, f"free on {asked.host}")


def _kafka(asked: Asked) -> Iterator[Finding]:
    if asked.kafka is None:
        return
    from confluent_kafka import KafkaError, KafkaException
    from confluent_kafka.admin import AdminClient

    from vobroker.kafka.problems import explain

    there = asked.kafka.connection()
    errors: list[KafkaError] = []
    client = AdminClient(there.client({"error_cb": errors.append}))
    try:
        cluster = client.list_topics(timeout=PATIENCE)
    except KafkaException as error:
        client.poll(0)
        problems = [explain(each, brokers=there.brokers) for each in (*errors, error.args[0])]
        told = next((one for one in problems if not one.passing), problems[0])
        yield Finding("Kafka", FAIL, told.sentence, "check the address, the user and the password")
    else:
        brokers, topics = len(cluster.brokers), len(cluster.topics)
        yield Finding(
            "Kafka", OK, f"{there.brokers}: {brokers} broker{'s' * (brokers != 1)}, {topics} topics"
        )


def _filters(asked: Asked) -> Iterator[Finding]:
    from vobroker.adql import AdqlError
    from vobroker.enrich import Enrichment
    from vobroker.filters import filter_tables, load_filters, starter_filters

    enrichment = Enrichment(store=_store(asked))
    with suppress(Exception):  # what is wrong with catalogues is found below
        enrichment = Enrichment.open(_store(asked))
    if asked.filters is None:
        yield Finding("filters", OK, f"{len(starter_filters())} that ship")
        return
    files = sorted(asked.filters.glob("*.adql")) if asked.filters.is_dir() else [asked.filters]
    if not files:
        yield Finding("filters", FAIL, f"no .adql file in {asked.filters}", "give the folder of your filters")
    tables = filter_tables() | enrichment.tables
    for file in files:
        try:
            (one,) = load_filters(file, tables=tables)
        except (AdqlError, OSError) as error:
            yield Finding(f"filter {file.stem}", FAIL, str(error), f"`vobroker filter check {file}`")
        else:
            yield Finding(f"filter {one.name}", OK, f"version {one.version}")


def _catalogues(asked: Asked) -> Iterator[Finding]:
    from vobroker.enrich import EnrichError, Enrichment
    from vobroker.enrich.store import names

    store = _store(asked)
    try:
        Enrichment.open(store)
    except EnrichError as error:
        yield Finding("catalogues", FAIL, str(error), "remove it and add it again: `vobroker catalogue`")
    else:
        yield Finding("catalogues", OK, ", ".join(names(store)) or "none")


def _roles(asked: Asked) -> Iterator[Finding]:
    from vobroker.roles import RolesError, read_roles

    try:
        read_roles(asked.roles)
    except RolesError as error:
        yield Finding("roles", FAIL, str(error), "`vobroker token roles` prints those that ship")
    else:
        yield Finding("roles", OK, str(asked.roles or "those that ship"))


def _tokens(asked: Asked) -> Iterator[Finding]:
    from vobroker.tokens import TokensError, read_tokens

    if asked.tokens is None:
        return
    if not asked.tokens.exists():
        yield Finding("tokens", WARN, f"there is no file {asked.tokens}", "`vobroker token add` makes it")
        return
    try:
        found = read_tokens(asked.tokens)
    except TokensError as error:
        yield Finding("tokens", FAIL, str(error), "correct the line, or take it out")
        return
    private = _private("tokens", asked.tokens)
    if private.state != OK:
        yield private
    now = datetime.now(UTC)
    hold = [one for one in found if one.holds(now=now)]
    ending = sorted({one.name for one in hold if not one.holds(now=now + SOON)})
    told = f"{len(hold)} of {len(found)} hold"
    if ending:
        told += f"; those of {', '.join(ending)} end in {SOON.days} days"
    yield Finding("tokens", WARN if ending else OK, told, "`vobroker token rotate`" if ending else "")


def _limits(_: Asked) -> Iterator[Finding]:
    most, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = most == resource.RLIM_INFINITY
    state = OK if unlimited else next((state for state, least in FILES.items() if most < least), OK)
    yield Finding(
        "open files",
        state,
        "without limit" if unlimited else f"{most:,} (ulimit -n), at most {hard:,}",
        "" if state == OK else "ulimit -n 65536, or LimitNOFILE=65536 in the unit of systemd",
    )


def _private(check: str, file: Path) -> Finding:
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & 0o077:
        return Finding(check, WARN, f"others may read or write {file} ({mode:o})", f"chmod 600 {file}")
    return Finding(check, OK, f"{file} ({mode:o})")


def _on_server(asked: Asked) -> bool:
    from vobroker.archive import Server, place

    return isinstance(place(asked.archive), Server)


def _store(asked: Asked) -> Path:
    from vobroker.cli.catalogue import store_of

    return store_of(asked.archive)


def _there(folder: Path) -> Path:
    """Give the folder, or where it is not there the one that it would be made in."""
    return next(one for one in (folder.absolute(), *folder.absolute().parents) if one.is_dir())


CHECKS: tuple[Callable[[Asked], Iterator[Finding]], ...] = (
    _python,
    _packages,
    _limits,
    _clock,
    _disk,
    _folders,
    _archive,
    _catalogues,
    _filters,
    _roles,
    _tokens,
    _kafka,
    _ports,
)
"""What is looked at, in this order."""
