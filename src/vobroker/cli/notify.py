"""``vobroker notify``: tell somebody of the alerts of a stream."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vobroker import spans
from vobroker.cli.common import fail, out, warn
from vobroker.cli.stream import DEFAULT, AtOption, FollowOption, NameArgument, TokenOption

if TYPE_CHECKING:
    from vobroker.client.notify import Tell


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(help="Tell a web address, a chat or a mailbox of the alerts of a stream.")(notify)


def notify(
    name: NameArgument,
    at: AtOption = DEFAULT,
    webhook: Annotated[str | None, typer.Option(help="Address to post JSON to.")] = None,
    form: Annotated[str, typer.Option(help="What is posted: json, or tom for the TOM Toolkit.")] = "json",
    secret: Annotated[
        Path | None, typer.Option(help="File with the secret that signs what is posted.")
    ] = None,
    chat: Annotated[
        str | None, typer.Option(help="Incoming webhook of Slack, Mattermost or the like.")
    ] = None,
    mail: Annotated[str | None, typer.Option(help="Address to send e-mail to.")] = None,
    smtp: Annotated[str, typer.Option(help="Mail server, as host or host:port.")] = "localhost",
    sender: Annotated[str, typer.Option(help="Sender of e-mail.")] = "vobroker@localhost",
    every: Annotated[
        str | None,
        typer.Option(help="Gather alerts over 10m, 1h, 1d …; at once when not given, e-mail daily."),
    ] = None,
    since: Annotated[
        str, typer.Option(help="Where to begin the first time: 2h ago, a time, beginning; else what comes.")
    ] = "",
    keep: Annotated[
        Path | None,
        typer.Option(help="File that says where to go on; vobroker-notify/NAME-… when not given."),
    ] = None,
    token: TokenOption = None,
    follow: FollowOption = None,
) -> None:
    """Tell until interrupted; a second run goes on where the first ended."""
    from vobroker.client import StreamError, stream
    from vobroker.client import notify as telling

    ways = [way for way, where in {"webhook": webhook, "chat": chat, "mail": mail}.items() if where]
    if len(ways) != 1:
        fail("give one of --webhook, --chat and --mail", 2)
    if form not in ("json", "tom"):
        fail(f"there is no form '{form}'; there are json and tom", 2)
    seconds = _seconds(every if every is not None else ("1d" if mail else "0s"))
    site = at if at.startswith("http") else ""
    tell: Tell
    if webhook:
        tell = telling.webhook(webhook, _secret(secret), form=form, site=site)
    elif chat:
        tell = telling.chat(chat, site=site)
    else:
        tell = telling.mail(mail or "", smtp=smtp, sender=sender, site=site)
    keep = keep or Path("vobroker-notify") / f"{name}-{ways[0]}"
    try:
        since = keep.read_text().strip() or since
    except FileNotFoundError:
        pass
    except OSError as error:
        fail(f"cannot read {keep}: {error.strerror}")
    alerts = stream(name, since=since, at=at, token=token, follow=follow)
    try:
        telling.run(alerts, tell, keep, every=seconds, ended=lambda number: out.print(f"{number} told"))
    except StreamError as error:
        fail(str(error))
    except KeyboardInterrupt:
        warn(f"interrupted; {keep} says where to go on")


def _seconds(text: str) -> int:
    found = spans.seconds(text)
    if found is None:
        fail(f"--every is a span such as 10m or 1d, not '{text}'", 2)
    return found


def _secret(file: Path | None) -> bytes:
    if file is None:
        return b""
    try:
        secret = file.read_bytes().strip()
    except OSError as error:
        fail(f"cannot read {file}: {error.strerror}", 2)
    if len(secret) < 16:
        fail(f"{file} has a secret of {len(secret)} bytes; it should have 16 or more", 2)
    return secret
