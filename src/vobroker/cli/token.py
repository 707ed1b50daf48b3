"""``vobroker token``: who may do more than a guest, for what and how long."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vobroker.cli.common import err, fail, out

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
TokensFile = Annotated[
    Path, typer.Option("--tokens", envvar="VOBROKER_TOKENS", help="File that `serve --tokens` reads.")
]
Which = Annotated[str, typer.Argument(help="Whose token, or the first letters of its fingerprint.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Say who may do more than a guest.", no_args_is_help=True)
    group.command(help="Make a token, and add it to the file that `serve --tokens` reads.")(add)
    group.command("list", help="List the tokens of the file: whose, for what, until when.")(list_)
    group.command(help="Let a token hold no more; services that run know it within a second.")(revoke)
    group.command(help="Put a new token in the place of one.")(rotate)
    group.command(help="Print what guests, users and operators may do.")(roles)
    app.add_typer(group, name="token")


def add(
    name: Annotated[str, typer.Argument(help="Whose token it is.")],
    role: Annotated[str, typer.Option(help="user or operator.")] = "user",
    scope: Annotated[
        list[str] | None,
        typer.Option(help="What it is good for: streams, tap, vtp, web, metrics or all; may be given again."),
    ] = None,
    days: Annotated[float | None, typer.Option(help="How long it holds; without end when not given.")] = None,
    note: Annotated[str, typer.Option(help="What its owner calls it, such as 'laptop'.")] = "",
    tokens: TokensFile = DEFAULT_TOKENS,
) -> None:
    """Print a token, once; the file keeps only its fingerprint."""
    from vobroker import tokens as files

    scopes = [one for given in scope or () for one in given.split(",")]
    try:
        token, made = files.new_token(name, role, scopes=scopes, days=days, note=note)
        files.add(tokens, made)
    except files.TokensError as error:
        fail(str(error), 2)
    out.print(token, markup=False, highlight=False, soft_wrap=True)


def list_(
    tokens: TokensFile = DEFAULT_TOKENS,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print what the file says of each token."""
    from rich.markup import escape
    from rich.table import Table

    from vobroker import tokens as files

    if not tokens.exists():
        fail(f"there is no file of tokens {tokens}; `vobroker token add` makes it", 2)
    try:
        found = files.read_tokens(tokens)
    except files.TokensError as error:
        fail(str(error), 2)
    now = datetime.now(UTC)
    told = [
        {
            "name": one.name,
            "role": one.role,
            "scope": ", ".join(one.scopes) or files.ALL,
            "fingerprint": one.digest[:8],
            "made": f"{one.made:%Y-%m-%dT%H:%M:%SZ}" if one.made else None,
            "until": f"{one.until:%Y-%m-%dT%H:%M:%SZ}" if one.until else None,
            "note": one.note or None,
            "holds": one.holds(now=now),
        }
        for one in found
    ]
    if as_json:
        print(json.dumps(told, indent=2))
        return
    grid = Table("name", "role", "scope", "fingerprint", "made", "until", "note", "")
    for line in told:
        *cells, holds = line.values()
        grid.add_row(*(escape(str(cell or "–")) for cell in cells), "" if holds else "[red]ended[/]")
    out.print(grid)


def revoke(which: Which, tokens: TokensFile = DEFAULT_TOKENS) -> None:
    """Take tokens out of the file."""
    from vobroker import tokens as files

    try:
        gone = files.revoke(tokens, which)
    except files.TokensError as error:
        fail(str(error), 2)
    for one in gone:
        out.print(f"{one.digest[:8]} of {one.name} holds no more", highlight=False, markup=False)


def rotate(
    which: Which,
    days: Annotated[
        float | None,
        typer.Option(help="How long the new one holds; if not given, as long as the old one."),
    ] = None,
    overlap: Annotated[
        float, typer.Option(help="Hours that the old one still holds.", min=0, max=24 * 365)
    ] = 0,
    tokens: TokensFile = DEFAULT_TOKENS,
) -> None:
    """Print the new token, once; its name, role, scope and time are those of the old one."""
    from vobroker import tokens as files

    try:
        token, made = files.rotate(tokens, which, days=days, overlap=timedelta(hours=overlap))
    except files.TokensError as error:
        fail(str(error), 2)
    until = f", until {made.until:%Y-%m-%d %H:%M} UTC" if made.until else ""
    err.print(f"{made.digest[:8]} of {made.name}{until}:", highlight=False, markup=False)
    out.print(token, markup=False, highlight=False, soft_wrap=True)


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
    from vobroker.tokens import TokensError

    try:
        return read_roles(roles, tokens)
    except (RolesError, TokensError) as error:
        fail(str(error), 2)
