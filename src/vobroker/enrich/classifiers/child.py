"""The process in which a model runs, and what it and the broker say to each other.

The file runs as a script that imports nothing of ours. A model that takes too long is ended by the clock of
its process, one that wants too much memory finds none: the broker sees a pipe that has closed, and goes on.

A message is the length of a JSON document (8 bytes, big-endian), the document, and the bytes of the arrays
that it describes. Nothing in it is ever evaluated: neither side has to trust the other.
"""

from __future__ import annotations

import json
import math
import os
import resource
import signal
import struct
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

LOAD_SECONDS = 60.0
"""Time that a model may take until it is ready."""

MAX_MESSAGE = 2**29
"""Bytes of all arrays of a message."""

_DTYPES = ("float16", "float32", "float64", "int32", "int64", "bool", "uint8")
_TEXT = "text"
_MAX_HEADER = 2**20
_LENGTH = struct.Struct(">Q")

Arrays = dict[str, NDArray[Any]]


def message(told: dict[str, Any], arrays: Arrays | None = None) -> bytes:
    """Write a message: plain values, and arrays of numbers or of texts by name."""
    parts, described = [], []
    for name, array in (arrays or {}).items():
        if array.dtype.kind in "OU":
            data = json.dumps([str(value) for value in array.ravel().tolist()]).encode()
            described.append([name, _TEXT, list(array.shape), len(data)])
        else:
            data = np.ascontiguousarray(array).tobytes()
            described.append([name, array.dtype.name, list(array.shape), len(data)])
        parts.append(data)
    head = json.dumps(told | {"arrays": described}).encode()
    return b"".join([_LENGTH.pack(len(head)), head, *parts])


def received(read: Callable[[int], bytes]) -> tuple[dict[str, Any], Arrays]:
    """Read a message.

    Parameters
    ----------
    read
        Gives exactly so many bytes.

    Raises
    ------
    ValueError
        If it is none, or too large.
    EOFError
        If the other side has gone; raised by ``read``.
    """
    (length,) = _LENGTH.unpack(read(_LENGTH.size))
    if length > _MAX_HEADER:
        raise ValueError(f"a message begins with {length:,} bytes")
    told = json.loads(read(length))
    arrays: Arrays = {}
    room = MAX_MESSAGE
    for name, kind, shape, size in told.pop("arrays"):
        if not 0 <= size <= room or (kind not in _DTYPES and kind != _TEXT):
            raise ValueError(f"an array of {size:,} bytes of {kind}")
        room -= size
        data = read(size)
        if kind == _TEXT:
            arrays[name] = np.array([str(text) for text in json.loads(data)], object).reshape(shape)
            continue
        if math.prod(shape) * np.dtype(kind).itemsize != size:
            raise ValueError(f"an array of shape {shape} with {size:,} bytes")
        arrays[name] = np.frombuffer(data, kind).reshape(shape)
    return told, arrays


def _limit(kind: str, most: int) -> None:
    """Set a limit that cannot be raised again, where the system has it."""
    hard = resource.getrlimit(getattr(resource, kind))[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(getattr(resource, kind), (most, most))


def _limit_memory(more: int) -> None:
    """Allow so many bytes beyond what is in use now; Linux alone tells how much that is."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            pages = int(file.read().split()[0])
    except OSError:
        return
    _limit("RLIMIT_AS", pages * resource.getpagesize() + more)


def _session(model: bytes, limits: dict[str, Any]) -> Any:
    import onnxruntime

    _limit_memory(int(limits["memory"]) * 2**20)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(limits["threads"])
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # What waits must not spin: the cores are the river's.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def main() -> None:
    """Read a model and its limits, say what it takes and gives, and answer until nobody asks any more."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints does not disturb

    def read(size: int) -> bytes:
        data = sys.stdin.buffer.read(size)
        if len(data) < size:
            raise EOFError
        return data

    def send(told: dict[str, Any], arrays: Arrays | None = None) -> None:
        answers.write(message(told, arrays))
        answers.flush()

    limits, given = received(read)
    for kind in ("RLIMIT_CORE", "RLIMIT_FSIZE"):
        _limit(kind, 0)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # which ends the process, whatever it is at
    signal.setitimer(signal.ITIMER_REAL, LOAD_SECONDS)
    try:
        session = _session(given["model"].tobytes(), limits)
    except Exception as error:  # whatever the library raises is a reason
        send({"error": f"{type(error).__name__}: {error}"[:2000]})
        return
    signal.setitimer(signal.ITIMER_REAL, 0)
    told = [
        [[one.name, one.type, [d if isinstance(d, int) else None for d in one.shape]] for one in of]
        for of in (session.get_inputs(), session.get_outputs())
    ]
    send({"inputs": told[0], "outputs": told[1]})
    while True:
        asked, tensors = received(read)
        signal.setitimer(signal.ITIMER_REAL, float(limits["seconds"]))
        try:
            values = session.run(asked["outputs"], tensors)
            answer = dict(zip(asked["outputs"], map(np.asarray, values), strict=True))
            if sum(array.nbytes for array in answer.values()) > MAX_MESSAGE:
                raise ValueError("its outputs are too large")
            send({}, answer)
        except Exception as error:  # likewise
            send({"error": f"{type(error).__name__}: {error}"[:2000]})
        signal.setitimer(signal.ITIMER_REAL, 0)


if __name__ == "__main__":
    try:
        main()
    except (EOFError, BrokenPipeError):
        os._exit(0)
