"""vobroker simulate: nights of alerts to files."""

from __future__ import annotations

import json
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from vobroker.cli.common import err, fail, out, progress


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


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("simulate")(simulate)


def simulate(
    survey: Annotated[SurveyName, typer.Argument(help="Whose alerts.")],
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
    """Simulate nights of alerts: supernovae, variables, AGN, flares, asteroids and bogus detections.

    The truth about every object is written beside the packets as truth.parquet and truth.csv.
    """
    from vobroker.sources import simulator

    try:
        first = date.fromisoformat(start)
    except ValueError:
        fail(f"--start must be a date such as 2026-03-05, not {start!r}")
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
