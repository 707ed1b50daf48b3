"""``vobroker vtp subscribe``: packets from a broker."""

from __future__ import annotations

import asyncio
import shlex
import signal
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from vobroker.cli.common import DEFAULT_ARCHIVE, err, fail, files_of, out, shown, warn
from vobroker.cli.vtp_send import (
    SUBSCRIBERS_PORT,
    CaOption,
    IvornOption,
    TlsOption,
    TokenOption,
    context,
    place_of,
)

if TYPE_CHECKING:
    from vobroker.voevent.vtp.journal import Entry
    from vobroker.voevent.vtp.subscriber import Subscriber

_PRINTED = "printed"
_COMMAND_SECONDS = 60.0
_NAME_BYTES = 200


def subscribe(
    broker: Annotated[
        str, typer.Argument(metavar="HOST[:PORT]", help=f"Its port is {SUBSCRIBERS_PORT} unless said.")
    ],
    archive: Annotated[
        str | None,
        typer.Option("--archive", "-a", metavar="PLACE", help="Archive the events, for ADQL and the pages."),
    ] = None,
    save: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write each packet to a file of its own.")
    ] = None,
    exec_: Annotated[
        str | None,
        typer.Option(
            "--exec", metavar="COMMAND", help="Run a command with each packet on its standard input."
        ),
    ] = None,
    xpath: Annotated[
        list[str] | None,
        typer.Option(help="Ask for events for which an XPath expression is true; may be given again."),
    ] = None,
    adql: Annotated[
        list[str] | None,
        typer.Option(help="Ask for events by a condition in ADQL, where the broker knows it."),
    ] = None,
    since: Annotated[
        str,
        typer.Option(help="Where to begin at first: a time (UTC), an event's ivorn, or 'beginning'."),
    ] = "",
    count: Annotated[int | None, typer.Option(help="End after so many packets.", min=1)] = None,
    state: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="What came, and how far it was dealt with; beside the archive."),
    ] = None,
    keep_days: Annotated[
        float, typer.Option(help="Days for which what came is kept there, and known.", min=0.001)
    ] = 30.0,
    keep_bytes: Annotated[
        int | None, typer.Option(help="Size above which the oldest go earlier.", min=2**20)
    ] = None,
    ivorn: IvornOption = "",
    token: TokenOption = None,
    tls: TlsOption = False,
    ca: CaOption = None,
) -> None:
    """Receive the events of a broker until interrupted.

    After an interruption on either side it goes on where it was: what came before does not come again, and a
    broker that can is asked for what was missed.
    """
    from vobroker.voevent.vtp.author import ANONYMOUS
    from vobroker.voevent.vtp.errors import VTPError
    from vobroker.voevent.vtp.journal import Journal
    from vobroker.voevent.vtp.messages import XPATH
    from vobroker.voevent.vtp.subscriber import Subscriber

    where = place_of(broker, SUBSCRIBERS_PORT)
    folder = state or files_of(archive or DEFAULT_ARCHIVE) / "vtp" / f"{where.host}-{where.port}".replace(
        ":", "_"
    )
    filters = [*((XPATH, text) for text in xpath or ()), *(("adql-filter", text) for text in adql or ())]
    counts: Counter[str] = Counter()

    async def run() -> None:
        subscriber = Subscriber(
            where,
            journal,
            ivorn=ivorn or ANONYMOUS,
            filters=filters,
            token=token,
            since=since,
            tls=context(tls, ca),
            say=warn,
        )
        work: list[Coroutine[Any, Any, object]] = []
        if archive is not None:
            work.append(_archive(subscriber, archive, counts, count))
        if archive is None or save is not None or exec_ is not None:
            work.append(_each(subscriber, save, exec_, counts, count))
        tasks = [asyncio.ensure_future(each) for each in work]
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, lambda: [task.cancel() for task in tasks])
        async with subscriber:
            try:
                await asyncio.gather(*tasks)
            except asyncio.CancelledError:
                pass
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        told = subscriber.state()
        err.print(
            f"{told.received} received = {told.new} new + {told.known} known"
            f" + {told.other} with other content + {told.unusable} unusable,"
            f" over {told.connections} connections",
            highlight=False,
        )

    try:
        with Journal(folder, keep_days=keep_days, max_bytes=keep_bytes) as journal:
            asyncio.run(run())
    except VTPError as error:
        fail(str(error))
    if archive is not None:
        out.print(
            f"{sum(counts[fate] for fate in ('archived', 'duplicate', 'dead'))} received"
            f" = {counts['archived']} archived + {counts['duplicate']} duplicates"
            f" + {counts['dead']} dead letters",
            highlight=False,
        )
        if counts["dead"]:
            warn(f"{counts['dead']} dead letters: vobroker deadletter list --archive {shown(archive)}")


