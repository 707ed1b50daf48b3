"""The command line, one file per command group."""

from __future__ import annotations

import importlib

import typer

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
)
"""Modules of this package; each has ``register(app)``."""


def app() -> typer.Typer:
    """Build the command line from :data:`GROUPS`."""
    commands = typer.Typer(
        name="vobroker",
        help="Alert broker for the Virtual Observatory: alerts in; ADQL archives, streams and VOEvents out.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
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
