"""``vobroker adql check``: say whether queries are good, and what is wrong with those that are not."""

from __future__ import annotations

import json
from typing import Any

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


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(help="Say whether queries are good; the exit status is 2 where one is not.")(check)


def check(
    files: Files = None,
    query: Text = None,
    tables: Tables = None,
    archive: Archive = None,
    adql: Version = "2.1",
    accept: Extensions = None,
    udf: Functions = None,
    as_json: Json = False,
) -> None:
    """Check the syntax, and names, types and units too where tables are given."""
    from vobroker.adql import AdqlError
    from vobroker.adql import check as check_names
    from vobroker.adql.features import features

    known, functions = catalogue(tables, archive), declared(udf)
    found: list[dict[str, Any]] = []
    wrong = 0
    for name, text in queries(files, query):
        try:
            tree = parsed(text, adql, accept)
            checked = check_names(tree, known, functions) if known is not None else None
        except AdqlError as error:
            wrong += 1
            found.append({"name": name, "valid": False, "error": error.describe()})
            if not as_json:
                show_error(error, name)
            continue
        columns = (
            [{"name": c.name, "type": c.type, "unit": c.unit, "ucd": c.ucd} for c in checked.columns]
            if checked
            else None
        )
        found.append({"name": name, "valid": True, "features": sorted(features(tree)), "columns": columns})
        if not as_json:
            about = f"good; {len(checked.columns)} columns" if checked else "good; names were not checked"
            out.print(f"{name}: {about}", markup=False, highlight=False)
    if as_json:
        print(json.dumps(found, indent=1))
    if wrong:
        raise typer.Exit(2)
