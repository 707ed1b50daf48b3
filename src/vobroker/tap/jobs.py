"""Jobs: queries that are not waited for (UWS 1.1), kept so that a restart loses none.

What is known of a job is a row of an SQLite file, its uploads and its result are files beside it. A job that
was running when the service ended runs again: a query only reads.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import secrets
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from vobroker.roles import Caller, Limits
from vobroker.tap.errors import TapError, TimeLimitError
from vobroker.tap.parameters import Files

_log = logging.getLogger(__name__)

ACTIVE = ("PENDING", "HELD")
"""Phases in which a job can still be changed."""

WAITING = ("PENDING", "QUEUED", "EXECUTING", "HELD", "SUSPENDED")
"""Phases that a job can leave by itself or by its owner (UWS 1.1, section 2.1.3)."""

_COLUMNS = (
    "id", "owner", "role", "phase", "run_id", "created", "started", "ended", "destruction", "seconds",
    "parameters", "base", "error", "media_type", "file_name", "size", "rows", "uploaded",
)  # fmt: skip

_CREATE = f"""
    CREATE TABLE IF NOT EXISTS job (number INTEGER PRIMARY KEY, {", ".join(_COLUMNS)}, UNIQUE (id));
    CREATE INDEX IF NOT EXISTS job_phase ON job (phase);
    CREATE INDEX IF NOT EXISTS job_owner ON job (owner, phase);
    CREATE INDEX IF NOT EXISTS job_destruction ON job (destruction);
