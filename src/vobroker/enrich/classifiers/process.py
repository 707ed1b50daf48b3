"""A model in a process of its own, started when it is first asked."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vobroker.enrich.classifiers import child
from vobroker.enrich.classifiers.child import LOAD_SECONDS, Arrays
from vobroker.enrich.classifiers.declaration import Limits
from vobroker.enrich.errors import EnrichError

GRACE = 10.0
"""Seconds that the broker waits beyond the limit of a process that ends itself."""

REST = 9.0
"""A model that failed is asked again after so many times the time that it cost: a tenth of all at most."""

_KEPT = ("PATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "PYTHONPATH", "HOME")


@dataclass(frozen=True, slots=True)
class Tensor:
    """What a model takes or gives: its name, its type in the words of onnxruntime, its shape; None is any."""

    name: str
    type: str
    shape: tuple[int | None, ...]


class Process:
    """A model that runs within limits; threads may share it.

    Parameters
    ----------
    model
        The ONNX file.
    limits
        What it may take.
    """

    def __init__(self, model: bytes, limits: Limits) -> None:
        self._model = model
        self._limits = limits
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._rested = 0.0
        self._inputs: tuple[Tensor, ...] = ()
        self._outputs: tuple[Tensor, ...] = ()

    def signature(self) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Give what the model takes, and what it gives.

        Raises
        ------
        EnrichError
            If it cannot be loaded.
        """
        with self._lock:
            self._start()
            return self._inputs, self._outputs

    def run(self, tensors: Arrays, outputs: Sequence[str]) -> Arrays:
        """Ask the model once.

        Raises
        ------
        EnrichError
            If it fails, takes too long or too much, or has done so a moment ago.
        """
        with self._lock:
            began = time.monotonic()
            if began < self._rested:
                raise EnrichError("it failed before, and is asked again after a while")
            try:
                self._start()
                _, answer = self._ask(
                    child.message({"outputs": list(outputs)}, tensors), self._limits.seconds
                )
            except EnrichError:
                now = time.monotonic()
                self._rested = now + REST * (now - began)
                raise
            return answer

    def close(self) -> None:
        """End the process, if there is one."""
        with self._lock:
            self._end()

    def _start(self) -> None:
        if self._child is not None and self._child.poll() is None:
            return
        self._end()
        script = Path(child.__file__)
        self._child = subprocess.Popen(  # noqa: S603 -- our own file
            [sys.executable, "-P", str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={name: os.environ[name] for name in _KEPT if name in os.environ},
        )
        weakref.finalize(self, _kill, self._child)
        limits = {"seconds": self._limits.seconds, "memory": self._limits.memory}
        first = child.message(
            limits | {"threads": self._limits.threads}, {"model": np.frombuffer(self._model, np.uint8)}
        )
        told, _ = self._ask(first, LOAD_SECONDS)
        try:
            self._inputs, self._outputs = (
                tuple(Tensor(name, kind, tuple(shape)) for name, kind, shape in told[key])
                for key in ("inputs", "outputs")
            )
        except (KeyError, TypeError, ValueError) as error:
            raise self._failed("it does not say what it takes") from error

    def _ask(self, message: bytes, seconds: float) -> tuple[dict[str, Any], Arrays]:
        """Send a message, and wait for the answer; what does not answer is ended."""
        process = self._child
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        deadline = time.monotonic() + seconds + GRACE
        try:
            process.stdin.write(message)
            process.stdin.flush()
            told, arrays = child.received(_reader(process.stdout.fileno(), deadline))
        except TimeoutError:
            raise self._failed(f"it took longer than {seconds:g} s") from None
        except (EOFError, BrokenPipeError):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(GRACE)
            late = process.returncode == -signal.SIGALRM
            why = f"it took longer than {seconds:g} s" if late else _ended(process.returncode)
            raise self._failed(why) from None
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise self._failed(f"it answers what is no answer: {error}") from error
        if "error" in told:
            raise EnrichError(_sentence(str(told["error"])))
        return told, arrays

    def _failed(self, why: str) -> EnrichError:
        self._end()
        return EnrichError(why)

    def _end(self) -> None:
        if self._child is not None:
            _kill(self._child)
            self._child = None


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def _reader(pipe: int, deadline: float) -> Any:
    """Give a function that reads exactly so many bytes until a deadline."""

    def read(size: int) -> bytes:
        parts = bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            while len(parts) < size:
                if not selector.select(max(deadline - time.monotonic(), 0)):
                    raise TimeoutError
                piece = os.read(pipe, min(size - len(parts), 2**20))
                if not piece:
                    raise EOFError
                parts += piece
        return bytes(parts)

    return read


def _ended(status: int | None) -> str:
    if status is not None and status < 0:
        return f"its process was ended by {signal.Signals(-status).name}"
    return f"its process ended by itself with status {status}"


def _sentence(told: str) -> str:
    """Give what a library says in one line."""
    if told.startswith("ModuleNotFoundError"):
        return "models need onnxruntime, which is not installed: pip install 'vobroker[classifiers]'"
    if "alloc" in told.lower() or told.startswith("MemoryError"):
        return "it wants more memory than it may have"
    return " ".join(told.split())[:300]
