"""``vobroker completion``: the script by which a shell completes commands and options."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer
from typer.completion import get_completion_script  # type: ignore[attr-defined]

from vobroker.cli.common import out


class Shell(StrEnum):
    """Shells that can complete."""

    bash = "bash"
    zsh = "zsh"
    fish = "fish"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(help="Print the script by which bash, zsh or fish completes commands.")(completion)


def completion(shell: Annotated[Shell, typer.Argument(help="Who reads the script.")]) -> None:
    """Print the script for one shell."""
    script = get_completion_script(prog_name="vobroker", complete_var="_VOBROKER_COMPLETE", shell=shell.value)
    out.print(script, markup=False, highlight=False, soft_wrap=True)
