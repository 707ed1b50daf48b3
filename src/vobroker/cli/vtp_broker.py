"""``vobroker vtp broker``: take events from authors, and send them to subscribers."""

from __future__ import annotations

import asyncio
import shlex
import signal
import ssl
import subprocess
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vobroker.cli.common import fail, out, warn
from vobroker.cli.token import read_allowed
from vobroker.cli.vtp_send import AUTHORS_PORT, SUBSCRIBERS_PORT, place_of

if TYPE_CHECKING:
    from vobroker.voevent.vtp import Broker, Journal
    from vobroker.voevent.vtp.broker import BrokerState
    from vobroker.voevent.vtp.connection import Listener
    from vobroker.voevent.vtp.subscriber import Subscriber

STATE = "state.json"
"""File in the journal's folder with the counts."""

_VERIFY_SECONDS = 10.0
_NAMED = 3  # subscribers that are behind, in a line of counts


def broker(
    journal: Annotated[
        Path, typer.Option(metavar="DIR", help="Where events are kept; nothing is told before it is there.")
    ] = Path("vobroker-vtp"),
    ivorn: Annotated[
        str,
        typer.Option(metavar="IVORN", help="What the broker is called, such as ivo://org.example/broker."),
    ] = "ivo://org.example.vobroker/broker",
    authors: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Where to listen for authors; 'none' for nowhere.")
    ] = f"0.0.0.0:{AUTHORS_PORT}",
    subscribers: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Where to listen for subscribers; 'none' for nowhere.")
    ] = f"0.0.0.0:{SUBSCRIBERS_PORT}",
    allow_author: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NETWORK",
            help="Network that authors may connect from, such as 192.0.2.0/24; may be given again. This"
            " machine alone when not given.",
        ),
    ] = None,
    allow_subscriber: Annotated[
        list[str] | None,
        typer.Option(metavar="NETWORK", help="The same for subscribers. Everywhere when not given."),
    ] = None,
    author_tokens: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Take events only from who proves a token of `vobroker token add`."
        ),
    ] = None,
    subscriber_tokens: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Send events only to who proves one.")
    ] = None,
    verify: Annotated[
        str | None,
        typer.Option(
            metavar="COMMAND",
            help="Run with each packet on its standard input; the packet is taken if it ends with 0. What it"
            " says last on standard error is what the author is told.",
        ),
    ] = None,
    lenient: Annotated[
        bool, typer.Option("--lenient", help="Take events that are not valid, if they have an identifier.")
    ] = False,
    relay: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST[:PORT]", help="Pass on the events of another broker; may be given again."),
    ] = None,
    archive: Annotated[
        str | None,
        typer.Option("--archive", "-a", metavar="PLACE", help="Archive the events, for ADQL and the pages."),
    ] = None,
    keep_days: Annotated[
        float, typer.Option(help="Days for which events can be had again and are known.", min=0.001)
    ] = 30.0,
    keep_bytes: Annotated[
        int | None, typer.Option(help="Size of the journal above which the oldest go earlier.", min=2**20)
    ] = None,
    rate: Annotated[
        float, typer.Option(help="Events a second from one address; others wait. 0 for no limit.", min=0)
    ] = 0,
    event_bytes: Annotated[int, typer.Option(help="Longest event.", min=1000, max=2**21)] = 2**21,
    peers: Annotated[
        int, typer.Option(help="Connections at a time, of authors and of subscribers each.", min=1)
    ] = 500,
    ack_seconds: Annotated[
        float, typer.Option(help="Time for a subscriber to answer an event; then it is let go.", min=0.1)
    ] = 60.0,
    alive_seconds: Annotated[
        float, typer.Option(help="Interval of iamalive; who misses two is let go.", min=0.1)
    ] = 60.0,
    certificate: Annotated[
        Path | None, typer.Option("--certificate", metavar="FILE", help="Encrypt; PEM with the chain.")
    ] = None,
    key: Annotated[Path | None, typer.Option(metavar="FILE", help="Key of the certificate.")] = None,
    report: Annotated[float, typer.Option(help="Seconds between two lines of counts.", min=0.1)] = 60.0,
) -> None:
    """Take events from authors and send them to subscribers, until interrupted.

    Each new event is on disk before its author is told; who was away gets what it missed when it comes back.
    """
    from vobroker.archive import ArchiveError
    from vobroker.voevent.vtp import Broker, Journal, Limits, VTPError
    from vobroker.voevent.vtp.subscriber import Subscriber

    listening = _listening(authors), _listening(subscribers)
    if listening == (None, None):
        fail("a broker that listens nowhere is none", 2)
    others = [place_of(text, SUBSCRIBERS_PORT) for text in relay or ()]
    tls = _certificate(certificate, key)
    allowed: dict[str, Sequence[str]] = {}
    if allow_author:
        allowed["authors"] = allow_author
    if allow_subscriber:
        allowed["subscribers"] = allow_subscriber

    async def run(own: Journal, theirs: Sequence[Journal]) -> None:
        made = Broker(
            ivorn,
            own,
            Limits(
                event_bytes=event_bytes,
                authors=peers,
                subscribers=peers,
                rate=rate,
                ack_seconds=ack_seconds,
                alive_seconds=alive_seconds,
            ),
            strict=not lenient,
            filters=_filters(),
            tokens_of_authors=_tokens(author_tokens),
            tokens_of_subscribers=_tokens(subscriber_tokens),
            verify=None if verify is None else _verifier(verify),
            **allowed,
        )
        async with made:
            ports = await made.listen(*listening, tls)
            _say_where("authors", listening[0], ports[0], made.receiver)
            _say_where("subscribers", listening[1], ports[1], made.broadcaster)
            begun = [Subscriber(*each, ivorn=ivorn, say=warn) for each in zip(others, theirs, strict=True)]
            await _serve(made, begun, archive, report)

    try:
        with ExitStack() as stack:
            own = stack.enter_context(Journal(journal, keep_days=keep_days, max_bytes=keep_bytes))
            theirs = [
                stack.enter_context(
                    Journal(journal / "relayed" / f"{one.host}-{one.port}", keep_days=keep_days)
                )
                for one in others
            ]
            asyncio.run(run(own, theirs))
    except VTPError as error:
        fail(str(error), 2)
    except ArchiveError as error:
        fail(str(error))


