"""``vobroker serve``: the web pages of an archive, and on request a river that flows into it."""

from __future__ import annotations

import re
import threading
import webbrowser
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vobroker.cli.common import DEFAULT_ARCHIVE, ArchiveOption, fail, files_of, out, warn
from vobroker.cli.ingest import enrichment_of, running_filters
from vobroker.cli.kafka import GroupOption, Reading, SetOption, SurveyOption, TopicOption, UserOption
from vobroker.cli.logs import LogOption, begin
from vobroker.cli.serving import DEFAULT_PORT, listen, serve_app, shown
from vobroker.cli.token import RolesOption, TokensOption, read_allowed

if TYPE_CHECKING:
    from vobroker.alerts.packets import RawBatch
    from vobroker.archive import Archive
    from vobroker.enrich import Enrichment
    from vobroker.filters import Running
    from vobroker.web.oidc import Provider


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(help="Serve the web pages, and open them in a browser.")(serve)


def serve(
    archive: ArchiveOption = DEFAULT_ARCHIVE,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(help=f"Port to listen on; {DEFAULT_PORT} or the next free one.", min=0, max=65535),
    ] = None,
    filters: Annotated[
        Path | None,
        typer.Option(help="Folder of .adql filters, or one file; the starter filters when not given."),
    ] = None,
    ingest: Annotated[
        list[Path] | None, typer.Option(help="Packets to read meanwhile; may be given again.")
    ] = None,
    brokers: Annotated[
        str | None,
        typer.Option("--brokers", "-b", help="Read alerts from Kafka meanwhile, as `vobroker run` does."),
    ] = None,
    topic: TopicOption = None,
    survey: SurveyOption = "generic",
    group: GroupOption = "vobroker",
    start: Annotated[
        str, typer.Option(help="Where to begin in topics that were never read; see `vobroker run`.")
    ] = "earliest",
    user: UserOption = None,
    set_: SetOption = None,
    simulate: Annotated[bool, typer.Option("--simulate", help="Let simulated nights flow in.")] = False,
    read_only: Annotated[
        bool,
        typer.Option("--read-only", help="Only read the archive: others on this machine may read it too."),
    ] = False,
    roles: RolesOption = None,
    tokens: TokensOption = None,
    address: Annotated[
        str, typer.Option(help="Public address, such as https://alerts.example.org, behind a proxy.")
    ] = "",
    upload_from: Annotated[
        list[str] | None,
        typer.Option(help="Host inside that tables may be fetched from, as host:port; may be given again."),
    ] = None,
    audit: Annotated[
        Path | None, typer.Option(help="File for one line of JSON a request for a stream.")
    ] = None,
    oidc: Annotated[
        Path | None,
        typer.Option(help="Settings of a provider of OpenID Connect, in TOML, where users sign in."),
    ] = None,
    hips: Annotated[
        list[str] | None,
        typer.Option(
            help="Images that readers of the sky page may choose, as name=https://address of a HiPS;"
            " may be given again. Their browsers then fetch them from there."
        ),
    ] = None,
    open_page: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in a browser.")] = True,
    title: Annotated[str, typer.Option(help="Name of the site.")] = "vobroker",
    log: LogOption = None,
) -> None:
    """Serve until interrupted."""
    from vobroker.archive import ArchiveError, open_archive
    from vobroker.tap import Fence, Jobs, Service
    from vobroker.web import create_app

    begin(log)
    allowed = read_allowed(roles, tokens)
    backgrounds = _backgrounds(hips or ())
    missing = [str(path) for path in ingest or () if not path.exists()]
    if missing:
        fail(f"no such file or folder: {', '.join(missing)}", 2)
    provider = _provider(oidc, tokens) if oidc else None
    enrichment = enrichment_of(archive)
    chosen = running_filters(filters, archive, enrichment, allowed.limits)
    kafka = None
    if brokers is not None:
        kafka = Reading(brokers, survey, topic or (), group, start, user, set_ or ())
        kafka.connection()
    elif topic:
        fail("--topic needs --brokers", 2)
    if read_only and (ingest or simulate or kafka is not None):
        fail("what flows in is written: --read-only goes without --ingest, --simulate and --brokers", 2)
    stop = threading.Event()
    with listen(host, port) as listener:
        try:
            with open_archive(archive, create=not read_only, read_only=read_only) as store:
                sources = _sources(store, ingest or [], simulate, stop)
                rivers = []
                if sources:
                    voevents = files_of(archive) / "voevents"
                    rivers.append(_river(sources, store, chosen, enrichment, voevents, stop))
                if kafka is not None:
                    rivers.append(_worker(kafka, store, chosen, enrichment, files_of(archive), stop))
                here = f"http://{shown(host)}:{listener.getsockname()[1]}/"
                out.print(
                    f"[bold]{title}[/] is at [link={here}]{here}[/], TAP at {here}tap   Ctrl-C ends it",
                    highlight=False,
                )
                tap = Service(
                    store,
                    allowed,
                    Jobs(files_of(archive) / "jobs"),
                    Fence.of(upload_from or ()),
                    f"{address.rstrip('/')}/tap" if address else "",
                    title=title,
                )
                lag = None
                if kafka is not None:
                    from vobroker.sources.lag import Lag

                    lag = Lag(kafka.connection(), store.positions)
                with _flowing(rivers, stop):
                    if open_page:
                        threading.Timer(0.8, webbrowser.open, [here]).start()
                    app = create_app(
                        tap,
                        filters=chosen,
                        title=title,
                        audit=audit,
                        backgrounds=backgrounds,
                        lag=lag,
                        oidc=provider,
                    )
                    serve_app(app, listener)
        except ArchiveError as error:
            fail(str(error))