"""


_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM job"  # noqa: S608
_KEPT = "SELECT coalesce(sum(size), 0) + coalesce(sum(uploaded), 0) FROM job AS one WHERE one.owner = ?"
_TAKE_ROOM = (
    f"UPDATE job SET uploaded = coalesce(uploaded, 0) + ? WHERE id = ? AND ({_KEPT}) + ? <= ? RETURNING id"  # noqa: S608
)


@dataclass(frozen=True, slots=True)
class Job:
    """What is known of a job; times are UTC."""

    id: str
    owner: str
    role: str
    phase: str
    run_id: str
    created: datetime
    started: datetime | None
    ended: datetime | None
    destruction: datetime
    seconds: int
    parameters: tuple[tuple[str, str], ...]
    base: str
    error: str
    media_type: str
    file_name: str
    size: int
    rows: int
    uploaded: int

    @property
    def text(self) -> Mapping[str, list[str]]:
        """Parameters by name."""
        found: dict[str, list[str]] = {}
        for name, value in self.parameters:
            found.setdefault(name, []).append(value)
        return found


Work = Callable[[Job, Path, Callable[[Callable[[], None]], None]], tuple[str, str, int]]
"""Does a job: is given it, its folder, and what to tell how it is stopped; gives type, file and rows."""


class Jobs:
    """The jobs of a service; any thread may use them.

    Parameters
    ----------
    folder
        Where they are kept.
    workers
        Jobs that run at the same time.
    """

    def __init__(self, folder: Path, workers: int = 2) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._changed = threading.Condition()
        self._db = sqlite3.connect(folder / "jobs.sqlite", check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")  # a kill loses no job, a power cut perhaps the last
        self._db.executescript(_CREATE)
        had = {row[1] for row in self._db.execute("PRAGMA table_info(job)")}
        for name in set(_COLUMNS) - had:  # of an earlier version
            self._db.execute(f"ALTER TABLE job ADD COLUMN {name}")
        self._db.execute("UPDATE job SET phase = 'QUEUED', started = NULL WHERE phase = 'EXECUTING'")
        self._forget_strays()
        self._workers = workers
        self._threads: list[threading.Thread] = []
        self._stops: dict[str, Callable[[], None]] = {}
        self._written: dict[str, tuple[str, int]] = {}  # owner, and bytes of a result that is being made
        self._closing = threading.Event()

    # -- what owners do ----------------------------------------------------------------------------

    def create(
        self,
        parameters: Sequence[tuple[str, str]],
        uploads: Files,
        *,
        caller: Caller,
        base: str,
        run_id: str = "",
        run: bool = False,
    ) -> Job:
        """Make a job, in phase PENDING or with ``run`` in QUEUED.

        ``base`` is the address of the service, for its links.

        Raises
        ------
        TapError
            If the caller, or all guests together, have as many jobs as they may, or no room for the uploads;
            then there is none.
        """
        limits = caller.limits
        if run and self._active(caller.name) >= limits.jobs:
            raise _busy(limits.jobs)
        now = datetime.now(UTC)
        destruction = now + timedelta(days=limits.retention_days)
        identifier = secrets.token_urlsafe(16).replace("-", "x").replace("_", "y")
        # One statement counts and adds, so that who comes with many at once gets no more.
        row = self._row(
            "INSERT INTO job (id, owner, role, phase, run_id, created, destruction, seconds, base,"
            " parameters) SELECT ?, ?, ?, 'PENDING', ?, ?, ?, ?, ?, ?"
            " WHERE (SELECT count(*) FROM job WHERE owner = ?) < ? RETURNING id",
            *(identifier, caller.name, caller.role, run_id, _text(now), _text(destruction)),
            *(limits.async_seconds, base, json.dumps(list(parameters)), caller.name, limits.kept_jobs),
        )
        if row is None:
            raise TapError(
                f"there are {limits.kept_jobs} jobs already; delete some, or come again later", 503
            )
        try:
            self.place(identifier).mkdir()
            self.add_uploads(identifier, uploads, limits)
            if run:
                self.run(identifier, limits.jobs)
        except BaseException:
            self.delete(identifier)
            raise
        return self.get(identifier)

    def get(self, identifier: str) -> Job:
        """Give a job.

        Raises
        ------
        TapError
            If there is none.
        """
        row = self._row(f"{_SELECT} WHERE id = ?", identifier)
        if row is None:
            raise TapError("there is no such job", 404)
        return _job(row)

    def of(
        self,
        owner: str,
        *,
        phases: Sequence[str] = (),
        after: datetime | None = None,
        last: int | None = None,
    ) -> list[Job]:
        """Give the jobs of an owner, in order of creation (UWS 1.1, section 2.2.2.1).

        Parameters
        ----------
        owner
            Their owner.
        phases
            Only those in these phases.
        after
            Only those created later.
        last
            Only so many of the newest, the newest first.
        """
        sql = f"{_SELECT} WHERE owner = ?"
        values: list[Any] = [owner]
        if phases:
            sql += f" AND phase IN ({', '.join('?' * len(phases))})"
            values += phases
        if after is not None:
            sql += " AND created > ?"
            values.append(_text(after))
        sql += " ORDER BY number" + ("" if last is None else " DESC LIMIT ?")
        values += [] if last is None else [last]
        with self._lock:
            return [_job(row) for row in self._db.execute(sql, values).fetchall()]

    @contextlib.contextmanager
    def uploads(self, identifier: str) -> Iterator[Files]:
        """Open the files that came with a job, by name."""
        with contextlib.ExitStack() as stack:
            yield {
                bytes.fromhex(path.name[7:]).decode(): stack.enter_context(path.open("rb"))
                for path in self.place(identifier).glob("upload-*")
            }

    def add_uploads(self, identifier: str, uploads: Files, limits: Limits) -> None:
        """Keep more files with a job.

        Raises
        ------
        TapError
            If what is kept for the job's owner, or for all guests together, would be more than allowed.
        """
        if not uploads:
            return
        size = sum(file.seek(0, io.SEEK_END) for file in uploads.values())
        owner = self.get(identifier).owner
        # One statement counts and takes the room, so that who comes with many at once gets no more.
        row = self._row(
            _TAKE_ROOM,
            *(size, identifier, owner, size, limits.kept_bytes - self._being_written(owner)),
        )
        if row is None:
            raise _full(limits)
        for name, file in uploads.items():
            file.seek(0)
            with (self.place(identifier) / f"upload-{name.encode().hex()}").open("wb") as kept:
                shutil.copyfileobj(file, kept)
        files = self.place(identifier).glob("upload-*")
        self.change(identifier, uploaded=sum(path.stat().st_size for path in files))

    def kept(self, owner: str) -> int:
        """Give the bytes that the uploads and results of an owner, or of all guests together, take."""
        return int(self._one(_KEPT, owner)[0]) + self._being_written(owner)

    def _being_written(self, owner: str) -> int:
        return sum(size for whose, size in list(self._written.values()) if whose == owner)

    def wrote(self, job: Job, size: int, limits: Limits) -> None:
        """Note how large the result of a running job is by now.

        Raises
        ------
        TapError
            If it is larger than one may be, or all that is kept for the owner is.
        """
        self._written[job.id] = (job.owner, size)
        if size > limits.result_bytes:
            raise TapError(f"the result has more than the {limits.result_bytes} bytes that one may have", 413)
        if self.kept(job.owner) > limits.kept_bytes:
            raise _full(limits)

    def run(self, identifier: str, most: int) -> None:
        """Let a job wait for its turn.

        Raises
        ------
        TapError
            If the owner has ``most`` jobs that wait or run.
        """
        # One statement counts and changes, so that who comes with many at once gets no more.
        self._do(
            "UPDATE job SET phase = 'QUEUED' WHERE id = ? AND phase IN ('PENDING', 'HELD') AND (SELECT"
            " count(*) FROM job AS other WHERE other.owner = job.owner AND other.phase IN ('QUEUED',"
            " 'EXECUTING')) < ?",
            *(identifier, most),
        )
        if self.get(identifier).phase in ACTIVE:
            raise _busy(most)

    def _active(self, owner: str) -> int:
        sql = "SELECT count(*) FROM job WHERE owner = ? AND phase IN ('QUEUED', 'EXECUTING')"
        return int(self._one(sql, owner)[0])

    def phases(self) -> list[tuple[str, int]]:
        """Give the phases in which there are jobs, and how many."""
        with self._lock:
            return list(self._db.execute("SELECT phase, count(*) FROM job GROUP BY phase ORDER BY phase"))

    def abort(self, identifier: str) -> None:
        """Stop a job; one that has ended stays as it is."""
        self._do(
            "UPDATE job SET phase = 'ABORTED', ended = ? WHERE id = ? AND phase IN ('PENDING', 'QUEUED',"
            " 'EXECUTING', 'HELD', 'SUSPENDED')",
            *(_text(datetime.now(UTC)), identifier),
        )
        if stop := self._stops.get(identifier):
            stop()

    def delete(self, identifier: str) -> None:
        """Stop a job and forget it, its result too."""
        self.abort(identifier)
        self._do("DELETE FROM job WHERE id = ?", identifier)
        shutil.rmtree(self.place(identifier), ignore_errors=True)

    def change(self, identifier: str, **values: Any) -> None:
        """Change columns of a job."""
        names = ", ".join(f"{name} = ?" for name in values)
        kept = [
            _text(value)
            if isinstance(value, datetime)
            else json.dumps(value)
            if name == "parameters"
            else value
            for name, value in values.items()
        ]
        self._do(f"UPDATE job SET {names} WHERE id = ?", *kept, identifier)  # noqa: S608

    @property
    def closing(self) -> bool:
        """Whether the service ends."""
        return self._closing.is_set()

    def place(self, identifier: str) -> Path:
        """Give the folder of a job."""
        return self.folder / identifier

    # -- what the service does ---------------------------------------------------------------------

    def start(self, work: Work) -> None:
        """Let jobs run, each in its turn, until :meth:`close`."""
        tasks = [(self._work, (work,))] * self._workers + [(self._sweep, ())]
        for task, arguments in tasks:
            thread = threading.Thread(target=task, args=arguments, name="job", daemon=True)
            thread.start()
            self._threads.append(thread)

    def close(self) -> None:
        """Stop; jobs that were running run again after the next start."""
        self._closing.set()
        for stop in list(self._stops.values()):
            stop()
        self._tell()
        for thread in self._threads:
            thread.join()
        with self._lock:
            self._db.close()

    def _work(self, work: Work) -> None:
        while not self._closing.is_set():
            identifier = self._next()
            if identifier is None:
                with self._changed:
                    self._changed.wait(1.0)
                continue
            self._one_job(identifier, work)

    def _next(self) -> str | None:
        """Take the job that has waited longest, of the owner of whom the fewest run."""
        row = self._row(
            "UPDATE job SET phase = 'EXECUTING', started = ? WHERE number = ("
            " SELECT number FROM job WHERE phase = 'QUEUED' ORDER BY (SELECT count(*) FROM job AS other"
            " WHERE other.owner = job.owner AND other.phase = 'EXECUTING'), number LIMIT 1) RETURNING id",
            _text(datetime.now(UTC)),
        )
        if row is None:
            return None
        self._tell()
        return str(row[0])

    def _one_job(self, identifier: str, work: Work) -> None:
        def stopper(stop: Callable[[], None]) -> None:
            self._stops[identifier] = stop
            if self._closing.is_set() or self._ended(identifier):
                stop()

        result: dict[str, Any]
        try:
            media_type, name, rows = work(self.get(identifier), self.place(identifier), stopper)
            size = (self.place(identifier) / name).stat().st_size
            result = {
                "phase": "COMPLETED",
                "media_type": media_type,
                "file_name": name,
                "size": size,
                "rows": rows,
            }
        except TapError as error:
            phase = "ABORTED" if isinstance(error, TimeLimitError) else "ERROR"
            result = {"phase": phase, "error": str(error)}
        except Exception as error:  # a job must not take its worker with it
            if not self.place(identifier).exists():
                return
            result = {
                "phase": "ERROR",
                "error": f"the service could not do this job ({type(error).__name__})",
            }
            _log.exception("job %s failed", identifier)
        finally:
            self._stops.pop(identifier, None)
            self._written.pop(identifier, None)
        if self._closing.is_set() and result["phase"] != "COMPLETED":
            return  # it is still EXECUTING, and runs again after the next start
        names = ", ".join(f"{name} = ?" for name in result)
        self._do(
            f"UPDATE job SET {names}, uploaded = 0, ended = ? WHERE id = ? AND phase = 'EXECUTING'",  # noqa: S608
            *(*result.values(), _text(datetime.now(UTC)), identifier),
        )
        with contextlib.suppress(OSError):  # its owner may be deleting it
            for file in self.place(identifier).glob("upload-*"):
                file.unlink(missing_ok=True)

    def _ended(self, identifier: str) -> bool:
        """Whether a job was stopped or deleted before it could be told how to stop."""
        row = self._row("SELECT phase FROM job WHERE id = ?", identifier)
        return row is None or row[0] != "EXECUTING"

    def _forget_strays(self) -> None:
        """Remove folders that belong to no job: a kill can leave them."""
        known = {row[0] for row in self._db.execute("SELECT id FROM job")}
        for path in self.folder.iterdir():
            if path.is_dir() and path.name not in known:
                shutil.rmtree(path, ignore_errors=True)

    def _sweep(self) -> None:
        """Forget jobs whose time is over."""
        while not self._closing.wait(5.0):
            with self._lock:
                rows = self._db.execute(
                    "SELECT id FROM job WHERE destruction < ?", [_text(datetime.now(UTC))]
                ).fetchall()
            for (identifier,) in rows:
                self.delete(identifier)

    # -- the database ------------------------------------------------------------------------------

    def _do(self, sql: str, *values: Any) -> None:
        with self._lock:
            self._db.execute(sql, values)
        self._tell()

    def _tell(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _row(self, sql: str, *values: Any) -> tuple[Any, ...] | None:
        with self._lock, contextlib.closing(self._db.execute(sql, values)) as cursor:
            row: tuple[Any, ...] | None = cursor.fetchone()
            return row

    def _one(self, sql: str, *values: Any) -> tuple[Any, ...]:
        row = self._row(sql, *values)
        assert row is not None
        return row


def _job(row: tuple[Any, ...]) -> Job:
    found: dict[str, Any] = dict(zip(_COLUMNS, row, strict=True))
    for name in ("owner", "run_id", "base", "error", "media_type", "file_name"):
        found[name] = found[name] or ""
    for name in ("seconds", "size", "rows", "uploaded"):
        found[name] = int(found[name] or 0)
    for name in ("created", "started", "ended", "destruction"):
        found[name] = datetime.fromisoformat(found[name]) if found[name] else None
    found["parameters"] = tuple((str(name), str(value)) for name, value in json.loads(found["parameters"]))
    return Job(**found)


def _busy(most: int) -> TapError:
    return TapError(f"{most} jobs wait or run already; wait until one of them has ended", 503)


def _full(limits: Limits) -> TapError:
    return TapError(
        f"results and uploads that are kept would have more than {limits.kept_bytes} bytes; delete some jobs,"
        " or come again later",
        507,
    )


def _text(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds")