async def _serve(
    broker: Broker, subscriptions: Sequence[Subscriber], archive: str | None, report: float
) -> None:
    """Serve until a signal comes; then deal with what came, and go."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    archived: Counter[str] = Counter()
    async with AsyncExitStack() as stack:
        for one in subscriptions:
            await stack.enter_async_context(one)
        work = [asyncio.create_task(_relay(one, broker)) for one in subscriptions]
        carrying = asyncio.create_task(_archive(broker, archive, archived)) if archive is not None else None
        if carrying:
            carrying.add_done_callback(lambda _: stop.set())  # it has failed, and the broker ends as well
        while not stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), report)
            if not stop.is_set():
                _report(broker, archived if carrying else None)
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        await broker.stop()
        if carrying:
            await carrying
        _report(broker, archived if carrying else None)


async def _relay(subscriber: Subscriber, broker: Broker) -> None:
    from vobroker.voevent.vtp.errors import VTPError
    from vobroker.voevent.vtp.relay import relay

    try:
        await relay(subscriber, broker)
    except VTPError as error:
        warn(f"{error}; its events are not passed on any more")


async def _archive(broker: Broker, archive: str, counts: Counter[str]) -> None:
    from vobroker.archive import access
    from vobroker.sources.vtp import carry

    turns = access(archive)

    def show(so_far: Mapping[str, int]) -> None:
        counts.update({name: number - counts[name] for name, number in so_far.items()})

    try:
        await carry(broker, turns, after_batch=show, say=warn)
    finally:
        turns.close()


def _say_where(what: str, listening: tuple[str, int] | None, port: int, listener: Listener[Any]) -> None:
    if listening is not None:
        who = ", ".join(listener.allowed) + (" with a token" if listener.tokens else "")
        out.print(f"{what}: {listening[0]}:{port}, from {who}", highlight=False, markup=False, soft_wrap=True)


def _report(broker: Broker, archived: Mapping[str, int] | None) -> None:
    """Print what was taken and sent, and write it beside the journal."""
    from vobroker.voevent.vtp.broker import write_state

    state = broker.state()
    write_state(state, broker.journal.folder / STATE)
    when = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    out.print(f"{when} {line_of(state, archived)}", highlight=False, markup=False, soft_wrap=True)


def line_of(state: BrokerState, archived: Mapping[str, int] | None = None) -> str:
    """Write counts in a line."""
    said = (
        f"{state.received} received = {state.taken} taken + {state.known} known"
        f" + {state.other} with other content + {state.refused} refused + {state.failed} failed"
    )
    if state.relayed:
        said += f"; relayed: {', '.join(f'{number} {name}' for name, number in state.relayed.items())}"
    sent = state.of_subscribers
    said += (
        f"; {sent.get('sent', 0)} sent to {len(state.subscribers)} subscribers,"
        f" {sent.get('answered', 0)} answered, {sent.get('too slow', 0)} subscribers were too slow"
    )
    behind = sorted((one for one in state.subscribers if one.backlog), key=lambda one: -one.backlog)
    if behind:
        named = ", ".join(f"{one.name or one.peer} by {one.backlog}" for one in behind[:_NAMED])
        said += f"; {len(behind)} behind: {named}{', ...' if len(behind) > _NAMED else ''}"
    if archived is not None:
        fates = ", ".join(f"{number} {name}" for name, number in sorted(archived.items())) or "nothing yet"
        said += f"; archive: {fates}"
    return said


def _listening(text: str) -> tuple[str, int] | None:
    """Read where to listen; port 0 is any that is free."""
    if text == "none":
        return None
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) >= 2**16:
        fail(f"{text!r} is no place to listen at such as 0.0.0.0:{AUTHORS_PORT}", 2)
    return host.strip("[]"), int(port)


def _certificate(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if certificate is None:
        return None
    try:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        fail(f"cannot use the certificate {certificate}: {error}", 2)
    return context


def _tokens(file: Path | None) -> Mapping[str, str]:
    """Give names by the fingerprints of their tokens, as the file has them at each moment."""
    from vobroker.tokens import Holders

    if file is None:
        return {}
    if not file.is_file():
        fail(f"there is no file of tokens {file}; `vobroker token add` makes it", 2)
    known = Holders(read_allowed(None, file).tokens, "vtp")
    if not len(known):
        fail(f"no token is in {file}, so nobody could prove one", 2)
    return known


def _filters() -> dict[str, Any]:
    from vobroker.filters.voevents import ADQL, ADQLJudge

    return {ADQL: ADQLJudge()}


def _verifier(command: str) -> Callable[[bytes], None]:
    """Give what asks a command whether a packet is signed by who may."""
    from vobroker.voevent.vtp.errors import Refused

    try:
        words = shlex.split(command)
    except ValueError as error:
        fail(f"cannot read the command {command!r}: {error}", 2)

    def verify(packet: bytes) -> None:
        try:
            done = subprocess.run(  # noqa: S603
                words, input=packet, capture_output=True, timeout=_VERIFY_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            warn(f"cannot verify with {command!r}: {error}")
            raise Refused("the signature cannot be verified at the moment; try again later") from error
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise Refused(f"the signature is not accepted: {said[-1] if said else 'no reason given'}")

    return verify
