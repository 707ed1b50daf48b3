"""The tables of an archive on PostgreSQL: made from the column table, and grown with the packets' schemas."""

# ruff: noqa: S608 -- what is put into the text are names out of the column table
from __future__ import annotations

from vobroker.alerts.columns import (
    ALERT,
    DEAD_LETTER,
    EVENT,
    MEASUREMENT,
    OBJECT,
    PAYLOAD,
    SOURCE_POSITION,
)
from vobroker.archive.errors import ArchiveError
from vobroker.archive.postgresql.connection import Connection
from vobroker.archive.tables import ACCOUNTS, FORMAT, as_tables, quote, wider
from vobroker.votypes.columns import Column, Table
from vobroker.votypes.databases import stored

KEYS = {
    ALERT: ("alert_id", "survey"),
    MEASUREMENT: ("object_id", "kind", "measurement_id", "survey"),
    OBJECT: ("object_id", "survey"),
    PAYLOAD: ("alert_id", "survey"),
    DEAD_LETTER: ("id",),
    EVENT: ("sequence",),
    SOURCE_POSITION: ("source", "partition"),
}
"""Tables by their keys; what is asked for alone comes first."""

_INDEXES = (
    "alert (object_id)",
    "alert (healpix)",
    "alert USING brin (received) WITH (pages_per_range = 8, autosummarize = on)",
    "object (healpix)",
    "object (lower(object_id))",
    "event (object_id)",
    "event (alert_id)",
    "dead_letter (source, partition, position)",
)

LOCK = 0x766F62726F6B6572
"""Key of the advisory lock of whoever numbers something, or changes a table."""


def create(db: Connection) -> None:
    """Make the tables of a new archive, in one transaction; where there is an archive nothing is done."""
    db.do("BEGIN")
    try:
        take_lock(db)
        if not has_tables(db):
            _create(db)
        db.do("COMMIT")
    except BaseException:
        db.do("ROLLBACK")
        raise


def _create(db: Connection) -> None:
    db.do("CREATE TABLE meta (key text PRIMARY KEY, value text NOT NULL)")
    db.do("INSERT INTO meta VALUES ('format', ?)", [str(FORMAT)])
    db.do(
        'CREATE TABLE native_column (survey text COLLATE "C", name text COLLATE "C", type text, unit text,'
        " ucd text, description text, number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY)"
    )
    for name in ("head", "schema"):
        db.do(
            f"CREATE TABLE packet_{name} (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
            " digest bytea UNIQUE, content bytea)"
        )
    for table, key in KEYS.items():
        more = ", data bytea" if table is PAYLOAD else ""
        db.do(f"CREATE TABLE {table.name} ({columns(table)}{more}, PRIMARY KEY ({', '.join(key)}))")
    db.do("ALTER TABLE payload ALTER COLUMN data SET STORAGE EXTERNAL")  # it is compressed
    db.do("ALTER TABLE event ADD UNIQUE (ivorn)")
    # Alerts in the order of their commits, by which pages and replays go.
    db.do('CREATE TABLE arrival (number bigint PRIMARY KEY, survey text COLLATE "C", alert_id bigint)')
    for index in _INDEXES:
        db.do(f"CREATE INDEX ON {index}")
    if _has_q3c(db):
        for name in (ALERT.name, OBJECT.name):
            db.do(f"CREATE INDEX {name}_q3c ON {name} (q3c_ang2ipix(ra, dec))")
    for table, keys in ACCOUNTS.items():
        db.do(f"CREATE TABLE {table.name}_entry ({columns(table)})")
        sums = ", ".join(f"CAST(sum({name}) AS bigint) AS {name}" for name in table.names[keys:])
        names = ", ".join(map(quote, table.names[:keys]))
        db.do(
            f"CREATE VIEW {table.name} AS SELECT {names}, {sums} FROM {table.name}_entry"
            f" GROUP BY {names} ORDER BY {names}"
        )


def take_lock(db: Connection) -> None:
    """Wait for the lock of whoever numbers or changes tables; it is held until the transaction ends."""
    db.ask("SELECT 1 FROM pg_advisory_xact_lock(?)", [LOCK])


def be_alone(db: Connection) -> None:
    """Wait for the lock of whoever publishes; it is held until the session ends."""
    db.ask("SELECT 1 FROM pg_advisory_lock(?)", [LOCK + 1])


