"""Serve an application over HTTP from a command: the port, and the end by a signal."""

from __future__ import annotations

import logging
import os
import resource
import socket
from typing import TYPE_CHECKING

from vobroker.cli.common import fail

if TYPE_CHECKING:
    from types import FrameType

    import uvicorn
    from starlette.applications import Starlette

DEFAULT_PORT = 8080
_TRIED = 20  # ports after the default one

HEAD_BYTES = 65_536
"""Longest head of a request: a query of ADQL can be in its address."""

MESSAGE_BYTES = 64_000
"""Longest message that a WebSocket takes; there is nothing to say."""

MOST = 40_000
"""Most connections at a time; one more is told to come later."""

OF_ONE = 1000
"""Most connections of one address; a proxy on this machine may have more."""

OTHER_FILES = 512
"""Files that are left for other things than connections."""


def serve_app(app: Starlette, listener: socket.socket) -> None:
    """Serve until a signal ends it; open streams then end by themselves.

    Parameters
    ----------
    app
        Its ``state.close`` lets those go who listen.
    listener
        Where it is served.
    """
    import uvicorn

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            app.state.close()
            super().handle_exit(sig, frame)

    Server(settings(app)).run(sockets=[listener])


def settings(app: Starlette) -> uvicorn.Config:
    """Give the settings of the server: what a caller may hold of it, whoever calls."""
    import uvicorn
    from uvicorn.config import LOGGING_CONFIG

    from vobroker.gateway.patience import patient

    return uvicorn.Config(
        app,
        log_config=None if logging.root.handlers else LOGGING_CONFIG,
        log_level="warning",
        server_header=False,
        headers=[("Server", "vobroker")],
        timeout_graceful_shutdown=3,
        http=patient(OF_ONE),
        h11_max_incomplete_event_size=HEAD_BYTES,
        limit_concurrency=_connections(),
        backlog=2048,
        ws_max_size=MESSAGE_BYTES,
        ws_max_queue=4,
    )


def _connections() -> int:
    """Give how many connections there may be: as many as files can be open, but for those of the archive."""
    soft, hard = (
        MOST + OTHER_FILES if limit == resource.RLIM_INFINITY else limit
        for limit in resource.getrlimit(resource.RLIMIT_NOFILE)
    )
    if soft < (wanted := min(hard, MOST + OTHER_FILES)):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return min(MOST, max(soft // 2, soft - OTHER_FILES))


def listen(host: str, port: int | None, default: int = DEFAULT_PORT) -> socket.socket:
    """Listen on the port, or where none is given on the first free one from the default on."""
    ports = range(default, default + _TRIED) if port is None else (port,)
    reason = ""
    for number in ports:
        try:
            family = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM)[0][0]
            listener = socket.create_server((host, number), family=family)
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        else:
            # Connections inherit it. With the wait for more to send, each answer took 40 ms longer.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return listener
    which = f"port {ports[0]}" if len(ports) == 1 else f"ports {ports[0]} to {ports[-1]}"
    fail(f"cannot listen on {host}, {which}: {reason}")


def shown(host: str) -> str:
    """Give the host as a browser on this machine reaches it."""
    if host in ("0.0.0.0", "::"):  # noqa: S104
        return "localhost"
    return f"[{host}]" if ":" in host else host
