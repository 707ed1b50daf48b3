"""The command line, one file per command group."""

from __future__ import annotations

import importlib
from typing import Annotated

import typer

from vobroker import __version__

GROUPS = (
    "ingest",
    "run",
    "ledger",
    "deadletter",
    "archive",
    "query",
    "filter",
    "catalogue",
    "watchlist",
    "region",
    "classifier",
    "lightcurve",
    "timeseries",
    "alert",
    "voevent",
    "vtp",
    "simulate",
    "gateway",
    "stream",
    "notify",
    "serve",
    "notebook",
    "token",
    "platform",
    "doctor",
    "adql",
    "bench",
    "completion",
)
"""Modules of this package; each has ``register(app)``."""


def tell_version(wanted: bool) -> None:
    """Print the version and end, where it is asked for."""
    if wanted:
        typer.echo(f"vobroker {__version__}")
        raise typer.Exit


def options(
    version: Annotated[
        bool,
        typer.Option("--version", "-V", callback=tell_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Take the options that belong to no command."""


def app() -> typer.Typer:
    """Build the command line from :data:`GROUPS`."""
    commands = typer.Typer(
        name="vobroker",
        help="Alert broker for the Virtual Observatory: alerts in; ADQL archives, streams and VOEvents out.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    commands.callback()(options)
    for group in GROUPS:
        importlib.import_module(f"vobroker.cli.{group}").register(commands)
    return commands


def main() -> None:
    """Run the command line."""
    try:
        app()()
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "vobroker":
            raise
        raise SystemExit(
            f"error: this command needs {error.name}, which is not installed: pip install 'vobroker[broker]'"
        ) from None
