"""The outbox to a VTP broker: what passed a filter is submitted there, as an author does.

The archive knows the events; a file says how far they have been answered. Killed anywhere, the next process
submits some of them a second time; a broker knows them by their identifiers, and passes none on twice.
"""

from __future__ import annotations

import asyncio
import fcntl
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Self

from vobroker.archive import Access, Archive, ArchiveError, Held
from vobroker.publish.folder import PublishError, read_position, write_whole
from vobroker.publish.render import Packet, packets
from vobroker.voevent.vtp.author import ANONYMOUS, Author, Receipt
from vobroker.voevent.vtp.backoff import Backoff
from vobroker.voevent.vtp.dial import Place
from vobroker.voevent.vtp.errors import VTPError

REFUSED = "refused"
"""End of the name of the file with the events that the broker did not take, and its reasons."""

_BATCH = 200
_REST_SECONDS = 0.1
_SEEN = "previously seen"
_MOST_REFUSED = 2**20  # bytes of that file


class VTPOutbox:
    """Submits the events of one archive; call it with the archive whenever there may be new ones.

    Parameters
    ----------
    broker
        Where it takes events.
    folder
        Has the file that says how far they are.
    stream
        Only events of this filter.
    embed
        How events carry their light curve, see :func:`vobroker.publish.render.packets`.
    ivorn, token, tls, seconds, patience
        See :class:`vobroker.voevent.vtp.author.Author`.
    say
        Is told of events that the broker does not take.
    """

    def __init__(
        self,
        broker: Place,
        folder: Path,
        *,
        stream: str | None = None,
        embed: str | Mapping[str, str] = "none",
        ivorn: str = ANONYMOUS,
        token: str | None = None,
        tls: ssl.SSLContext | None = None,
        seconds: float = 10.0,
        patience: float = 0.0,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.broker = broker
        self.refused = 0
        self._stream = stream
        self._embed = embed
        self._author = Author(broker, ivorn=ivorn, token=token, tls=tls, seconds=seconds, patience=patience)
        self._say = say
        host = broker.host.replace(":", "_")
        self._file = folder / "-".join((".vtp", host, str(broker.port), *filter(None, [stream])))
        self._last: int | None = None

    def __call__(self, archive: Archive) -> int:
        """Submit what was not answered yet; give the number of events that the broker has now.

        What it does not take, with a reason that will not pass, is told and noted, and the others follow.

        Raises
        ------
        PublishError
            If it cannot be reached, or lets us go. Nothing is lost: the next call goes on from there.
        """
        return self.deliver(Held(archive))

    def deliver(self, turns: Access) -> int:
        """Do the same, with the archive only while events are taken from it: a slow broker delays nobody."""
        sent = 0
        try:
            while True:
                with self._alone(turns):
                    with turns.take() as archive:
                        batch = self._next(archive)
                    if not batch:
                        return sent
                    receipts = asyncio.run(self._submit(batch, turns))
                    refused = [receipt for receipt in receipts if not _there(receipt)]
                    sent += len(receipts) - len(refused)
                    self._note(refused, batch)
                    write_whole(self._file, f"{batch[-1].sequence} {batch[-1].ivorn}\n".encode())
        except VTPError as error:
            raise PublishError(f"{error}; {sent} events submitted, the others follow") from error
        except OSError as error:
            raise PublishError(f"cannot write {error.filename or self._file}: {error.strerror}") from error

    @contextmanager
    def _alone(self, turns: Access) -> Iterator[None]:
        """Let other processes with the same outbox wait; who waits keeps the archive from nobody."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.with_name(f"{self._file.name}.lock").open("w") as lock:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    turns.rest()
                    time.sleep(_REST_SECONDS)
            yield

    def _next(self, archive: Archive) -> list[Packet]:
        newest = archive.query("SELECT coalesce(max(sequence), 0) AS newest FROM event")[0][0].as_py()
        if newest == self._last:
            return []
        after = read_position(self._file, archive)
        found = packets(archive, after=after, stream=self._stream, batch=_BATCH, form=self._embed)
        batch = next(found, [])
        if not batch:
            self._last = newest
        return batch

    async def _submit(self, batch: list[Packet], turns: Access) -> list[Receipt]:
        async def rest() -> None:
            while True:
                await asyncio.to_thread(turns.rest)
                await asyncio.sleep(_REST_SECONDS)

        contents: Iterator[bytes] = (packet.content for packet in batch)
        resting = asyncio.get_running_loop().create_task(rest())
        try:
            async with aclosing(self._author.submit_all(contents)) as receipts:
                return [receipt async for receipt in receipts]
        finally:
            resting.cancel()
            await asyncio.gather(resting, return_exceptions=True)

    def _note(self, refused: list[Receipt], batch: list[Packet]) -> None:
        if not refused:
            return
        self.refused += len(refused)
        told = [(batch[one.number].ivorn, " ".join(one.remark.split())) for one in refused]
        more = f", and {len(told) - 1} others" if len(told) > 1 else ""
        self._say(f"{self.broker} does not take {told[0][0]}: {told[0][1]}{more}")
        file = self._file.with_name(f"{self._file.name}.{REFUSED}")
        if not file.exists() or file.stat().st_size < _MOST_REFUSED:
            with file.open("a", encoding="utf-8") as lines:
                lines.writelines(f"{ivorn}\t{reason}\n" for ivorn, reason in told)


class Courier:
    """Delivers an outbox in a thread of its own, while others fill the archive.

    Parameters
    ----------
    outbox
        What is delivered.
    turns
        Of this process at the archive.
    say
        Is told what goes wrong.
    """

    def __init__(self, outbox: VTPOutbox, turns: Access, say: Callable[[str], None]) -> None:
        self._outbox = outbox
        self._turns = turns
        self._say = say
        self._news, self._ending = Event(), Event()
        self._thread = Thread(target=self._run, name="vtp-courier")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._news.set()
        self._thread.join()

    def wake(self) -> None:
        """Say that there may be new events."""
        self._news.set()

    def _run(self) -> None:
        backoff, said = Backoff(1.0, 30.0), ""
        while True:
            ending = self._ending.is_set()
            self._news.clear()
            try:
                self._outbox.deliver(self._turns)
                backoff.reset()
                said = ""
            except ArchiveError as error:
                if str(error) != said or ending:
                    self._say(f"{error}{'' if ending else '; trying again'}")
                said = str(error)
                if not ending:
                    self._ending.wait(backoff.delay())
                    continue
            if ending:
                return
            self._turns.rest()
            if not self._ending.is_set():
                self._news.wait()


def _there(receipt: Receipt) -> bool:
    """Whether a broker has an event; Comet says of one that it has by a nak that it was seen before."""
    return receipt.taken or _SEEN in receipt.remark.lower()
