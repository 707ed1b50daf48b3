"""Serve an application over HTTP from a command: the port, and the end by a signal."""

from __future__ import annotations

import logging
import os
import socket
from typing import TYPE_CHECKING, Any

from vobroker.cli.common import fail

if TYPE_CHECKING:
    from types import FrameType

    from starlette.applications import Starlette

DEFAULT_PORT = 8080
_TRIED = 20  # ports after the default one


def serve_app(app: Starlette, listener: socket.socket, **options: Any) -> None:
    """Serve until a signal ends it; open streams then end by themselves.

    Parameters
    ----------
    app
        Its ``state.close`` lets those go who listen.
    listener
        Where it is served.
    options
        Further settings of uvicorn.
    """
    import uvicorn
    from uvicorn.config import LOGGING_CONFIG

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            app.state.close()
            super().handle_exit(sig, frame)

    config = uvicorn.Config(
        app,
        log_config=None if logging.root.handlers else LOGGING_CONFIG,
        log_level="warning",
        server_header=False,
        headers=[("Server", "vobroker")],
        timeout_graceful_shutdown=3,
        **options,
    )
    Server(config).run(sockets=[listener])


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