async def _archive(subscriber: Subscriber, archive: str, counts: Counter[str], most: int | None) -> None:
    from vobroker.archive import access
    from vobroker.sources.vtp import carry

    turns = access(archive)

    def show(so_far: Mapping[str, int]) -> None:
        counts.update({name: so_far[name] - counts[name] for name in so_far})
        status.update(f"{sum(so_far.values())} received, {so_far['archived']} archived")

    try:
        with err.status("waiting for events", spinner="dots") as status:
            await carry(subscriber, turns, after_batch=show, say=warn, most=most)
    finally:
        turns.close()


async def _each(
    subscriber: Subscriber, save: Path | None, command: str | None, counts: Counter[str], most: int | None
) -> None:
    """Print, save and hand on packets; each batch is noted when it was dealt with."""
    from vobroker.voevent.vtp.subscriber import is_event

    after, _ = subscriber.journal.place(_PRINTED)
    write: Callable[[Entry], Path | None] = _writer(save)
    async with aclosing(subscriber.batches(after, most=100)) as batches:
        async for entries in batches:
            for entry in entries:
                file = await asyncio.to_thread(write, entry)
                when = datetime.fromtimestamp(entry.received, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
                name = entry.ivorn if is_event(entry) else f"no event ({entry.ivorn[:20]}…)"
                out.print(f"{when} {file or name}", highlight=False, markup=False, soft_wrap=True)
                if command is not None and is_event(entry):
                    await _run(command, entry)
                counts["seen"] += 1
                await subscriber.done(entry.sequence, _PRINTED)
                if most is not None and counts["seen"] >= most:
                    return


def _writer(folder: Path | None) -> Callable[[Entry], Path | None]:
    """Give what writes packets into a folder, each whole or not at all."""

    def write(entry: Entry) -> Path | None:
        if folder is None:
            return None
        name = quote(
            entry.ivorn.removeprefix("ivo://").removeprefix("sha256:").partition(" ")[0], safe="@+=,"
        )
        file = folder / f"{name[:_NAME_BYTES]}{f'~{entry.sequence}' if len(name) > _NAME_BYTES else ''}.xml"
        part = folder / f".{entry.sequence}.part"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            part.write_bytes(entry.content)
            part.replace(file)
        except OSError as error:
            fail(f"cannot write {file}: {error.strerror or error}")
        return file

    return write


async def _run(command: str, entry: Entry) -> None:
    """Run a command with the packet on its standard input; it has a minute."""
    try:
        process = await asyncio.create_subprocess_exec(*shlex.split(command), stdin=asyncio.subprocess.PIPE)
    except (OSError, ValueError) as error:
        fail(f"cannot run {command!r}: {getattr(error, 'strerror', None) or error}", 2)
    try:
        async with asyncio.timeout(_COMMAND_SECONDS):
            await process.communicate(entry.content)
    except TimeoutError:
        warn(f"{command} took longer than {_COMMAND_SECONDS:g} seconds with {entry.ivorn}, and was ended")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode and process.returncode > 0:
        warn(f"{command} ended with {process.returncode} on {entry.ivorn}")
