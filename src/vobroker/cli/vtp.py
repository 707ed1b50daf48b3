"""``vobroker vtp``: events over the VOEvent Transport Protocol."""

from __future__ import annotations

import typer

from vobroker.cli.vtp_broker import broker
from vobroker.cli.vtp_send import publish, send
from vobroker.cli.vtp_subscribe import subscribe


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        no_args_is_help=True,
        help="Send, receive and pass on VOEvents over VTP, the VOEvent Transport Protocol.",
    )
    for command in (broker, send, publish, subscribe):
        group.command()(command)
    app.add_typer(group, name="vtp")
