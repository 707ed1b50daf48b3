"""``vobroker notebook``: JupyterLab beside the archive, with a service for its notebooks."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from vobroker.cli import serving
from vobroker.cli.common import (
    DEFAULT_ARCHIVE,
    ArchiveOption,
    err,
    fail,
    files_of,
    out,
    progress,
    shown,
    warn,
)
from vobroker.cli.token import RolesOption, TokensOption, read_allowed

Program = subprocess.Popen[bytes]

if TYPE_CHECKING:
    from vobroker.notebook import Allowance
    from vobroker.pipeline.river import Counts

DEFAULT_PORT = 8888
PATIENCE = 120.0
"""Seconds that a service and JupyterLab have to start."""

_LOOK_SECONDS = 0.5
_TAIL = 12  # lines of a log that are shown when a program has ended


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(help="Start JupyterLab beside the archive, with notebooks to begin with.")(notebook)


def notebook(
    work: Annotated[
        Path,
        typer.Argument(metavar="[FOLDER]", help="Your notebooks; the shipped ones are copied there."),
    ] = Path("notebooks"),
    archive: ArchiveOption = DEFAULT_ARCHIVE,
    service: Annotated[
        str | None,
        typer.Option(metavar="URL", help="A broker that runs already; otherwise one is started."),
    ] = None,
    simulate: Annotated[
        bool | None,
        typer.Option(
            "--simulate/--no-simulate",
            help="Whether to make an archive of simulated nights where there is none; you are asked.",
            show_default=False,
        ),
    ] = None,
    role: Annotated[str, typer.Option(help="Whose limits hold: user or operator.")] = "user",
    roles: RolesOption = None,
    tokens: TokensOption = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(help=f"Port of JupyterLab; {DEFAULT_PORT} or the next free one.", min=1, max=65535),
    ] = None,
    open_page: Annotated[bool, typer.Option("--open/--no-open", help="Open it in a browser.")] = True,
) -> None:
    """Run until interrupted, or until the time of the role is over.

    Notebooks find the service in VOBROKER_AT and the archive in VOBROKER_ARCHIVE. What you change in the
    folder stays yours: a later start copies only what is not there, or what you have not touched.
    """
    allowance = _allowance(role, roles, tokens)
    work = _work(work)
    if service is None:
        _see_to_archive(archive, simulate)
    with tempfile.TemporaryDirectory(prefix="vobroker-notebook-") as folder, _ending():
        session = Path(folder)
        with serving.listen(host, port, DEFAULT_PORT) as listener:
            taken = listener.getsockname()[1]
        if service is None:
            with _service(archive, roles, tokens, session) as (here, served):
                _lab(work, session, allowance, archive, here, host, taken, open_page, served)
        else:
            _asked(service)
            _lab(work, session, allowance, archive, service.rstrip("/"), host, taken, open_page)


def _allowance(role: str, roles: Path | None, tokens: Path | None) -> Allowance:
    """Give what the role may use, where the packages for it are installed."""
    from vobroker.notebook import allowances
    from vobroker.roles import ROLES

    if role not in ROLES:
        fail(f"there is no role {role!r}; there are: {', '.join(ROLES)}", 2)
    known = allowances(read_allowed(roles, tokens))
    if role not in known:
        fail(f"the roles give no notebooks to {role}; `vobroker token roles` prints them", 2)
    try:
        from vobroker.notebook import lab

        missing = lab.missing()
    except ModuleNotFoundError as error:
        missing = [error.name or "a package"]
    if missing:
        fail(f"this needs {', '.join(missing)}, not installed here: pip install 'vobroker[notebook]'")
    return known[role]


def _work(folder: Path) -> Path:
    """Put the notebooks into the user's folder."""
    from vobroker.notebook import shipped

    try:
        done = shipped.copy_to(folder)
    except OSError as error:
        fail(f"cannot put the notebooks into {folder}: {error.strerror or error}: {error.filename}")
    parts = [
        f"{len(names)} {what}"
        for names, what in ((done.new, "new"), (done.renewed, "brought up to date"))
        if names
    ]
    if done.kept:
        parts.append(f"{', '.join(done.kept)} left as you changed {'it' if len(done.kept) == 1 else 'them'}")
    if parts:
        out.print(f"notebooks in {folder}: {'; '.join(parts)}", highlight=False, soft_wrap=True)
    return folder.resolve()


def _see_to_archive(archive: str, simulate: bool | None) -> None:
    """Look whether there is an archive that can be read; make a small one where there is none."""
    from vobroker.archive import ArchiveError, open_archive, place

    where = place(archive)
    if isinstance(where, Path) and not (where / "archive.duckdb").exists():
        if simulate is None and sys.stdin.isatty():
            simulate = typer.confirm(f"There is no archive in {where}. Make one of simulated nights?", True)
        if simulate is False:
            fail(f"there is no archive in {where}; `vobroker ingest` makes one of packets", 2)
        _make(archive)
        return
    try:
        with open_archive(archive, create=False, read_only=True):
            pass
    except ArchiveError as error:
        busy = "; where that is a broker, name it: --service http://127.0.0.1:8080"
        fail(f"{error}{busy if 'in use' in str(error) else ''}")