def _provider(settings: Path, tokens: Path | None) -> Provider:
    """Read where users sign in; their sessions and tokens are kept in the file of tokens."""
    from vobroker.web.oidc import OidcError, Provider, read_settings

    if tokens is None:
        fail("--oidc needs --tokens, where sessions are kept", 2)
    try:
        return Provider(read_settings(settings))
    except OidcError as error:
        fail(str(error), 2)


_ADDRESS = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/%-]*)?")
"""What goes into a page's policy: an address without what could end a rule there."""


def _backgrounds(given: Iterable[str]) -> dict[str, str]:
    """Read images for the sky page; leave with an error where one has no name or no plain address."""
    found = {}
    for one in given:
        name, _, address = one.partition("=")
        if not name.strip() or not _ADDRESS.fullmatch(address):
            fail(f"--hips {one}: expected name=https://host/path", 2)
        found[name.strip()] = address
    return found


def _sources(
    store: Archive, paths: list[Path], simulate: bool, stop: threading.Event
) -> list[Callable[[], Iterable[RawBatch]]]:
    from vobroker.pipeline.demo import nights
    from vobroker.sources import files

    sources: list[Callable[[], Iterable[RawBatch]]] = []
    if paths:
        sources.append(lambda: files.read(paths, resume=store.position))
    if simulate:
        sources.append(lambda: nights(store.position, stop))
    return sources


def _river(
    sources: list[Callable[[], Iterable[RawBatch]]],
    store: Archive,
    filters: Running,
    enrichment: Enrichment,
    voevents: Path,
    stop: threading.Event,
) -> Callable[[], None]:
    """Let sources flow into the archive, one after the other."""
    from vobroker.alerts.schemas import default_schemas
    from vobroker.pipeline.river import run

    def flow() -> None:
        for source in sources:
            run(
                source(),
                store,
                schemas=default_schemas(),
                filters=filters,
                enrichment=enrichment,
                voevents=voevents,
                stop=stop,
            )
            if stop.is_set():
                return

    return flow


def _worker(
    kafka: Reading,
    store: Archive,
    filters: Running,
    enrichment: Enrichment,
    files: Path,
    stop: threading.Event,
) -> Callable[[], None]:
    """Let Kafka topics flow into the archive, which this process has for itself."""
    from vobroker.alerts.schemas import default_schemas
    from vobroker.archive import Held
    from vobroker.pipeline import worker

    held = Held(store)
    source = kafka.source(held, stop)
    schemas = default_schemas(cache=files / "schemas")

    def flow() -> None:
        worker.run(
            source,
            held,
            schemas=schemas,
            filters=filters,
            enrichment=enrichment,
            voevents=files / "voevents",
        )

    return flow


@contextmanager
def _flowing(rivers: list[Callable[[], None]], stop: threading.Event) -> Iterator[None]:
    """Let each river flow in a thread until the block ends; the pages outlive one that breaks off."""

    def flow(river: Callable[[], None]) -> None:
        try:
            river()
        except Exception as error:
            warn(f"{error}; the pages stay, but nothing more comes in")

    threads = [threading.Thread(target=flow, args=(river,), name="river") for river in rivers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
