"""``vobroker stream``: listen to a stream on the command line."""

from __future__ import annotations

import json
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vobroker.cli.common import fail, out, warn
from vobroker.cli.serving import DEFAULT_PORT

if TYPE_CHECKING:
    from vobroker.client import Alert

DEFAULT = f"http://127.0.0.1:{DEFAULT_PORT}"
"""Where ``vobroker serve`` is."""

NameArgument = Annotated[str, typer.Argument(help="Name of the stream, which is that of its filter.")]
AtOption = Annotated[
    str,
    typer.Option(envvar="VOBROKER_AT", help="Address of a broker, or an archive: folder or postgresql://…"),
]
TokenOption = Annotated[str | None, typer.Option(envvar="VOBROKER_TOKEN", help="Who you are.")]
FollowOption = Annotated[
    bool | None, typer.Option("--follow/--no-follow", help="Whether to wait for what comes.")
]

PLACE = ".cursor"
"""File beside what is saved that says where to go on."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(help="Listen to a stream of a broker, or of an archive.")(stream)


def stream(
    name: NameArgument,
    at: AtOption = DEFAULT,
    since: Annotated[
        str,
        typer.Option(help="2h ago (s, m, h, d), a time in UTC, a cursor, or beginning; else what comes."),
    ] = "",
    token: TokenOption = None,
    follow: FollowOption = None,
    limit: Annotated[int | None, typer.Option(min=1, help="End after so many alerts.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON an alert.")] = False,
    save: Annotated[
        Path | None,
        typer.Option(help="Folder for packets (Avro); a second run goes on where the first ended."),
    ] = None,
) -> None:
    """Print alerts as they come, until interrupted."""
    from vobroker.client import StreamError
    from vobroker.client import stream as listen

    since = since or _kept(save)
    number = 0
    try:
        for alert in listen(name, since=since, at=at, token=token, follow=follow):
            if save is not None:
                _save(save, alert)
            if as_json:
                print(json.dumps(alert.as_json()), flush=True)
            else:
                _print(alert)
            number += 1
            if number == limit:
                break
    except StreamError as error:
        fail(str(error))
    except KeyboardInterrupt:
        warn(f"{number} alerts")


def _print(alert: Alert) -> None:
    mag = "     -" if alert.mag is None else f"{alert.mag:6.2f}"
    when = f"{alert.created.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"
    out.print(
        f"{when}  {alert.object_id or alert.alert_id!s:<20} {alert.ra:10.5f} {alert.dec:+10.5f}"
        f"  {alert.band or '-'} {mag}",
        markup=False,
        highlight=False,
    )


def _kept(folder: Path | None) -> str:
    file = folder / PLACE if folder else None
    return file.read_text().strip() if file and file.exists() else ""


def _save(folder: Path, alert: Alert) -> None:
    """Write the packet first: who is stopped in between gets it once more, and never less."""
    from vobroker.client.notify import keep_cursor

    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{alert.survey}-{alert.alert_id}.avro").write_bytes(alert.packet)
    keep_cursor(folder / PLACE, alert.cursor)
