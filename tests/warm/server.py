"""Runs commands, each in a fork of this process: ``server.py SOCKET``, until its standard input ends."""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import sys
from contextlib import suppress


def import_all() -> None:
    """Import whatever a command may want."""
    import vobroker

    for module in pkgutil.walk_packages(vobroker.__path__, "vobroker."):
        if not module.name.endswith("__main__"):
            with suppress(ImportError):
                importlib.import_module(module.name)


def run(asked: dict, fds: list[int]) -> int:
    """Run a command with the files, folder and environment of who asks, and give its status."""
    for place, fd in enumerate(fds):
        os.dup2(fd, place)
        os.close(fd)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.argv = asked["command"]
    from vobroker.cli import main

    try:
        main()
    except SystemExit as ended:
        code = ended.code
        if isinstance(code, str):
            print(code, file=sys.stderr)
        return code if isinstance(code, int) else int(code is not None)
    return 0


def answer(connection: socket.socket) -> None:
    """Fork for one command; tell who asks its number, and how it ended."""
    message, fds, _, _ = socket.recv_fds(connection, 2**20, 3)
    child = os.fork()
    if not child:
        connection.close()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        status = 1
        try:
            status = run(json.loads(message), fds)
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            with suppress(OSError, ValueError):
                sys.stdout.flush()
            with suppress(OSError, ValueError):
                sys.stderr.flush()
            import atexit

            atexit._run_exitfuncs()
            os._exit(status)
    connection.sendall(f"{child}\n".encode())
    _, status = os.waitpid(child, 0)
    connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def serve(place: str) -> None:
    """Answer until the standard input ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that answer
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(place)
        listener.listen(16)
        while True:
            ready, _, _ = select.select([listener, sys.stdin], [], [])
            if sys.stdin in ready:
                return
            connection, _ = listener.accept()
            if not os.fork():
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                listener.close()
                answer(connection)
                os._exit(0)
            connection.close()


if __name__ == "__main__":
    import_all()
    serve(sys.argv[1])
