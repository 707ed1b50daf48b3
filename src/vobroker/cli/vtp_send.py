"""``vobroker vtp send`` and ``vobroker vtp publish``: packets to a broker."""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from vobroker.cli.common import DEFAULT_ARCHIVE, ArchiveOption, err, fail, files_of, out, progress, warn
from vobroker.cli.received import LARGEST, found_packets

if TYPE_CHECKING:
    from vobroker.voevent.vtp.author import Author
    from vobroker.voevent.vtp.dial import Place

AUTHORS_PORT = 8098
SUBSCRIBERS_PORT = 8099

ToOption = Annotated[
    str,
    typer.Option("--to", metavar="HOST[:PORT]", help=f"The broker, at port {AUTHORS_PORT} unless said."),
]
IvornOption = Annotated[
    str, typer.Option(metavar="IVORN", help="What to call oneself, such as ivo://org.example/telescope.")
]
TokenOption = Annotated[
    str | None,
    typer.Option(
        "--token",
        envvar="VOBROKER_VTP_TOKEN",
        help="Proved to a broker that asks who it is; it does not travel.",
    ),
]
TlsOption = Annotated[bool, typer.Option("--tls", help="Encrypt the connection, and check who answers.")]
CaOption = Annotated[
    Path | None, typer.Option("--ca", metavar="FILE", help="Certificate to trust, with --tls.")
]


def send(
    files: Annotated[list[Path], typer.Argument(help="Packets, or folders with *.xml.", metavar="FILE")],
    to: ToOption,
    ivorn: IvornOption = "",
    token: TokenOption = None,
    tls: TlsOption = False,
    ca: CaOption = None,
    timeout: Annotated[float, typer.Option(help="Seconds for an answer.", min=0.1)] = 20.0,
    patience: Annotated[
        float, typer.Option(help="Seconds for which a broker that cannot be reached is tried again.", min=0)
    ] = 60.0,
) -> None:
    """Submit packets to a broker, and say which of them it takes."""
    from vobroker.voevent.vtp.author import ANONYMOUS, Author
    from vobroker.voevent.vtp.errors import VTPError

    broker = place_of(to, AUTHORS_PORT)
    paths = list(found_packets(files))
    author = Author(
        broker,
        ivorn=ivorn or ANONYMOUS,
        token=token,
        tls=context(tls, ca),
        seconds=timeout,
        patience=patience,
    )
    counts: Counter[str] = Counter()
    try:
        asyncio.run(_submit(author, paths, counts))
    except VTPError as error:
        fail(f"{error}; {counts['taken']} of {len(paths)} packets are known to be there")
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    out.print(
        f"{counts.total()} sent = {counts['taken']} taken + {counts['refused']} refused", highlight=False
    )
    if counts["refused"]:
        raise typer.Exit(1)


async def _submit(author: Author, paths: Sequence[Path], counts: Counter[str]) -> None:
    with progress() as bar:
        task = bar.add_task("sending", total=len(paths), note="")
        async with aclosing(author.submit_all(_read(paths))) as receipts:
            async for receipt in receipts:
                counts["taken" if receipt.taken else "refused"] += 1
                path = paths[receipt.number]
                if not receipt.taken:
                    warn(f"{path} was not taken: {receipt.remark}")
                elif receipt.remark:
                    err.print(f"{path}: {receipt.remark}", highlight=False, markup=False, soft_wrap=True)
                bar.update(task, completed=counts.total())


def _read(paths: Sequence[Path]) -> Iterator[bytes]:
    for path in paths:
        try:
            with path.open("rb") as opened:
                content = opened.read(LARGEST + 1)
        except OSError as error:
            fail(f"cannot read {path}: {error.strerror or error}", 2)
        yield content


def publish(
    to: ToOption,
    archive: ArchiveOption = DEFAULT_ARCHIVE,
    stream: Annotated[str | None, typer.Option(help="Only events of this filter.")] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on with events as they appear.")] = False,
    ivorn: IvornOption = "",
    token: TokenOption = None,
    tls: TlsOption = False,
    ca: CaOption = None,
) -> None:
    """Submit what passed the filters of an archive to a broker, those events that it does not have yet.

    How far they are is remembered beside the archive.
    """
    import signal

    from vobroker.archive import ArchiveError, access
    from vobroker.publish.folder import embedding
    from vobroker.publish.vtp import VTPOutbox
    from vobroker.voevent.vtp.author import ANONYMOUS
    from vobroker.voevent.vtp.backoff import Backoff

    broker, stop = place_of(to, AUTHORS_PORT), Event()
    folder = files_of(archive) / "voevents"
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    turns, sent, backoff = access(archive), 0, Backoff()
    try:
        outbox = VTPOutbox(
            broker,
            files_of(archive),
            stream=stream,
            embed=embedding(folder),
            ivorn=ivorn or ANONYMOUS,
            token=token,
            tls=context(tls, ca),
            say=warn,
        )
        while not stop.is_set():
            try:
                sent += outbox.deliver(turns)
            except ArchiveError as error:
                if not follow:
                    raise
                warn(f"{error}; trying again")
                stop.wait(backoff.delay())
                continue
            if not follow:
                break
            backoff.reset()
            turns.rest()
            stop.wait(1.0)
    except ArchiveError as error:
        fail(str(error))
    finally:
        turns.close()
    out.print(f"{sent} events submitted to {broker}, {outbox.refused} refused", highlight=False)


def place_of(text: str, port: int) -> Place:
    """Read a place, or leave."""
    from vobroker.voevent.vtp.dial import place
    from vobroker.voevent.vtp.errors import VTPError

    try:
        return place(text, port)
    except VTPError as error:
        fail(str(error), 2)


def context(tls: bool, ca: Path | None) -> ssl.SSLContext | None:
    """Give whom to trust, or leave."""
    if not tls:
        return None
    try:
        return ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        fail(f"cannot use the certificate {ca}: {error}", 2)
