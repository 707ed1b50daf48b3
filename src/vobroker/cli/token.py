"""``vobroker token``: who may do more than a guest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vobroker.cli.common import fail, out

if TYPE_CHECKING:
    from vobroker.roles import Roles

DEFAULT_TOKENS = Path("vobroker-tokens")

RolesOption = Annotated[
    Path | None,
    typer.Option(
        "--roles",
        envvar="VOBROKER_ROLES",
        help="TOML file with what guests, users and operators may do; see `vobroker token roles`.",
    ),
]
TokensOption = Annotated[
    Path | None,
    typer.Option("--tokens", envvar="VOBROKER_TOKENS", help="File of `vobroker token add`."),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Say who may do more than a guest.", no_args_is_help=True)
    group.command(help="Make a token, and add it to the file that `serve --tokens` reads.")(add)
    group.command(help="Print what guests, users and operators may do.")(roles)
    app.add_typer(group, name="token")


def add(
    name: Annotated[str, typer.Argument(help="Whose token it is.")],
    role: Annotated[str, typer.Option(help="user or operator.")] = "user",
    tokens: TokensOption = DEFAULT_TOKENS,
) -> None:
    """Print a token, once; the file keeps only its fingerprint."""
    from vobroker.roles import RolesError, new_token

    assert tokens is not None
    try:
        token, line = new_token(name, role)
        with tokens.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
    except RolesError as error:
        fail(str(error), 2)
    except OSError as error:
        fail(f"cannot write {tokens}: {error.strerror}")
    tokens.chmod(0o600)
    out.print(token, markup=False, highlight=False)


def roles(roles: RolesOption = None) -> None:
    """Print the limits in force."""
    from dataclasses import asdict

    from rich.table import Table

    found = read_allowed(roles, None).limits
    grid = Table("limit", *found)
    for limit in next(iter(map(asdict, found.values()))):
        grid.add_row(limit, *(f"{asdict(limits)[limit]}" for limits in found.values()))
    out.print(grid)


def read_allowed(roles: Path | None, tokens: Path | None) -> Roles:
    """Read the files, or say what is wrong with them and leave."""
    from vobroker.roles import RolesError, read_roles

    try:
        return read_roles(roles, tokens)
    except RolesError as error:
        fail(str(error), 2)
