"""The tables of the archive: made from the column table, and grown with the packets' schemas."""

from __future__ import annotations

from collections.abc import Iterable

from duckdb import DuckDBPyConnection

from vobroker.alerts.columns import (
    ALERT,
    DEAD_LETTER,
    EVENT,
    FILTER_LEDGER,
    LEDGER,
    MEASUREMENT,
    OBJECT,
    PAYLOAD,
    SOURCE_POSITION,
)
from vobroker.alerts.surveys import native_system
from vobroker.archive.errors import ArchiveError
from vobroker.enrich.history import TABLE as HISTORY
from vobroker.enrich.layer import CONTEXT, CROSSMATCH, enriched
from vobroker.enrich.store import system_of
from vobroker.voevent.columns import VOEVENT, VOEVENT_CITATION, VOEVENT_PARAM
from vobroker.votypes.columns import Column, Table
from vobroker.votypes.types import TYPES

FORMAT = 1
"""Version of the archive's layout; raised when an older program could not read it any more."""

ACCOUNTS = {LEDGER: 5, FILTER_LEDGER: 3}
"""Accounts and how many of their first columns say what is counted; the others are the counts.

An account is a book of entries, one a batch, that are only ever added; the public table is their sum.
"""

RECEIVED = (VOEVENT, VOEVENT_PARAM, VOEVENT_CITATION)
"""Tables of received events, which archives did not have at first."""

_UNFINISHED = "unfinished"

_WIDER = ("BOOLEAN", "SMALLINT", "INTEGER", "BIGINT", "REAL", "DOUBLE", "VARCHAR")
"""Each type holds the values of those before it, except that BIGINT and REAL meet in DOUBLE."""


def create(db: DuckDBPyConnection, *, origin: str = "") -> None:
    """Make the tables of a new archive; an archive gets those that it lacks, any other database is left.

    Parameters
    ----------
    db
        Connection to the database.
    origin
        Where its content will come from. The archive is then marked as unfinished, and has no indexes yet.
    """
    if known := names(db):
        if "meta" in known and VOEVENT.name not in known:
            db.begin()
            _make_received(db)
            _index_received(db)
            db.commit()
        return
    db.begin()
    db.execute("CREATE TABLE meta (key VARCHAR PRIMARY KEY, value VARCHAR NOT NULL)")
    db.execute("INSERT INTO meta VALUES ('format', ?)", [str(FORMAT)])
    if origin:
        db.execute("INSERT INTO meta VALUES (?, ?)", [_UNFINISHED, origin])
    db.execute(
        "CREATE TABLE native_column (survey VARCHAR, name VARCHAR, type VARCHAR, unit VARCHAR,"
        " ucd VARCHAR, description VARCHAR)"
    )
    for name in ("head", "schema"):
        db.execute(f"CREATE TABLE packet_{name} (id INTEGER PRIMARY KEY, digest BLOB UNIQUE, content BLOB)")
    for table in (ALERT, MEASUREMENT, OBJECT, PAYLOAD, DEAD_LETTER, SOURCE_POSITION):
        db.execute(f"CREATE TABLE {table.name} ({_columns(table)})")
    db.execute(f"CREATE TABLE {EVENT.name} ({_columns(EVENT)}, UNIQUE (ivorn))")
    _make_received(db)
    for table, keys in ACCOUNTS.items():
        db.execute(f"CREATE TABLE {table.name}_entry ({_columns(table)})")
        sums = ", ".join(f"CAST(sum({name}) AS BIGINT) AS {name}" for name in table.names[keys:])
        counted = ", ".join(f'"{name}"' for name in table.names[:keys])
        db.execute(
            f"CREATE VIEW {table.name} AS SELECT {counted}, {sums} FROM {table.name}_entry"  # noqa: S608
            " GROUP BY ALL ORDER BY ALL"
        )
    if not origin:
        index(db)
    db.commit()


def index(db: DuckDBPyConnection) -> None:
    """Make the indexes: one object is looked up among millions, everything else is scanned."""
    for table in (ALERT, OBJECT, MEASUREMENT):
        db.execute(f"CREATE INDEX {table.name}_object ON {table.name} (object_id)")
    _index_received(db)


def _make_received(db: DuckDBPyConnection) -> None:
    for table in RECEIVED:
        db.execute(f"CREATE TABLE {table.name} ({_columns(table)})")


def _index_received(db: DuckDBPyConnection) -> None:
    db.execute(f"CREATE UNIQUE INDEX voevent_ivorn ON {VOEVENT.name} (ivorn)")


def unfinished(db: DuckDBPyConnection) -> str:
    """Give whence the content of an archive comes that is not finished; empty for all others."""
    if "meta" not in names(db):
        return ""
    found = db.execute("SELECT value FROM meta WHERE key = ?", [_UNFINISHED]).fetchall()
    return str(found[0][0]) if found else ""


def finish(db: DuckDBPyConnection) -> None:
    """Take the mark off an archive that is finished now."""
    db.execute("DELETE FROM meta WHERE key = ?", [_UNFINISHED])


def drop(db: DuckDBPyConnection) -> None:
    """Take all tables away."""
    db.begin()
    for table in ACCOUNTS:
        db.execute(f"DROP VIEW {table.name}")
    for name in names(db):
        db.execute(f"DROP TABLE {quote(name)}")
    db.commit()


