"""What a played night sends and when: bursts of packets that wait in files, simulated or recorded.

A visit has gigabytes, so no burst is held in memory. Its packets lie one after the other in a file; an index
beside it has a row for each: where it starts, its size, its key.
"""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vobroker.sources.simulator.simulation import simulate

if TYPE_CHECKING:
    from vobroker.alerts.schemas import SchemaSource

EXPOSURE_SECONDS = 1.0
"""Midpoints that differ by no more belong to one exposure: detectors of one can differ a little."""

_TELL = 500  # packets between two words on how many are made
_DAY = 86400.0

Told = Callable[[int, int], object]
"""Told how many packets of which visit are ready; visits count from 1."""


@dataclass(frozen=True, slots=True)
class Burst:
    """Packets that are sent together.

    Parameters
    ----------
    visit
        The survey's identifier of the exposure, if it has one.
    after
        Seconds since the burst before.
    packets
        File with the packets.
    index
        File of NumPy with a row for each packet: ``start``, ``size``, ``key``.
    first, last
        Rows of the index that are of this burst, the last one not among them.
    """

    visit: int | None
    after: float
    packets: Path
    index: Path
    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first


def _write_index(file: Path, starts: NDArray[np.int64], sizes: NDArray[np.int64], keys: list[bytes]) -> None:
    names = np.array(keys, np.bytes_)
    rows = np.empty(len(names), [("start", np.int64), ("size", np.int64), ("key", names.dtype)])
    rows["start"], rows["size"], rows["key"] = starts, sizes, names
    np.save(file, rows)


# --- a simulated night ------------------------------------------------------------------------------


def simulated(
    survey: str,
    spool: Path,
    *,
    visits: int,
    every: float = 37.0,
    jitter: float = 2.0,
    seed: int = 0,
    ahead: int = 1,
    stop: Event | None = None,
    told: Told = lambda visit, packets: None,
    **options: Any,
) -> Generator[Burst]:
    """Make visits in another process, ahead of those who send them.

    Parameters
    ----------
    survey, seed, options
        As of :func:`~vobroker.sources.simulator.simulation.simulate`.
    spool
        Folder for the packets; it holds ``ahead`` + 1 visits at most.
    visits
        How many.
    every, jitter
        Seconds from burst to burst: ``every``, and from 0 to ``jitter`` more.
    ahead
        Visits that are ready before the first is given, and that are made ahead from then on.
    stop
        When set, no more bursts come.
    told
        Told of what is made.

    Yields
    ------
    Burst
        Its files are removed when the next is asked for. Close the generator to end the other process.

    Raises
    ------
    ValueError
        If the simulator refuses the arguments.
    OSError
        If the packets cannot be kept.
    RuntimeError
        If the process that makes them has died.
    """
    pauses = np.random.default_rng([seed, 51]).uniform(every, every + jitter, visits)
    pauses[0] = 0.0
    context = get_context("spawn")
    pipe, theirs = context.Pipe()
    arguments = {"survey": survey, "visits": visits, "seed": seed, **options}
    maker = context.Process(target=_make, args=(theirs, spool, arguments), daemon=True)
    maker.start()
    theirs.close()
    ready: deque[Burst] = deque()
    removing: Thread | None = None
    try:
        for _ in range(ahead):
            pipe.send("make")
        for number in range(visits):
            while len(ready) < (min(ahead, visits) if number == 0 else 1):
                made = _await(pipe, maker, stop, told)
                if made is None:
                    return
                ready.append(Burst(made[1], float(pauses[made[0] - 1]), *_files(spool, made[0]), 0, made[2]))
            burst = ready.popleft()
            with suppress(BrokenPipeError):  # it has made them all
                pipe.send("make")
            yield burst
            # To remove gigabytes takes a while, which the next burst need not wait for.
            removing = Thread(target=_remove, args=(burst,))
            removing.start()
    finally:
        if removing is not None:
            removing.join()
        pipe.close()
        maker.terminate()
        maker.join()


def _remove(burst: Burst) -> None:
    burst.packets.unlink()
    burst.index.unlink()


def _files(spool: Path, number: int) -> tuple[Path, Path]:
    return spool / f"visit-{number}.packets", spool / f"visit-{number}.npy"


def _await(
    pipe: Pipe, maker: BaseProcess, stop: Event | None, told: Told
) -> tuple[int, int | None, int] | None:
    """Wait for the next visit: its number, its identifier and how many packets it has."""
    while not (stop and stop.is_set()):
        if not pipe.poll(0.1):
            continue
        try:
            word, *rest = pipe.recv()
        except (EOFError, ConnectionResetError):
            maker.join()
            raise RuntimeError(f"the process that makes packets ended with {maker.exitcode}") from None
        match word:
            case "made":
                told(rest[0], rest[1])
            case "visit":
                return rest[0], rest[1], rest[2]
            case "refused":
                raise ValueError(rest[0])
            case "unwritten":
                raise OSError(*rest)
    return None


