"""``vobroker gateway``: the streams of an archive for the world, in a process of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vobroker.cli.common import DEFAULT_ARCHIVE, ArchiveOption, fail, out
from vobroker.cli.ingest import enrichment_of, running_filters
from vobroker.cli.logs import LogOption, begin
from vobroker.cli.serving import listen, serve_app, shown
from vobroker.cli.token import RolesOption, TokensOption, read_allowed

DEFAULT_PORT = 8088


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(help="Serve the streams of an archive, and nothing else of the broker.")(gateway)


def gateway(
    archive: ArchiveOption = DEFAULT_ARCHIVE,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)] = DEFAULT_PORT,
    filters: Annotated[
        Path | None,
        typer.Option(help="Folder of .adql filters, or one file; the starter filters when not given."),
    ] = None,
    roles: RolesOption = None,
    tokens: TokensOption = None,
    audit: Annotated[Path | None, typer.Option(help="File for one line of JSON a request.")] = None,
    requests: Annotated[
        float,
        typer.Option(help="Requests that an address may make a minute; a tenth of them at once.", min=1),
    ] = 3000,
    address: Annotated[
        str, typer.Option(help="Public address, when it is not that of each request: behind a proxy.")
    ] = "",
    title: Annotated[str, typer.Option(help="Name of the site.")] = "vobroker",
    log: LogOption = None,
) -> None:
    """Serve until interrupted; listeners are told to come back, and go on from their cursors."""
    from vobroker.archive import ArchiveError, open_archive
    from vobroker.gateway import CursorError, create_app, create_streams

    begin(log)
    allowed = read_allowed(roles, tokens)
    chosen = running_filters(filters, archive, enrichment_of(archive), allowed.limits)
    with listen(host, port) as listener:
        here = f"http://{shown(host)}:{listener.getsockname()[1]}/streams/"
        try:
            with open_archive(archive, read_only=True) as store:
                streams = create_streams(
                    store,
                    allowed,
                    filters=chosen,
                    title=title,
                    audit=audit,
                    requests_a_minute=requests,
                    address=address,
                )
                out.print(f"[bold]{title}[/] streams at {here}   Ctrl-C ends it", highlight=False)
                serve_app(create_app(streams), listener)
        except (ArchiveError, CursorError) as error:
            fail(str(error))
        except OSError as error:
            fail(f"{error.filename}: {error.strerror}")