def has_tables(db: Connection) -> bool:
    """Whether there are tables of an archive."""
    # Not by to_regclass, which remembers within a transaction that a table was not there.
    found = db.ask(
        "SELECT count(DISTINCT relname) = 2 AS x FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace"
        " WHERE relname IN ('meta', 'native_column') AND nspname = ANY(current_schemas(false))"
    )
    return bool(found["x"][0].as_py())


def check_format(db: Connection, place: str) -> None:
    """Refuse an archive of a newer version.

    Raises
    ------
    ArchiveError
        With the reason.
    """
    rows = db.ask("SELECT value FROM meta WHERE key = 'format'")["value"].to_pylist()
    version = int(rows[0]) if rows else 0
    if version > FORMAT:
        raise ArchiveError(
            f"{place} has archive format {version}, this vobroker knows format {FORMAT}; use a newer vobroker"
        )


def platform(db: Connection) -> str:
    """Give the translator's name of the engine: with q3c where its index is there."""
    found = db.ask("SELECT to_regclass('alert_q3c') IS NOT NULL AS x")["x"][0].as_py()
    return "postgresql-q3c" if found and _has_q3c(db) else "postgresql"


def native_tables(db: Connection) -> dict[str, Table]:
    """Give the native table of each survey that has one."""
    rows = db.ask("SELECT survey, name, type, unit, ucd, description FROM native_column ORDER BY number")
    return as_tables(rows.to_pylist())


def grow_native(db: Connection, table: Table) -> Table:
    """Make a survey's native table, or give it the columns and the width that a schema needs.

    As :func:`vobroker.archive.tables.grow_native`; several processes may do so at once.
    """
    survey = table.name
    known = native_tables(db).get(survey)
    if known is not None and all(
        column.name in known and wider(known[column.name].type, column.type) == known[column.name].type
        for column in table
    ):
        return known
    take_lock(db)
    known = native_tables(db).get(survey)
    if known is None:
        taken = db.ask(
            "SELECT 1 AS x FROM pg_class WHERE lower(relname) = lower(?)"
            " AND relnamespace = current_schema()::regnamespace",
            [survey],
        )
        if taken.num_rows:
            raise ArchiveError(f"a survey cannot be called '{survey}': the archive has a table of that name")
        db.do(f"CREATE TABLE {quote(survey)} ({columns(table)}{_native_key(table)})")
        _note(db, survey, table.columns)
        return native_tables(db)[survey]
    for column in table:
        if column.name not in known:
            db.do(f"ALTER TABLE {quote(survey)} ADD COLUMN {_definition(column)}")
            _note(db, survey, (column,))
        elif (wide := wider(known[column.name].type, column.type)) != known[column.name].type:
            name, kind = known[column.name].name, known[column.name].type
            db.do(
                f"ALTER TABLE {quote(survey)} ALTER COLUMN {quote(name)} SET DATA TYPE {_sql_type(wide)}"
                f" USING {_cast(quote(name), kind, wide)}"
            )
            db.do("UPDATE native_column SET type = ? WHERE survey = ? AND name = ?", [wide, survey, name])
    return native_tables(db)[survey]


def columns(table: Table) -> str:
    """Write the columns of a table with their types."""
    return ", ".join(map(_definition, table))


def _definition(column: Column) -> str:
    return f"{quote(column.name)} {_sql_type(column.type)}"


def _sql_type(name: str) -> str:
    """Give a column's type; text is ordered by code point, as ADQL has it here on every engine."""
    kind = stored(name, "postgresql")
    return f'{kind} COLLATE "C"' if kind == "text" else kind


def _cast(sql: str, kind: str, wide: str) -> str:
    """Write a value in a wider type; truth values become numbers by way of INTEGER only."""
    by = "::integer" if kind == "BOOLEAN" and wide != "VARCHAR" else ""
    return f"{sql}{by}::{stored(wide, 'postgresql')}"


def _native_key(table: Table) -> str:
    return ", PRIMARY KEY (alert_id)" if "alert_id" in table else ""


def _note(db: Connection, survey: str, noted: tuple[Column, ...]) -> None:
    for c in noted:
        db.do(
            "INSERT INTO native_column (survey, name, type, unit, ucd, description)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            [survey, c.name, c.type, c.unit, c.ucd, c.description],
        )


def _has_q3c(db: Connection) -> bool:
    return bool(db.ask("SELECT 1 AS x FROM pg_extension WHERE extname = 'q3c'").num_rows)
