"""vobroker simulate: nights of alerts to files, or played into Kafka."""

from __future__ import annotations

import json
import signal
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack, closing
from dataclasses import asdict
from datetime import date
from enum import StrEnum
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vobroker.cli.common import err, fail, out, progress, warn
from vobroker.cli.kafka import SetOption, UserOption, need_kafka

if TYPE_CHECKING:
    from vobroker.sources.simulator import Sent


class SurveyName(StrEnum):
    """Surveys that can be simulated."""

    lsst = "lsst"
    ztf = "ztf"


class Form(StrEnum):
    """Forms of packets on disk."""

    confluent = "confluent"
    container = "container"
    multi = "multi"
    targz = "tar.gz"


_OF_SIMULATED = {
    *("survey", "alerts", "every", "jitter", "ahead", "history", "cutouts", "history_nights"),
    *("fields", "schema", "start", "seed"),
}
"""Options that a recorded night has no use for."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    nights = typer.Typer(
        help="Simulate nights of alerts: supernovae, variables, AGN, flares, asteroids and bogus detections.",
        no_args_is_help=True,
    )
    nights.command("lsst", help="Write nights of Rubin alerts to files, and the truth beside them.")(simulate)
    nights.command("ztf", help="Write nights of ZTF alerts to files, and the truth beside them.")(simulate)
    nights.command("play", help="Send the visits of a night to Kafka, each at its time, as Rubin does.")(play)
    app.add_typer(nights, name="simulate")


def simulate(
    context: typer.Context,
    folder: Annotated[Path, typer.Option("--out", "-o", help="Folder to write to.")],
    nights: Annotated[int, typer.Option(min=1, help="Consecutive nights.")] = 1,
    visits: Annotated[int, typer.Option(min=1, help="Visits in each night.")] = 10,
    alerts: Annotated[int, typer.Option(min=1, help="Alerts in each visit.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Equal seeds and options give equal bytes.")] = 0,
    start: Annotated[str, typer.Option(help="Evening of the first night, local date.")] = "2026-03-05",
    form: Annotated[
        Form | None, typer.Option(help="Form of the packets; by default the survey's own.")
    ] = None,
    fields: Annotated[
        int | None, typer.Option(min=1, help="Fields that each night goes through.", show_default="by visits")
    ] = None,
    history_nights: Annotated[
        int | None,
        typer.Option(min=0, help="Nights observed before the first.", show_default="75 for lsst, 30 for ztf"),
    ] = None,
    history: Annotated[bool, typer.Option(help="Earlier detections and forced photometry.")] = True,
    cutouts: Annotated[bool, typer.Option(help="Image stamps.")] = True,
    schema: Annotated[str, typer.Option(help="LSST schema version: 10.0, 11.0 or 11.1.")] = "10.0",
    as_json: Annotated[bool, typer.Option("--json", help="Summary as JSON.")] = False,
) -> None:
    """Simulate nights of the survey that the command is named after.

    The truth about every object is written beside the packets as truth.parquet and truth.csv.
    """
    from vobroker.sources import simulator

    survey = SurveyName(context.info_name or "")
    first = _evening(start)
    shape = form.value if form else ("confluent" if survey is SurveyName.lsst else "container")
    stream = simulator.simulate(
        survey.value,
        seed=seed,
        nights=nights,
        visits=visits,
        alerts_per_visit=alerts,
        start=first,
        history=history,
        cutouts=cutouts,
        history_nights=history_nights,
        fields=fields,
        schema_version=schema,
    )
    try:
        with progress() as bar:
            task = bar.add_task(f"simulating {survey.value}", total=nights * visits, note="visits")
            written = simulator.write(stream, folder, shape, each=lambda visit: bar.advance(task))
    except ValueError as error:
        fail(str(error))
    except OSError as error:
        fail(f"cannot write to {folder}: {error.strerror or error}")
    if as_json:
        out.print_json(
            json.dumps({"alerts": written.alerts, "bytes": written.bytes, "kinds": dict(written.kinds)})
        )
        return
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in written.kinds.most_common())
    out.print(
        f"{written.alerts:,} alerts, {written.bytes / 1e6:,.1f} MB in {folder}: {kinds}",
        highlight=False,
        soft_wrap=True,
    )
    err.print(f"truth: {folder / 'truth.parquet'}", highlight=False, soft_wrap=True)


def _evening(start: str) -> date:
    try:
        return date.fromisoformat(start)
    except ValueError:
        fail(f"--start must be a date such as 2026-03-05, not {start!r}")


def play(
    context: typer.Context,
    brokers: Annotated[
        str,
        typer.Option("--kafka", "-k", envvar="VOBROKER_BROKERS", help="host:port, with commas between."),
    ],
    topic: Annotated[
        str, typer.Option("--topic", "-t", help="Topic; made when it is not there.")
    ] = "alerts-simulated",
    night: Annotated[
        Path | None,
        typer.Option(help="Recorded night: packets, as files, folders or archives; in its own time."),
    ] = None,
    survey: Annotated[SurveyName, typer.Option(help="Whose alerts.")] = SurveyName.lsst,
    visits: Annotated[
        int | None, typer.Option(min=1, help="Visits.", show_default="10; all of a recorded night")
    ] = None,
    alerts: Annotated[int, typer.Option(min=1, help="Alerts in each visit.")] = 10_000,
    every: Annotated[float, typer.Option(min=0, help="Seconds from visit to visit.")] = 37.0,
    jitter: Annotated[float, typer.Option(min=0, help="As many more seconds at most, by chance.")] = 2.0,
    factor: Annotated[float, typer.Option(help="Play so many times faster.")] = 1.0,
    producers: Annotated[int, typer.Option(min=1, max=64, help="Processes that share each visit.")] = 2,
    ahead: Annotated[
        int,
        typer.Option(
            min=1, help="Visits that are ready on disk before the first is sent, and made ahead from then on."
        ),
    ] = 1,
    partitions: Annotated[
        int | None, typer.Option(min=1, help="Partitions of a new topic.", show_default="8")
    ] = None,
    replication: Annotated[
        int | None, typer.Option(min=1, help="Copies of a new topic.", show_default="the brokers' own")
    ] = None,
    history: Annotated[bool, typer.Option(help="Earlier detections and forced photometry.")] = True,
    cutouts: Annotated[bool, typer.Option(help="Image stamps.")] = True,
    history_nights: Annotated[
        int | None,
        typer.Option(min=0, help="Nights observed before the first.", show_default="75 for lsst, 30 for ztf"),
    ] = None,
    fields: Annotated[
        int | None, typer.Option(min=1, help="Fields that the night goes through.", show_default="by visits")
    ] = None,
    schema: Annotated[str, typer.Option(help="LSST schema version: 10.0, 11.0 or 11.1.")] = "10.0",
    start: Annotated[
        str, typer.Option(help="Evening of the night; another gives other identifiers.")
    ] = "2026-03-05",
    seed: Annotated[int, typer.Option(min=0, help="Equal seeds and options give equal packets.")] = 0,
    user: UserOption = None,
    set_: SetOption = None,
    schemas: Annotated[
        Path | None,
        typer.Option(help="Folder of Avro schemas for a night's packets that do not carry theirs."),
    ] = None,
    registry: Annotated[
        str | None, typer.Option(help="URL of a Confluent schema registry.", envvar="VOBROKER_REGISTRY")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Summary as JSON.")] = False,
) -> None:
    """Play a simulated or a recorded night."""
    need_kafka()
    from vobroker.alerts.schemas import default_schemas
    from vobroker.kafka.problems import KafkaProblem
    from vobroker.kafka.settings import SettingsError, connection
    from vobroker.kafka.topics import ensure_topic
    from vobroker.sources import simulator

    if not 0 < factor < float("inf"):
        fail(f"--factor must be greater than 0, not {factor:g}", 2)
    if night is not None:
        _refuse_options_of_simulated(context)
        if not night.exists():
            fail(f"there is no {night}", 2)
    try:
        there = connection(brokers, user=user, properties=set_ or ())
        places = default_schemas(folder=schemas, registry=registry)
    except (SettingsError, ValueError) as error:
        fail(str(error), 2)
    first = _evening(start)
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    sent: list[Sent] = []
    try:
        found = ensure_topic(there, topic, partitions=partitions, replication=replication)
        if found:
            err.print(found, highlight=False, markup=False, soft_wrap=True)
        with (
            tempfile.TemporaryDirectory(prefix="vobroker-play-") as folder,
            progress() as bar,
            ExitStack() as stack,
        ):
            task = bar.add_task("playing", total=visits if night else visits or 10, note="")

            def state(sentence: str) -> None:
                bar.update(task, note=sentence)

            def told(visit: int, packets: int) -> None:
                state(
                    f"making visit {visit}, {packets:,} of {alerts:,}" if visit else f"reading, {packets:,}"
                )

            bursts: Iterable[simulator.Burst]
            if night is not None:
                bursts = simulator.recorded(
                    night, Path(folder), places, visits=visits, stop=stop, say=warn, told=told
                )
                _announce(bursts, factor)
                bar.update(task, total=len(bursts))
            else:
                made = simulator.simulated(
                    survey.value,
                    Path(folder),
                    visits=visits or 10,
                    every=every,
                    jitter=jitter,
                    seed=seed,
                    ahead=ahead,
                    stop=stop,
                    told=lambda visit, packets: None if sent else told(visit, packets),
                    alerts_per_visit=alerts,
                    start=first,
                    history=history,
                    cutouts=cutouts,
                    history_nights=history_nights,
                    fields=fields,
                    schema_version=schema,
                )
                # Who makes packets has ended before the folder is removed.
                bursts = stack.enter_context(closing(made))
            for done in simulator.play(
                bursts, there, topic, producers=producers, factor=factor, stop=stop, say=warn, state=state
            ):
                sent.append(done)
                bar.advance(task)
                if not as_json:
                    out.print(_line(done), highlight=False, soft_wrap=True)
    except KafkaProblem as problem:
        fail(str(problem))
    except OSError as error:
        fail(f"the packets cannot be kept in {tempfile.gettempdir()}: {error.strerror or error}")
    except (ValueError, RuntimeError) as error:
        fail(str(error))
    _report(sent, topic, interrupted=stop.is_set(), as_json=as_json)


def _refuse_options_of_simulated(context: typer.Context) -> None:
    """Fail where an option is given that a recorded night, with its own times and packets, has no use for."""
    for parameter in context.command.params:
        given = context.get_parameter_source(parameter.name or "")
        if parameter.name in _OF_SIMULATED and given is not None and given.name == "COMMANDLINE":
            fail(f"{parameter.opts[0]} is of a simulated night, and --night of a recorded one", 2)


def _announce(bursts: list[Any], factor: float) -> None:
    alerts = sum(map(len, bursts))
    seconds = sum(burst.after for burst in bursts) / factor
    err.print(
        f"{alerts:,} alerts in {len(bursts):,} exposures, over {seconds:,.0f} s",
        highlight=False,
        soft_wrap=True,
    )


def _line(done: Sent) -> str:
    seconds = max(done.seconds, 1e-3)
    of = f" of {done.wanted:,}" if done.alerts < done.wanted else ""
    late = f"late by {done.late:.1f} s: {done.why}" if done.why else "on time"
    size = done.bytes / 1e6
    return (
        f"visit {done.number}: {done.alerts:,}{of} alerts, {size:,.1f} MB in {done.seconds:.2f} s, "
        f"{done.alerts / seconds:,.0f} alerts/s, {size / seconds:,.0f} MB/s, {late}"
    )


def _report(sent: list[Sent], topic: str, *, interrupted: bool, as_json: bool) -> None:
    alerts, size = sum(done.alerts for done in sent), sum(done.bytes for done in sent)
    sending = sum(done.seconds for done in sent)
    whole = sent[-1].begun / 1e9 + sent[-1].seconds - sent[0].begun / 1e9 if sent else 0.0
    latest = max((done.late for done in sent), default=0.0)
    late = sum(bool(done.why) for done in sent)
    if as_json:
        # Identifiers of 64 bits are text, since a reader may have only doubles.
        visits = [
            asdict(done) | {"visit": done.visit and str(done.visit), "begun": str(done.begun)}
            for done in sent
        ]
        summary = {
            "topic": topic,
            "alerts": alerts,
            "bytes": size,
            "seconds": whole,
            "seconds_sending": sending,
            "late": latest,
            "interrupted": interrupted,
            "visits": visits,
        }
        out.print_json(json.dumps(summary))
        return
    lateness = f"{late} of them late, by {latest:.1f} s at most" if late else "all on time"
    out.print(
        f"{len(sent)} visits, {alerts:,} alerts, {size / 1e6:,.1f} MB to {topic} in {whole:,.1f} s, "
        f"{alerts / max(sending, 1e-3):,.0f} alerts/s while sending; "
        + ("interrupted" if interrupted else lateness),
        highlight=False,
        soft_wrap=True,
    )