def names(db: DuckDBPyConnection) -> set[str]:
    """Give the names of all tables."""
    return {name for (name,) in db.sql("SELECT table_name FROM duckdb_tables()").fetchall()}


def check_format(db: DuckDBPyConnection, place: str) -> None:
    """Refuse a database that is no archive, one that is not finished, or one of a newer version.

    Raises
    ------
    ArchiveError
        With the reason.
    """
    if "meta" not in names(db):
        raise ArchiveError(f"{place} is a DuckDB file but not a vobroker archive")
    rows = db.sql("SELECT value FROM meta WHERE key = 'format'").fetchall()
    version = int(rows[0][0]) if rows else 0
    if version > FORMAT:
        raise ArchiveError(
            f"{place} has archive format {version}, this vobroker knows format {FORMAT}; use a newer vobroker"
        )
    if VOEVENT.name not in names(db):
        raise ArchiveError(
            f"{place} is of an earlier vobroker; 'vobroker archive upgrade' adds what it lacks"
        )
    if origin := unfinished(db):
        raise ArchiveError(f"{place} holds an unfinished copy of {origin}; copy it again")


def native_tables(db: DuckDBPyConnection, name: str | None = None) -> dict[str, Table]:
    """Give the native table of each survey that has one, and those of enrichment; or one by its name."""
    rows = db.sql(
        "SELECT survey, name, type, unit, ucd, description FROM native_column"
        " WHERE survey = coalesce(?, survey) ORDER BY rowid",
        params=[name],
    ).fetchall()
    noted = ("survey", "name", "type", "unit", "ucd", "description")
    return as_tables([dict(zip(noted, row, strict=True)) for row in rows])


def as_tables(rows: Iterable[dict[str, str]]) -> dict[str, Table]:
    """Give the native tables that the rows of ``native_column`` describe."""
    columns: dict[str, list[Column]] = {}
    for row in rows:
        survey, name, kind, unit, ucd, description = row.values()
        system = system_of(survey, name) if enriched(survey) else native_system(survey, name)
        columns.setdefault(survey, []).append(Column(name, kind, unit, ucd, description, system=system))
    return {name: Table(name, tuple(found), _description(name)) for name, found in columns.items()}


def _description(name: str) -> str:
    if not enriched(name):
        return f"One row per {name} alert, every scalar field as published"
    if name == CROSSMATCH.name:
        return CROSSMATCH.description
    if name == CONTEXT:
        return "Where each alert is in the Galaxy and to the ecliptic"
    if name == HISTORY.name:
        return HISTORY.description
    kind, _, what = name.replace("match_", "catalogue_", 1).partition("_")
    if kind == "classifier":
        return f"What the classifier {what} says of each alert"
    return f"One row per alert in the {kind} {what}"


def grow_native(db: DuckDBPyConnection, table: Table) -> Table:
    """Make a survey's native table, or give it the columns and the width that a schema needs.

    Parameters
    ----------
    db
        Connection within a transaction.
    table
        Columns of the alerts that are about to be stored; its name is that of the survey.

    Returns
    -------
    Table
        The native table as it is now: a column once seen stays, and none gets narrower.
    """
    survey = table.name
    known = native_tables(db, survey).get(survey)
    if known is None:
        if survey.lower() in {
            name.lower() for (name,) in db.sql("SHOW ALL TABLES").project("name").fetchall()
        }:
            raise ArchiveError(f"a survey cannot be called '{survey}': the archive has a table of that name")
        db.execute(f"CREATE TABLE {quote(survey)} ({_columns(table)})")
        _note(db, survey, table.columns)
        return native_tables(db, survey)[survey]
    for column in table:
        if column.name not in known:
            db.execute(f"ALTER TABLE {quote(survey)} ADD COLUMN {_definition(column)}")
            _note(db, survey, (column,))
        elif (wide := wider(known[column.name].type, column.type)) != known[column.name].type:
            name = known[column.name].name
            sql_type = TYPES[wide].duckdb
            db.execute(f"ALTER TABLE {quote(survey)} ALTER COLUMN {quote(name)} SET DATA TYPE {sql_type}")
            db.execute(
                "UPDATE native_column SET type = ? WHERE survey = ? AND name = ?", [wide, survey, name]
            )
    return native_tables(db, survey)[survey]


def quote(name: str) -> str:
    """Write a name as a delimited SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def wider(one: str, other: str) -> str:
    """Give the type that holds the values of both."""
    if one == other:
        return one
    if one not in _WIDER or other not in _WIDER:
        return "VARCHAR"
    if {one, other} in ({"BIGINT", "REAL"}, {"INTEGER", "REAL"}):
        return "DOUBLE"
    return max(one, other, key=_WIDER.index)


def _columns(table: Table) -> str:
    return ", ".join(_definition(column) for column in table)


def _definition(column: Column) -> str:
    return f"{quote(column.name)} {column.datatype.duckdb}"


def _note(db: DuckDBPyConnection, survey: str, columns: tuple[Column, ...]) -> None:
    values = ", ".join(["(?, ?, ?, ?, ?, ?)"] * len(columns))
    rows = [(survey, c.name, c.type, c.unit, c.ucd, c.description) for c in columns]
    db.execute(f"INSERT INTO native_column VALUES {values}", [value for row in rows for value in row])  # noqa: S608
