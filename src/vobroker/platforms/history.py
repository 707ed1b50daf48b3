"""What probes found over time: one file of JSON lines for each service."""

from __future__ import annotations

import json
import os
import re
from dataclasses import fields
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from vobroker.platforms.errors import PlatformError
from vobroker.platforms.probe import Report

MAX_BYTES = 64 * 2**20
"""Largest file that is read; a probe takes about a kilobyte."""

_KNOWN = {field.name for field in fields(Report)}


def default_folder() -> Path:
    """Give where probes are kept unless told otherwise: in the user's own data folder."""
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "vobroker" / "probes"


def file_of(folder: Path, url: str) -> Path:
    """Give the file of a service: named for people, and different for each address."""
    parts = urlsplit(url)
    name = re.sub(r"[^a-z0-9.]+", "-", f"{parts.netloc}{parts.path}".lower()).strip("-.")[:80]
    return folder / f"{name}-{sha256(url.rstrip('/').encode()).hexdigest()[:8]}.jsonl"


def keep(folder: Path, report: Report) -> Path:
    """Add a report to the file of its service.

    Raises
    ------
    PlatformError
        If it cannot be written.
    """
    file = file_of(folder, report.url)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as opened:
            opened.write(json.dumps(report.as_dict()) + "\n")
    except OSError as error:
        raise PlatformError(f"cannot write {file}: {error.strerror}") from error
    return file


def history(folder: Path, url: str) -> list[Report]:
    """Give the reports of a service, the first one first; a line that was cut short is passed over.

    Raises
    ------
    PlatformError
        If the file cannot be read, or is no history.
    """
    file = file_of(folder, url)
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise PlatformError(f"cannot read {file}: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise PlatformError(f"{file} has more than {MAX_BYTES} bytes")
    found: list[Report] = []
    lines = content.split(b"\n")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            told: Any = json.loads(line)
            found.append(Report(**{key: value for key, value in told.items() if key in _KNOWN}))
        except (ValueError, TypeError, AttributeError, RecursionError):
            if number == len(lines):  # a process that ended while it wrote
                continue
            raise PlatformError(f"{file}, line {number}: this is no report of a probe") from None
    return found
