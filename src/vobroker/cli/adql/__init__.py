"""``vobroker adql``: the ADQL toolkit; needs no archive."""

from __future__ import annotations

import importlib

import typer

COMMANDS = ("check", "format", "translate", "explain", "corpus", "categorise")
"""Modules of this package; each has ``register(app)``."""


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True)
    for command in COMMANDS:
        importlib.import_module(f"vobroker.cli.adql.{command}").register(group)
    app.add_typer(group, name="adql", help="Check, format, translate and explain ADQL; needs no archive.")
