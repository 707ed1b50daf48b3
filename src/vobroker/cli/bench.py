"""``vobroker bench``: the measured comparisons of the source checkout."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

import vobroker
from vobroker.cli.common import fail, out

CHECKOUT = Path(vobroker.__file__).resolve().parents[2]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        help="Run a measured comparison; lists them when none is named.",
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    )(bench)


def bench(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="decode, river, ... ; further options go to it.")] = None,
) -> None:
    """Run one file of ``bench/`` as a module of its own."""
    found = sorted(path.stem for path in (CHECKOUT / "bench").glob("*.py") if "def main(" in path.read_text())
    if not found:
        fail("the benchmarks are not installed with the package; run this in a source checkout")
    if name is None:
        out.print("\n".join(found), highlight=False)
        return
    if name not in found:
        fail(f"no benchmark '{name}'; there are: {', '.join(found)}", 2)
    done = subprocess.run([sys.executable, "-m", f"bench.{name}", *context.args], cwd=CHECKOUT, check=False)  # noqa: S603
    raise typer.Exit(done.returncode)
