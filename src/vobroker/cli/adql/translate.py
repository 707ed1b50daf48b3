"""``vobroker adql translate``: a query in the SQL of an engine."""

from __future__ import annotations

import json
from typing import Annotated

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
from vobroker.cli.common import fail


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(help="Write queries in the SQL of an engine.")(translate)


def translate(
    files: Files = None,
    query: Text = None,
    to: Annotated[str, typer.Option("--to", metavar="ENGINE", help="Engine; 'list' names all.")] = "duckdb",
    tables: Tables = None,
    archive: Archive = None,
    adql: Version = "2.1",
    accept: Extensions = None,
    udf: Functions = None,
    as_json: Json = False,
) -> None:
    """Translate queries; values of the query are parameters, listed after the SQL."""
    from vobroker.adql import ENGINES, AdqlError, check
    from vobroker.adql import translate as to_sql

    if to == "list":
        print("\n".join(ENGINES))
        return
    if to not in ENGINES:
        fail(f"there is no engine {to}; known: {', '.join(ENGINES)}", 2)
    known, functions = catalogue(tables, archive), declared(udf)
    if known is None:
        fail("the SQL depends on the types of columns: give --tables or --archive", 2)
    found = []
    status = 0
    for name, text in queries(files, query):
        try:
            translation = to_sql(check(parsed(text, adql, accept), known, functions), to)
        except AdqlError as error:
            status = 2
            found.append({"name": name, "engine": to, "error": error.describe()})
            if not as_json:
                show_error(error, name)
            continue
        found.append(
            {"name": name, "engine": to, "sql": translation.sql, "parameters": translation.parameters}
        )
        if not as_json:
            print(f"{translation.sql};")
            for number, value in enumerate(translation.parameters, 1):
                print(f"-- parameter {number}: {value!r}")
    if as_json:
        print(json.dumps(found, indent=1))
    if status:
        raise typer.Exit(status)
