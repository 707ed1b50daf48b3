"""The notebooks that come with vobroker, and their copies in a user's folder.

A copy that its user has changed is left as it is. The record ``.vobroker-notebooks.json`` knows the copies by
their digests, so that one nobody has touched is brought up to date with a new version of vobroker.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

RECORD = ".vobroker-notebooks.json"

_PACKAGED = Path(str(files("vobroker.notebook"))) / "shipped"
_CHECKOUT = Path(__file__).resolve().parents[3]


@dataclass
class Copied:
    """What became of each notebook: names.

    Attributes
    ----------
    new, renewed, kept
        Those that were not there, that nobody had changed, and that their user has changed.
    """

    new: list[str] = field(default_factory=list)
    renewed: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)


def sources() -> Iterator[tuple[str, Path]]:
    """Give the name of each file in a user's folder, and where it comes from.

    Raises
    ------
    FileNotFoundError
        If this installation came without its notebooks.
    """
    # In a wheel all are beside this module; a checkout has them where people look for them.
    if _PACKAGED.is_dir():
        found = sorted(path for path in _PACKAGED.rglob("*") if path.is_file())
        yield from ((str(path.relative_to(_PACKAGED)), path) for path in found)
        return
    notebooks = sorted((_CHECKOUT / "notebooks").glob("*.ipynb"))
    if not notebooks:
        raise FileNotFoundError(2, "this installation has no notebooks", str(_PACKAGED))
    yield from ((path.name, path) for path in notebooks)
    for path in sorted((_CHECKOUT / "docs").glob("*-benchmark.json")):
        yield f"benchmarks/{path.name}", path


def copy_to(folder: Path) -> Copied:
    """Copy the notebooks to a folder, which is made when it is not there; never over somebody's changes.

    Raises
    ------
    OSError
        If the folder cannot be made or written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    record = folder / RECORD
    known = _read(record)
    done = Copied()
    for name, source in sources():
        content = source.read_bytes()
        target = folder / name
        if target.exists():
            there = _digest(target.read_bytes())
            if there == _digest(content):
                known[name] = there
                continue
            if known.get(name) != there:
                done.kept.append(name)
                continue
            done.renewed.append(name)
        else:
            done.new.append(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        _write(target, content)
        known[name] = _digest(content)
    _write(record, json.dumps(known, indent=1, sort_keys=True).encode())
    return done


def _read(record: Path) -> dict[str, str]:
    """Read the record; where it is damaged nothing is known, and every copy counts as changed."""
    try:
        known = json.loads(record.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _write(file: Path, content: bytes) -> None:
    """Write a file as a whole or not at all."""
    new = file.with_name(f"{file.name}.new")
    new.write_bytes(content)
    new.replace(file)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