def _make(pipe: Pipe, spool: Path, arguments: Mapping[str, Any]) -> None:
    """Make one visit for each word that comes; another process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt from the keyboard is the parent's
    try:
        for number, visit in enumerate(simulate(**arguments), 1):
            pipe.recv()
            packets, index = _files(spool, number)
            sizes = np.zeros(len(visit.packets), np.int64)
            with packets.open("wb") as file:
                for row, packet in enumerate(visit.packets):
                    sizes[row] = file.write(packet)
                    if row % _TELL == 0:
                        pipe.send(("made", number, row))
            keys = [name.encode() for name in visit.truth["object_id"].to_pylist()]
            _write_index(index, np.cumsum(sizes) - sizes, sizes, keys)
            pipe.send(("visit", number, visit.visit, len(sizes)))
    except (EOFError, BrokenPipeError, ConnectionResetError):  # nobody wants them any more
        return
    except ValueError as error:
        pipe.send(("refused", str(error)))
    except OSError as error:
        pipe.send(("unwritten", error.errno, error.strerror))


# --- a recorded night -------------------------------------------------------------------------------


def recorded(
    night: Path,
    spool: Path,
    schemas: SchemaSource,
    *,
    visits: int | None = None,
    stop: Event | None = None,
    say: Callable[[str], object] = lambda sentence: None,
    told: Told = lambda visit, packets: None,
) -> list[Burst]:
    """Put the packets of a night in order of their midpoints; those of one exposure are a burst.

    Parameters
    ----------
    night
        Folder, archive or file of packets, in any form that :mod:`vobroker.sources.files` reads.
    spool
        Folder for the packets, all of them; one out of a container of several is a container of its own.
    schemas
        Where the schemas of Confluent messages are found.
    visits
        Only the first so many exposures.
    stop
        When set, the rest of the night is left out.
    say
        Told of what cannot be played.
    told
        Told of what is read.

    Raises
    ------
    ValueError
        If there is nothing to play.
    """
    from vobroker.alerts.decode import decode
    from vobroker.sources import files

    sizes: list[int] = []
    times: list[float] = []
    keys: list[bytes] = []
    names: list[int | None] = []
    dead = 0
    why = ""
    place, index = spool / "night.packets", spool / "night.npy"
    with place.open("wb") as file:
        for raw in files.read([night]):
            decoded = decode(raw, schemas)
            for batch in decoded.batches:
                sizes += [file.write(packet) for packet in batch.packets]
                times += batch.alert["mjd"].to_pylist()
                names += batch.alert["visit"].to_pylist()
                objects = batch.alert["object_id"].to_pylist()
                alerts = batch.alert["alert_id"].to_pylist()
                keys += [(name or str(alert)).encode() for name, alert in zip(objects, alerts, strict=True)]
            for letter in (*raw.dead, *decoded.dead):
                why = why or letter.message
                dead += 1
            told(0, len(sizes))
            if stop and stop.is_set():
                break
    if not sizes:
        raise ValueError(f"there are no packets in {night}" + (f": {why}" if why else ""))
    if dead:
        say(f"{dead} packets are left out, since they cannot be read: {why}")
    mjd, size = np.array(times), np.array(sizes)
    order = np.argsort(mjd, kind="stable")
    _write_index(index, (np.cumsum(size) - size)[order], size[order], [keys[row] for row in order])
    first = exposures(mjd[order])
    begins = mjd[order][first]
    pauses = np.diff(begins, prepend=begins[0]) * _DAY
    last = np.append(first[1:], len(mjd))
    return [
        Burst(names[order[a]], float(pause), place, index, int(a), int(b))
        for a, b, pause in zip(first, last, pauses, strict=True)
    ][:visits]


def exposures(mjd: NDArray[np.float64]) -> NDArray[np.int64]:
    """Tell where exposures begin among the midpoints of alerts.

    Parameters
    ----------
    mjd
        Midpoints in order of time, MJD, shape (n,) with n at least 1.

    Returns
    -------
    ndarray
        Row of the first alert of each exposure; its others lie within :data:`EXPOSURE_SECONDS`.
    """
    begins = [0]
    while (after := int(np.searchsorted(mjd, mjd[begins[-1]] + EXPOSURE_SECONDS / _DAY, "right"))) < len(mjd):
        begins.append(after)
    return np.array(begins)
