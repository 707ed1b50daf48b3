"""What is in an archive, and how much of it."""

# ruff: noqa: S608 -- what is put into the text are names of tables
from __future__ import annotations

from dataclasses import dataclass

from vobroker.archive.archive import Archive
from vobroker.archive.tables import quote

_SURVEYS = """
    SELECT survey, count(*) AS alerts, count(DISTINCT night) AS nights, min(night) AS first_night,
           max(night) AS last_night
    FROM alert GROUP BY survey ORDER BY survey
"""


@dataclass(frozen=True, slots=True)
class Nights:
    """The alerts of a survey; nights as yyyymmdd, None where no alert has one."""

    survey: str
    alerts: int
    nights: int
    first_night: int | None
    last_night: int | None


@dataclass(frozen=True, slots=True)
class Inventory:
    """What keeps an archive, and what it has.

    Attributes
    ----------
    place, engine, format
        Where it is, the database with its version, and the version of the layout.
    tables, packets
        Bytes on the disk.
    rows
        Rows by table.
    surveys
        Alerts and nights by survey.
    """

    place: str
    engine: str
    format: int
    tables: int
    packets: int
    rows: dict[str, int]
    surveys: list[Nights]


def inventory(archive: Archive) -> Inventory:
    """Count what is in an archive; all of one moment."""
    about = archive.about()
    names = list(archive.tables())
    counts = ", ".join(f"(SELECT count(*) FROM {quote(name)}) AS {quote(name)}" for name in names)
    (rows,) = archive.query(f"SELECT {counts}").to_pylist()
    surveys = [Nights(**row) for row in archive.query(_SURVEYS).to_pylist()]
    return Inventory(archive.place, about.engine, about.format, about.tables, about.packets, rows, surveys)