def _make(archive: str) -> None:
    from vobroker.archive import ArchiveError, open_archive
    from vobroker.notebook import nights

    try:
        with open_archive(archive) as store, progress() as bar:
            task = bar.add_task("simulating nights", total=nights.TOTAL, note="alerts")

            def told(counts: Counts) -> None:
                bar.update(task, completed=counts.received)

            counts = nights.fill(store, files_of(archive) / "voevents", told)
    except (ArchiveError, OSError) as error:
        fail(str(error))
    out.print(
        f"made the archive {shown(archive)}: {counts.archived} alerts of {nights.NIGHTS} simulated nights"
        " of Rubin and of ZTF",
        highlight=False,
        soft_wrap=True,
    )


@contextmanager
def _service(
    archive: str, roles: Path | None, tokens: Path | None, session: Path
) -> Iterator[tuple[str, Program]]:
    """Start to serve the archive, until the block ends; it is only read, so notebooks may read it too."""
    with serving.listen("127.0.0.1", None) as listener:
        number = listener.getsockname()[1]
    words = [sys.executable, "-m", "vobroker", "serve", "--read-only", "--no-open", f"--port={number}"]
    words += [f"--roles={roles}"] if roles else []
    words += [f"--tokens={tokens}"] if tokens else []
    # The place may hold a password, so it goes where other people on this machine cannot read it.
    environment = {**os.environ, "VOBROKER_ARCHIVE": archive}
    here = f"http://127.0.0.1:{number}"
    with _program("the service", words, environment, session / "service.log") as program:
        yield here, program


def _lab(
    work: Path,
    session: Path,
    allowance: Allowance,
    archive: str,
    service: str,
    host: str,
    port: int,
    open_page: bool,
    served: Program | None = None,
) -> None:
    """Run JupyterLab until it ends."""
    from vobroker.notebook import lab

    token = secrets.token_urlsafe(24)
    there = archive if "://" in archive else str(Path(archive).resolve())
    prepared = lab.prepare(
        work,
        session,
        allowance,
        host=host,
        port=port,
        token=token,
        told={"VOBROKER_ARCHIVE": there, "VOBROKER_AT": service},
    )
    log = session / "jupyterlab.log"
    address = f"http://{serving.shown(host)}:{port}"
    with _program("JupyterLab", prepared.command, prepared.environment, log) as program:
        if served is not None:
            _until_answers(served, "the service", f"{service}/health", session / "service.log")
        _until_answers(program, "JupyterLab", f"{address}/api", log)
        url = f"{address}/lab/tree/{lab.FIRST}?token={token}"
        for line in (
            f"JupyterLab: [link={url}]{url}[/]",
            f"service:    {service}, its archive {shown(archive)}",
            f"limits:     {allowance}, as {allowance.role}; a kernel that does nothing ends after an hour",
            "Ctrl-C ends it",
        ):
            out.print(line, highlight=False, soft_wrap=True)
        if open_page:
            webbrowser.open(url)
        with log.open(errors="replace") as lines:
            while True:
                ended = program.poll() is not None
                _tell(lines)
                if ended:
                    break
                if served is not None and served.poll() is not None:
                    warn(f"the service has ended{_last(session / 'service.log')}")
                    served = None
                time.sleep(_LOOK_SECONDS)
    if program.returncode:
        fail(f"JupyterLab has ended with status {program.returncode}{_last(log)}")


@contextmanager
def _program(what: str, words: list[str], environment: dict[str, str], log: Path) -> Iterator[Program]:
    """Run a program while the block lasts, and end it."""
    with log.open("wb") as written:
        # In a session of its own, so that Ctrl-C comes to this process, which ends them in order.
        program = subprocess.Popen(  # noqa: S603
            words,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield program
    finally:
        program.terminate()
        try:
            program.wait(30)
        except subprocess.TimeoutExpired:
            warn(f"{what} did not end, and was made to")
            with suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGKILL)
            program.wait()


def _until_answers(program: Program, what: str, url: str, log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310
                return
        except urllib.error.HTTPError as error:
            error.close()
        except (OSError, ValueError):
            pass
        if program.poll() is not None:
            fail(f"{what} could not be started{_last(log)}")
        if time.monotonic() > end:
            fail(f"{what} did not answer within {PATIENCE:g} s{_last(log)}")
        time.sleep(0.1)


def _asked(service: str) -> None:
    """Make sure that there is a broker at an address."""
    if not service.startswith(("http://", "https://")):
        fail(f"--service is an address such as http://127.0.0.1:8080, not {service}", 2)
    try:
        with urllib.request.urlopen(f"{service.rstrip('/')}/streams/", timeout=20) as answer:  # noqa: S310
            found = "streams" in json.loads(answer.read(1_000_000))
    except urllib.error.HTTPError as error:
        error.close()
        fail(f"no broker answers at {service}: it says {error.code} to a question for streams")
    except (OSError, ValueError) as error:
        fail(f"no broker answers at {service}: {getattr(error, 'reason', None) or error}")
    if not found:
        fail(f"no broker answers at {service}: there is something else")


def _last(log: Path) -> str:
    """Give the last lines of a log, with a colon before them."""
    lines = log.read_text(errors="replace").strip().splitlines()[-_TAIL:]
    return ":\n" + "\n".join(lines) if lines else ""


def _tell(lines: TextIO) -> None:
    """Print what a log has more since, as far as it is of the limits."""
    for line in lines:
        if line.startswith("vobroker: "):
            err.print(line.rstrip(), highlight=False, markup=False, soft_wrap=True)


@contextmanager
def _ending() -> Iterator[None]:
    """End in order by a signal, with the status that says so."""
    came = signal.SIGINT

    def stop(number: int, _: object) -> None:
        nonlocal came
        came = signal.Signals(number)
        raise KeyboardInterrupt

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    except KeyboardInterrupt:
        raise typer.Exit(128 + came) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
