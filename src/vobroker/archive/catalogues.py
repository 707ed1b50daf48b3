"""What alerts of an archive are enriched with goes with it: copied along, and looked through.

It is a folder of files beside the archive's own (:data:`vobroker.enrich.store.FOLDER`).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from vobroker.archive.archive import Archive
from vobroker.archive.errors import ArchiveError
from vobroker.archive.places import Place, files_of
from vobroker.archive.tables import quote
from vobroker.enrich import EnrichError, enriched
from vobroker.enrich.catalogue import new_folder
from vobroker.enrich.layer import CROSSMATCH
from vobroker.enrich.match import MOST
from vobroker.enrich.store import FOLDER, names, whole

_PIECE = 2**20

_ABSENT = """
    SELECT survey, CAST(alert_id AS VARCHAR) AS name FROM {table} AS here WHERE NOT EXISTS (
        SELECT 1 FROM alert WHERE alert.alert_id = here.alert_id AND alert.survey = here.survey
    )
"""
_TWICE = """
    SELECT survey, CAST(alert_id AS VARCHAR) AS name FROM {table} GROUP BY survey, alert_id
    HAVING count(*) > 1
"""
_RANKS = """
    SELECT survey, CAST(alert_id AS VARCHAR) AS name FROM crossmatch GROUP BY survey, alert_id, catalogue
    HAVING min(rank) <> 1 OR max(rank) <> count(*) OR count(DISTINCT rank) <> count(*)
"""
_BEST = """
    SELECT coalesce(best.survey, counted.survey) AS survey,
           CAST(coalesce(best.alert_id, counted.alert_id) AS VARCHAR) AS name
    FROM {table} AS best FULL JOIN (
        SELECT survey, alert_id, count(*) AS n FROM crossmatch WHERE catalogue = ?
        GROUP BY survey, alert_id
    ) AS counted ON counted.alert_id = best.alert_id AND counted.survey = best.survey
    WHERE coalesce(counted.n, 0) <> least(coalesce(best.n_matches, 0), {most})
"""


def store_of(where: Place | str) -> Path:
    """Give the folder of all that alerts of an archive are enriched with."""
    return files_of(where) / FOLDER


# -- copied -------------------------------------------------------------------------------------------


def to_copy(source: Path, target: Path) -> list[str]:
    """Give the names of what a copy has to take along.

    Raises
    ------
    ArchiveError
        If there is something else by one of these names already.
    """
    if source.resolve() == target.resolve():
        return []
    found = []
    try:
        for name in names(source):
            if not (target / name).exists():
                found.append(name)
            elif _digests(source / name) != _digests(target / name):
                raise ArchiveError(
                    f"there is another {name} in {target} than in {source}; remove it, or choose another"
                    " place"
                )
    except OSError as error:
        raise ArchiveError(f"cannot read {source}: {error.strerror or error}") from error
    return found


def copied(source: Path, target: Path, name: str, watch: Callable[[int], None]) -> int:
    """Copy a catalogue, a region or the like, and read the copy again.

    Parameters
    ----------
    source, target
        Folders of all of them.
    name
        Which one.
    watch
        Called after each file with its bytes.

    Returns
    -------
    int
        Bytes of all files.

    Raises
    ------
    ArchiveError
        If it cannot be read or written, or the copy is not the same.
    """
    size = 0
    try:
        with new_folder(target / name) as folder:
            sums = {}
            for path in _files(source / name):
                place = folder / path
                place.parent.mkdir(parents=True, exist_ok=True)
                sums[path], length = _copied(source / name / path, place)
                size += length
                watch(length)
            if _digests(folder) != sums:
                raise ArchiveError(f"the copy of {source / name} is not the same")
    except OSError as error:
        raise ArchiveError(f"cannot copy {source / name}: {error.strerror or error}") from error
    return size


def _files(folder: Path) -> list[str]:
    """Give the files of a folder, however deep; links are none."""
    return sorted(
        str(Path(place, file).relative_to(folder))
        for place, _, files in os.walk(folder)
        for file in files
        if not Path(place, file).is_symlink()
    )


def _digests(folder: Path) -> dict[str, bytes]:
    found = {}
    for path in _files(folder):
        with (folder / path).open("rb") as file:
            found[path] = hashlib.file_digest(file, "sha256").digest()
    return found


def _copied(source: Path, target: Path) -> tuple[bytes, int]:
    digest, size = hashlib.sha256(), 0
    with source.open("rb") as given, target.open("xb") as made:
        while piece := given.read(_PIECE):
            digest.update(piece)
            made.write(piece)
            size += len(piece)
        made.flush()
        os.fsync(made.fileno())
    return digest.digest(), size


# -- looked through -----------------------------------------------------------------------------------


def rules(archive: Archive) -> Iterator[tuple[str, str, list[str]]]:
    """Give what must not be in the tables of enrichment: a sentence, the cases, and their parameters."""
    tables = [name for name in archive.native_tables() if enriched(name)]
    for table in tables:
        yield f"{table} has {{survey}} alert {{name}}, which is not there", _filled(_ABSENT, table), []
        if table != CROSSMATCH.name:
            yield f"{{survey}} alert {{name}} stands in {table} more than once", _filled(_TWICE, table), []
    if CROSSMATCH.name in tables:
        yield "the matches of {survey} alert {name} are not ranked from 1 on", _RANKS, []
        for table in tables:
            if table.startswith(("match_", "watchlist_")):
                sentence = f"{table} does not have {{survey}} alert {{name}} with the matches that are there"
                yield sentence, _filled(_BEST, table), [table]


def _filled(sql: str, table: str) -> str:
    return sql.format(table=quote(table), most=MOST)


def faults(archive: Archive, *, rows: bool) -> Iterator[tuple[str, str]]:
    """Look through the catalogues and all else that alerts are enriched with.

    Parameters
    ----------
    archive
        The archive that they go with.
    rows
        Whether the rows of catalogues are read.

    Yields
    ------
    name, fault
        Of each in its turn; the fault is a sentence, empty where all is well.
    """
    store = store_of(archive.place)
    for name in names(store):
        try:
            whole(store / name, rows=rows)
        except (EnrichError, OSError) as error:
            yield name, str(error)
        else:
            yield name, ""
