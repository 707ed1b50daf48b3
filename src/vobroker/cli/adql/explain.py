"""``vobroker adql explain``: what a query means, column by column, and where it can run."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vobroker.cli.adql.common import (
    Archive,
    Extensions,
    Files,
    Functions,
    Json,
    Tables,
    Text,
    Version,
    catalogue,
    declared,
    parsed,
    queries,
    show_error,
)
from vobroker.cli.common import out

if TYPE_CHECKING:
    from vobroker.adql import CheckedQuery
    from vobroker.adql.tree import Query


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(help="Show what a query uses and gives, its tree, and which engines can run it.")(explain)


def explain(
    files: Files = None,
    query: Text = None,
    tables: Tables = None,
    archive: Archive = None,
    adql: Version = "2.1",
    accept: Extensions = None,
    udf: Functions = None,
    show_tree: Annotated[bool, typer.Option("--tree/--no-tree", help="Show the syntax tree.")] = True,
    as_json: Json = False,
) -> None:
    """Explain queries; with tables given, also names, types, units and engines."""
    from vobroker.adql import AdqlError, check

    known, functions = catalogue(tables, archive), declared(udf)
    found = []
    status = 0
    for name, text in queries(files, query):
        try:
            tree = parsed(text, adql, accept)
            checked = check(tree, known, functions) if known is not None else None
        except AdqlError as error:
            status = 2
            found.append({"name": name, "error": error.describe()})
            if not as_json:
                show_error(error, name)
            continue
        about = {"name": name, **_explained(tree, checked)}
        found.append(about)
        if not as_json:
            _show(about, show_tree=show_tree)
    if as_json:
        print(json.dumps(found, indent=1))
    if status:
        raise typer.Exit(status)


def _explained(tree: Query, checked: CheckedQuery | None) -> dict[str, Any]:
    from vobroker.adql import to_text
    from vobroker.adql.explain import outline
    from vobroker.adql.features import features

    about: dict[str, Any] = {
        "canonical": to_text(tree),
        "features": sorted(features(tree)),
        "tree": [asdict(line) for line in outline(tree, checked)],
    }
    if checked is not None:
        about["columns"] = [
            {"name": c.name, "type": c.type, "unit": c.unit, "ucd": c.ucd, "description": c.description}
            for c in checked.columns
        ]
        about["used"] = {table: sorted(columns) for table, columns in sorted(checked.used.items())}
        about["engines"] = _engines(checked)
    return about


def _engines(checked: CheckedQuery) -> dict[str, str]:
    """Say for each engine why it cannot run the query; nothing where it can."""
    from vobroker.adql import ENGINES, AdqlError, translate

    reasons = {}
    for engine in ENGINES:
        try:
            translate(checked, engine)
            reasons[engine] = ""
        except AdqlError as error:
            reasons[engine] = error.message
    return reasons


def _show(about: dict[str, Any], *, show_tree: bool) -> None:
    from rich.table import Table

    out.rule(about["name"])
    out.print(about["canonical"], markup=False, highlight=False)
    out.print(f"\nuses: {', '.join(about['features'])}", markup=False, highlight=False)
    if "columns" in about:
        for table, columns in about["used"].items():
            out.print(f"reads {table}: {', '.join(columns)}", markup=False, highlight=False)
        grid = Table("column", "type", "unit", "UCD", "description", title="result", title_justify="left")
        for column in about["columns"]:
            grid.add_row(*(column[key] for key in ("name", "type", "unit", "ucd", "description")))
        out.print(grid)
        for engine, reason in about["engines"].items():
            out.print(f"{engine}: {reason or 'can run it'}", markup=False, highlight=False)
    if show_tree:
        out.print()
        for line in about["tree"]:
            role = f"{line['role']}: " if line["role"] else ""
            kind = " ".join(part for part in (line["type"], line["unit"], line["ucd"]) if part)
            kind = f"  [{kind}]" if kind else ""
            text = f"{'  ' * line['depth']}{role}{line['kind']}  {line['text']}{kind}"
            out.print(text, markup=False, highlight=False, soft_wrap=True)
