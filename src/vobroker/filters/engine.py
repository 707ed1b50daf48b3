"""The engine that filters run in: DuckDB in memory that reaches nothing outside, and a limit on its time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb

_SETTINGS: dict[str, Any] = {
    "enable_external_access": False,
    "autoload_known_extensions": False,
    "autoinstall_known_extensions": False,
    "allow_community_extensions": False,
    "python_enable_replacements": False,
    "max_temp_directory_size": "0B",
    # A statement runs in the thread that asks for it.
    "threads": 1,
    "lock_configuration": True,
}


def engine(memory: str) -> duckdb.DuckDBPyConnection:
    """Make an engine without files, network and extensions, whose settings cannot be changed.

    Parameters
    ----------
    memory
        What it may take, as DuckDB has it: ``1GB``.
    """
    return duckdb.connect(":memory:", config=_SETTINGS | {"memory_limit": memory})


@contextmanager
def time_limit(connection: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[None]:
    """Interrupt what a connection does in the block when its time is over."""
    over = threading.Event()

    def watch() -> None:
        late = not over.wait(seconds)
        while late:  # an interrupt that comes before the engine has begun is forgotten
            connection.interrupt()
            late = not over.wait(0.05)

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield
    finally:
        over.set()
        watching.join()
