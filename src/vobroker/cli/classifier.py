"""``vobroker classifier``: models that judge alerts."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vobroker.cli.catalogue import match_kind, place_of, remove_kind, store_of
from vobroker.cli.common import DEFAULT_ARCHIVE, ArchiveOption, fail, out, progress
from vobroker.cli.ledger import JsonOption

if TYPE_CHECKING:
    from vobroker.enrich.classifiers.classifier import Info

KIND = "classifier"
Name = Annotated[str, typer.Argument(help="Name of the classifier.")]


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(help="Models in ONNX that judge alerts.", no_args_is_help=True)
    group.command("add", help="Take a model and what it declares out of a folder.")(add)
    group.command("list", help="List the classifiers.")(list_)
    group.command("show", help="Show a classifier, what it is told and what it says.")(show)
    group.command("match", help="Judge the alerts of the archive, anew.")(match)
    group.command("remove", help="Remove a classifier; what the archive has of it stays.")(remove)
    app.add_typer(group, name=KIND)


def add(
    folder: Annotated[Path, typer.Argument(help="Folder with model.onnx and classifier.toml.")],
    *,
    name: Annotated[
        str, typer.Option("--name", "-n", help="Its name.", show_default="the one in classifier.toml")
    ] = "",
    archive: ArchiveOption = DEFAULT_ARCHIVE,
) -> None:
    """Make a classifier; alerts are judged from the next batch on, filters name it after the next start."""
    from vobroker.cli.ingest import enrichment_of
    from vobroker.enrich import EnrichError
    from vobroker.enrich.classifiers import classifier

    tables = enrichment_of(archive).tables
    try:
        with progress() as bar:
            bar.add_task("checking the model", total=None, note="")
            info = classifier.add(store_of(archive), folder, tables, name=name)
    except EnrichError as error:
        fail(str(error))
    said = info.declaration
    out.print(
        f"{info.name}, version {said.version}, judges by {len(said.features)} columns; filters and queries"
        f" call what it says {info.table}",
        highlight=False,
        soft_wrap=True,
    )


def list_(archive: ArchiveOption = DEFAULT_ARCHIVE, as_json: JsonOption = False) -> None:
    """List the classifiers."""
    from rich.markup import escape
    from rich.table import Table

    from vobroker.enrich import EnrichError
    from vobroker.enrich.catalogue import kind_of
    from vobroker.enrich.classifiers.classifier import read
    from vobroker.enrich.store import names

    store = store_of(archive)
    try:
        found = [read(store / name) for name in names(store) if kind_of(store / name) == KIND]
    except EnrichError as error:
        fail(str(error))
    if as_json:
        print(json.dumps([_summary(info) for info in found], indent=1))
        return
    table = Table("name", "table", "version", "columns", "from", "added")
    for info in found:
        said = info.declaration
        columns = ", ".join(output.column for output in said.outputs)
        row = (info.name, info.table, escape(said.version), columns, escape(info.source), info.added[:16])
        table.add_row(*row)
    out.print(table)


def show(name: Name, archive: ArchiveOption = DEFAULT_ARCHIVE, as_json: JsonOption = False) -> None:
    """Show a classifier: what the model is told of an alert, its limits, and its table."""
    from vobroker.cli.query import list_tables
    from vobroker.enrich import EnrichError
    from vobroker.enrich.classifiers.classifier import Classifier

    try:
        found = Classifier(place_of(KIND, name, archive))
    except EnrichError as error:
        fail(str(error))
    info, said = found.info, found.info.declaration
    if as_json:
        told = {"inputs": [asdict(one) for one in said.inputs], "limits": asdict(said.limits)}
        print(
            json.dumps(
                _summary(info) | told | {"columns": [asdict(c) for c in found.table.columns]}, indent=1
            )
        )
        return
    limits = said.limits
    lines = [
        info.description,
        f"version {said.version}, from {info.source}, {info.added}",
        f"{info.size:,} bytes, SHA-256 {info.digest}",
        "operators " + ", ".join(f"{domain} {version}" for domain, version in sorted(info.opset.items())),
        f"alerts of {said.survey or 'every survey'}; {limits.seconds:g} s a batch, {limits.memory:,} MiB,"
        f" {limits.threads} thread{'s' * (limits.threads != 1)}",
    ]
    for line in lines:
        out.print(line, highlight=False, markup=False, soft_wrap=True)
    from rich.table import Table

    table = Table("input", "told", "where null")
    for one in said.inputs:
        for feature in one.features:
            told_ = f"{feature}" if feature.equals is None else f"{feature} = '{feature.equals}'"
            table.add_row(one.name, told_, "not judged" if feature.null is None else f"{feature.null:g}")
    out.print(table)
    list_tables({found.table.name: found.table})


def match(name: Name, archive: ArchiveOption = DEFAULT_ARCHIVE) -> None:
    """Judge all alerts of the archive by what is stored of them; what was stored by it before is replaced."""
    match_kind(KIND, name, archive)


def remove(name: Name, archive: ArchiveOption = DEFAULT_ARCHIVE) -> None:
    """Remove a classifier."""
    remove_kind(KIND, name, archive)


def _summary(info: Info) -> dict[str, Any]:
    said = info.declaration
    return {
        "name": info.name,
        "table": info.table,
        "description": info.description,
        "version": said.version,
        "survey": said.survey or None,
        "source": info.source,
        "added": info.added,
        "size": info.size,
        "digest": info.digest,
        "opset": info.opset,
    }
