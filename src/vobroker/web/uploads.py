"""Tables that users bring: kept until their columns are chosen, looked at and made into watchlists apart.

What is brought and not used is forgotten after :data:`HOURS`, and with the process.
"""

from __future__ import annotations

import logging
import secrets
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vobroker.enrich import EnrichError, apart, catalogue, store
from vobroker.enrich.apart import Look
from vobroker.roles import Caller

HOURS = 2.0
AT_ONCE = 2
"""Files that are looked at or made at the same time; others wait."""

WAITING = 3
"""Files that one user may have here that are not watchlists yet."""

_log = logging.getLogger(__name__)


class TooManyError(Exception):
    """Somebody keeps as many as may be, with the reason in one sentence."""


@dataclass
class Upload:
    """A table that somebody brought.

    Attributes
    ----------
    number
        Names it in addresses.
    owner
        Whose it is.
    called
        Name of the file, as its owner has it.
    replaces
        The watchlist whose place it is to take; none when empty.
    state
        ``looking``, ``ready``, ``making``, ``made`` or ``failed``.
    """

    number: str
    owner: str
    called: str
    folder: Path
    replaces: str = ""
    state: str = "looking"
    look: Look | None = None
    error: str = ""
    progress: tuple[str, int, int | None] = ("waiting", 0, None)
    name: str = ""
    warnings: list[str] = field(default_factory=list)
    since: float = field(default_factory=time.monotonic)

    @property
    def file(self) -> Path:
        """Where it lies."""
        return self.folder / "table"

    @property
    def at_work(self) -> bool:
        """Whether something is done with it."""
        return self.state in ("looking", "making")


class Uploads:
    """The tables that are here.

    Parameters
    ----------
    catalogues
        The store that watchlists are made in.
    """

    def __init__(self, catalogues: Path) -> None:
        self.store = catalogues
        self._known: dict[str, Upload] = {}
        self._lock = threading.Lock()
        self._workers = ThreadPoolExecutor(AT_ONCE, "upload")

    def new(self, caller: Caller, called: str, replaces: str = "") -> Upload:
        """Give a place for a table.

        Raises
        ------
        TooManyError
            If the caller has as many here as may be.
        """
        with self._lock:
            old = [one for one in self._known.values() if time.monotonic() - one.since > HOURS * 3600]
            for one in old:
                if not one.at_work:
                    self._forget(one)
            if (
                sum(one.owner == caller.name and one.state != "made" for one in self._known.values())
                >= WAITING
            ):
                raise TooManyError(
                    f"you have {WAITING} files here that are no watchlists yet; use or drop one"
                )
            number = secrets.token_hex(8)
            folder = self.store / f".upload-{number}"
            folder.mkdir(parents=True)
            found = self._known[number] = Upload(number, caller.name, called, folder, replaces)
        return found

    def find(self, number: str, caller: Caller) -> Upload | None:
        """Give a table of somebody."""
        found = self._known.get(number)
        return found if found is not None and found.owner == caller.name else None

    def of(self, caller: Caller) -> list[Upload]:
        """Give what somebody has here that is no watchlist yet."""
        return [one for one in list(self._known.values()) if one.owner == caller.name and one.state != "made"]

    def look(self, upload: Upload, caller: Caller) -> None:
        """Find out what a table is, in the background."""

        def work() -> None:
            upload.look = apart.look(upload.file, called=upload.called, rows=caller.limits.watchlist_rows)
            upload.state = "ready"

        self._begin(upload, "looking", work)

    def make(self, upload: Upload, caller: Caller, name: str, roles: dict[str, Any], **told: Any) -> None:
        """Make a watchlist of a table, in the background, and let it be used."""

        def watch(doing: str, done: int, total: int | None) -> None:
            upload.progress = (doing, done, total)

        def work() -> None:
            made = upload.folder / "made"
            shutil.rmtree(made, ignore_errors=True)
            upload.warnings = apart.make(
                made,
                upload.file,
                name,
                roles,
                called=upload.called,
                rows=caller.limits.watchlist_rows,
                watch=watch,
                **told,
            )
            with self._lock:
                check_room(self.store, caller, upload.replaces)
                store.take(self.store, made / name, name, "watchlist", replace=bool(upload.replaces))
            upload.state = "made"
            shutil.rmtree(upload.folder, ignore_errors=True)

        upload.name = name
        self._begin(upload, "making", work)

    def drop(self, upload: Upload) -> None:
        """Forget a table with which nothing is done at the moment."""
        with self._lock:
            if not upload.at_work:
                self._forget(upload)

    def close(self) -> None:
        """Let no more begin, and forget all."""
        self._workers.shutdown(wait=False, cancel_futures=True)
        apart.stop()
        for one in list(self._known.values()):
            shutil.rmtree(one.folder, ignore_errors=True)

    def _begin(self, upload: Upload, state: str, work: Callable[[], None]) -> None:
        with self._lock:
            if upload.state == "making":
                return
            upload.state, upload.error, upload.progress = state, "", ("waiting", 0, None)

        def safely() -> None:
            before = "ready" if state == "making" else "failed"
            try:
                work()
            except (EnrichError, TooManyError) as error:
                upload.error, upload.state = str(error), before
            except Exception:
                _log.exception("the table %s of %s cannot be used", upload.called, upload.owner)
                upload.error, upload.state = "it cannot be used; the broker’s log has the reason", before

        self._workers.submit(safely)

    def _forget(self, upload: Upload) -> None:
        self._known.pop(upload.number, None)
        shutil.rmtree(upload.folder, ignore_errors=True)


def check_room(catalogues: Path, caller: Caller, replaces: str = "") -> None:
    """Refuse one watchlist more where somebody has as many as the role may.

    Raises
    ------
    TooManyError
        With how many there are.
    """
    if replaces:
        return
    most = caller.limits.watchlists
    if (number := sum(one.owner == caller.name for one in watchlists(catalogues))) >= most:
        raise TooManyError(f"you keep {number} watchlists, and may keep {most}; remove one first")


def watchlists(catalogues: Path) -> list[catalogue.Info]:
    """Give what is known of the watchlists; those that are damaged are left out."""
    found = []
    for name in store.names(catalogues):
        if catalogue.kind_of(catalogues / name) == "watchlist":
            try:
                found.append(catalogue.read(catalogues / name))
            except EnrichError:
                continue
    return found
