"""vobroker run: from Kafka into the archive, as one worker or several."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from vobroker.cli.common import DEFAULT_ARCHIVE, ArchiveOption, err, fail, files_of, out, warn
from vobroker.cli.ingest import enrichment_of, report, running_filters
from vobroker.cli.kafka import GroupOption, Reading, SetOption, SurveyOption, TopicOption, UserOption
from vobroker.cli.vtp_send import AUTHORS_PORT, place_of

if TYPE_CHECKING:
    from vobroker.pipeline.river import Counts

_SURVIVAL = 10.0
_PREFIX = re.compile(r"[A-Za-z0-9._-]{1,100}")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(help="Read alerts from Kafka topics into the archive, run the filters, publish the events.")(
        run
    )


def run(
    brokers: Annotated[
        str,
        typer.Option("--brokers", "-b", envvar="VOBROKER_BROKERS", help="host:port, with commas between."),
    ],
    archive: ArchiveOption = DEFAULT_ARCHIVE,
    survey: SurveyOption = "generic",
    topic: TopicOption = None,
    group: GroupOption = "vobroker",
    start: Annotated[
        str,
        typer.Option(
            help="Where to begin in what was never read: earliest, latest, a time (UTC), a cursor's file."
        ),
    ] = "earliest",
    until_end: Annotated[
        bool, typer.Option("--until-end", help="End when all that is there was read.")
    ] = False,
    workers: Annotated[
        int, typer.Option(min=1, max=64, help="Processes; they share partitions and archive.")
    ] = 1,
    filters: Annotated[
        Path | None,
        typer.Option(help="Folder of .adql filters, or one file; the starter filters when not given."),
    ] = None,
    no_filters: Annotated[bool, typer.Option("--no-filters", help="Archive only.")] = False,
    user: UserOption = None,
    set_: SetOption = None,
    schemas: Annotated[
        Path | None, typer.Option(help="Folder of Avro schemas for packets that do not carry theirs.")
    ] = None,
    registry: Annotated[
        str | None, typer.Option(help="URL of a Confluent schema registry.", envvar="VOBROKER_REGISTRY")
    ] = None,
    publish_to: Annotated[
        str | None,
        typer.Option(
            help="Publish what passes a filter to a Kafka topic, named this and the filter, exactly once."
        ),
    ] = None,
    publish_as: Annotated[
        str, typer.Option(help="What these messages hold: voevent, gcn (JSON), or packet, as it arrived.")
    ] = "voevent",
    publish_brokers: Annotated[
        str | None, typer.Option(help="Brokers to publish to, when they are others.")
    ] = None,
    publish_vtp: Annotated[
        str | None,
        typer.Option(metavar="HOST[:PORT]", help="Submit what passes a filter to a VTP broker as well."),
    ] = None,
    batch: Annotated[int, typer.Option(help="Most packets in one batch, and so in one commit.", min=1)] = 512,
) -> None:
    """Run a worker, or several under one parent."""
    if workers > 1:
        raise typer.Exit(_parent(workers))
    reading = Reading(
        brokers, survey, topic or (), group, start, user, set_ or (), until_end=until_end, batch=batch
    )
    reading.connection()  # says so when Kafka is not installed
    from vobroker.alerts.schemas import default_schemas
    from vobroker.archive import access
    from vobroker.kafka.problems import KafkaProblem
    from vobroker.pipeline import worker
    from vobroker.publish.folder import embedding
    from vobroker.publish.kafka import FORMS, KafkaOutbox
    from vobroker.publish.vtp import Courier, VTPOutbox

    if publish_as not in FORMS:
        fail(f"--publish-as is one of {', '.join(FORMS)}, not '{publish_as}'", 2)
    if publish_to is not None and not _PREFIX.fullmatch(publish_to):
        fail(f"topics cannot begin with '{publish_to}': use letters, digits, '.', '_' and '-'", 2)
    enrichment = enrichment_of(archive)
    turns, stop = access(archive), Event()
    source = reading.source(turns, stop)
    outlets: list[worker.Outlet] = []
    embed = embedding(files_of(archive) / "voevents")
    courier = None
    if publish_vtp is not None:
        broker = place_of(publish_vtp, AUTHORS_PORT)
        courier = Courier(VTPOutbox(broker, files_of(archive), embed=embed, say=warn), turns, warn)
    if publish_to is not None:
        there = reading.connection(publish_brokers)
        outlets.append(KafkaOutbox(there, publish_to, form=publish_as, embed=embed))
    try:
        places = default_schemas(folder=schemas, registry=registry, cache=files_of(archive) / "schemas")
    except ValueError as error:
        fail(str(error), 2)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with err.status("waiting for alerts", spinner="dots") as status:

        def show(counts: Counts) -> None:
            status.update(
                f"{counts.received} received, {counts.archived} archived, {counts.duplicate} known, "
                f"{counts.dead} dead letters"
            )
            if courier is not None:
                courier.wake()

        try:
            with courier or nullcontext():
                counts = worker.run(
                    source,
                    turns,
                    schemas=places,
                    filters=[] if no_filters else running_filters(filters, archive, enrichment),
                    enrichment=enrichment,
                    voevents=files_of(archive) / "voevents",
                    outlets=outlets,
                    after_batch=show,
                )
        except KafkaProblem as problem:
            fail(str(problem))
        finally:
            turns.close()
    report(counts, archive)


def _parent(workers: int) -> int:
    """Run the same command as several processes; one that dies is started again."""
    arguments = _single(sys.argv[1:])
    command = [sys.executable, "-m", "vobroker", *arguments]
    ended = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    running: dict[int, tuple[subprocess.Popen[bytes], float]] = {}
    waiting = dict.fromkeys(range(workers), 0.0)
    delays = dict.fromkeys(range(workers), 1.0)
    status = 0
    while (running or waiting) and not ended.wait(0.1):
        for worker, due in list(waiting.items()):
            if time.monotonic() >= due:
                del waiting[worker]
                # In a group of its own: an interrupt from the keyboard reaches it through us, once.
                child = subprocess.Popen(command, start_new_session=True)  # noqa: S603
                running[worker] = child, time.monotonic()
        for worker, (child, began) in list(running.items()):
            code = child.poll()
            if code is None:
                continue
            del running[worker]
            if code >= 0:  # it ended by itself, and has said why if it was not well
                status = max(status, code)
                continue
            delays[worker] = 1.0 if time.monotonic() - began > _SURVIVAL else min(2 * delays[worker], 60.0)
            warn(f"worker {child.pid} was ended by signal {-code}; another starts in {delays[worker]:g} s")
            waiting[worker] = time.monotonic() + delays[worker]
    for child, _ in running.values():
        child.terminate()
    for child, _ in running.values():
        status = max(status, child.wait())
    out.print(f"{workers} workers ended", highlight=False)
    return status


def _single(arguments: list[str]) -> list[str]:
    """Give the arguments without the number of workers."""
    kept: list[str] = []
    skip = False
    for argument in arguments:
        if skip:
            skip = False
        elif argument == "--workers":
            skip = True
        elif not argument.startswith("--workers="):
            kept.append(argument)
    return kept
