"""The tables of an archive on PostgreSQL: made from the column table, and grown with the packets' schemas."""

# ruff: noqa: S608 -- what is put into the text are names out of the column table
from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

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
from vobroker.archive.tables import ACCOUNTS, FORMAT, RECEIVED, as_tables, quote, wider
from vobroker.enrich.layer import CROSSMATCH, enriched
from vobroker.voevent.columns import VOEVENT, VOEVENT_CITATION, VOEVENT_PARAM
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
    VOEVENT: ("ivorn",),
    VOEVENT_PARAM: ("ivorn", "place"),
    VOEVENT_CITATION: (),
}
"""Tables by their keys, where they have one; what is asked for alone comes first."""

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

_INDEXES_OF_RECEIVED = (
    "voevent (number)",
    "voevent (healpix)",
    "voevent_citation (ivorn)",
    "voevent_citation (cited)",
)

_SKY = {
    "q3c": ("postgresql-q3c", "q3c", "(q3c_ang2ipix(ra, dec))"),
    "pg_sphere": ("postgresql-pgsphere", "pgsphere", "USING gist (spoint(radians(ra), radians(dec)))"),
}
"""Extensions for the sky, the better one first: the translator that asks their index, what the index is
called behind the table's name, and what it is on. Without one there is the index of HEALPix cells."""

LOCK = 0x766F62726F6B6572
"""Key of the advisory lock of whoever numbers something, or changes a table."""


def create(db: Connection) -> None:
    """Make the tables of a new archive, in one transaction; where there is an archive nothing is done."""
    db.do("BEGIN")
    try:
        take_lock(db)
        if not has_tables(db):
            _create(db)
        elif not has_received(db):
            for table in RECEIVED:
                _make(db, table)
            _index(db, RECEIVED, _INDEXES_OF_RECEIVED)
        db.do("COMMIT")
    except BaseException:
        db.do("ROLLBACK")
        raise


def _create(db: Connection) -> None:
    make(db)
    index(db)


def make(db: Connection) -> None:
    """Make the tables of an archive, without keys and indexes."""
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
    for table in KEYS:
        _make(db, table)
    db.do("ALTER TABLE payload ALTER COLUMN data SET STORAGE EXTERNAL")  # it is compressed
    # Alerts in the order of their commits, by which pages and replays go.
    db.do('CREATE TABLE arrival (number bigint, survey text COLLATE "C", alert_id bigint)')
    for table, keys in ACCOUNTS.items():
        db.do(f"CREATE TABLE {table.name}_entry ({columns(table)})")
        sums = ", ".join(f"CAST(sum({name}) AS bigint) AS {name}" for name in table.names[keys:])
        names = ", ".join(map(quote, table.names[:keys]))
        db.do(
            f"CREATE VIEW {table.name} AS SELECT {names}, {sums} FROM {table.name}_entry"
            f" GROUP BY {names} ORDER BY {names}"
        )


def index(db: Connection) -> None:
    """Make the keys and indexes of an archive's tables."""
    _index(db, KEYS, (*_INDEXES, *_INDEXES_OF_RECEIVED))
    db.do("ALTER TABLE event ADD UNIQUE (ivorn)")
    db.do("ALTER TABLE arrival ADD PRIMARY KEY (number)")
    for extension, (_, name, places) in _SKY.items():
        if _has(db, extension):
            for on in (ALERT.name, OBJECT.name):
                db.do(f"CREATE INDEX {on}_{name} ON {on} {places}")
            return


def _make(db: Connection, table: Table) -> None:
    more = ", data bytea" if table is PAYLOAD else ""
    db.do(f"CREATE TABLE {table.name} ({columns(table)}{more})")


def _index(db: Connection, made: Iterable[Table], indexes: Iterable[str]) -> None:
    for table in made:
        if key := KEYS[table]:
            db.do(f"ALTER TABLE {table.name} ADD PRIMARY KEY ({', '.join(key)})")
    for indexed in indexes:
        db.do(f"CREATE INDEX ON {indexed}")


def take_lock(db: Connection) -> None:
    """Wait for the lock of whoever numbers or changes tables; it is held until the transaction ends."""
    db.ask("SELECT 1 FROM pg_advisory_xact_lock(?)", [LOCK])


def be_alone(db: Connection) -> None:
    """Wait for the lock of whoever publishes; it is held until the session ends."""
    db.ask("SELECT 1 FROM pg_advisory_lock(?)", [LOCK + 1])


def has_tables(db: Connection) -> bool:
    """Whether there are tables of an archive."""
    return _are_there(db, "meta", "native_column")


def has_received(db: Connection) -> bool:
    """Whether there are tables of received events, which archives did not have at first."""
    return _are_there(db, VOEVENT.name)


def _are_there(db: Connection, *names: str) -> bool:
    # Not by to_regclass, which remembers within a transaction that a table was not there.
    found = db.ask(
        "SELECT count(DISTINCT relname) AS n FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace"
        " WHERE relname = ANY(?) AND nspname = ANY(current_schemas(false))",
        [list(names)],
    )
    return bool(found["n"][0].as_py() == len(names))


def check_encoding(db: Connection, place: str) -> None:
    """Refuse a database in which not every text can be.

    Raises
    ------
    ArchiveError
        With the reason.
    """
    encoding = db.ask("SELECT current_setting('server_encoding') AS x")["x"][0].as_py()
    if encoding != "UTF8":
        raise ArchiveError(f"{place} has the encoding {encoding}; an archive needs UTF8")


def check_format(db: Connection, place: str) -> None:
    """Refuse an archive of a newer version, or one that lacks tables.

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
    if not has_received(db):
        raise ArchiveError(
            f"{place} is of an earlier vobroker; 'vobroker archive upgrade' adds what it lacks"
        )


def platform(db: Connection) -> str:
    """Give the translator's name of the engine: that of the extension whose index of the sky is there."""
    for extension, (name, suffix, _) in _SKY.items():
        found = db.ask("SELECT to_regclass(?) IS NOT NULL AS x", [f"{ALERT.name}_{suffix}"])
        if found["x"][0].as_py() and _has(db, extension):
            return name
    return "postgresql"


def about(db: Connection) -> pa.Table:
    """Give ``version`` of the server, ``format`` of the archive, and bytes of ``tables`` and ``packets``."""
    names = ["meta", "native_column", "packet_head", "packet_schema", "arrival"]
    names += [table.name for table in KEYS if table is not PAYLOAD]
    names += [*(f"{table.name}_entry" for table in ACCOUNTS), *native_tables(db)]
    return db.ask(
        "SELECT split_part(current_setting('server_version'), ' ', 1) AS version,"
        " (SELECT value FROM meta WHERE key = 'format') AS format,"
        " CAST(sum(pg_total_relation_size(oid)) FILTER (WHERE relname = ANY(?)) AS bigint) AS tables,"
        " CAST(sum(pg_total_relation_size(oid)) FILTER (WHERE relname = 'payload') AS bigint) AS packets"
        " FROM pg_class"
        " WHERE relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'meta'::regclass)",
        [names],
    )


def native_tables(db: Connection, name: str | None = None) -> dict[str, Table]:
    """Give the native table of each survey that has one, and those of enrichment; or one by its name."""
    rows = db.ask(
        "SELECT survey, name, type, unit, ucd, description FROM native_column"
        " WHERE survey = coalesce(?, survey) ORDER BY number",
        [name],
    )
    return as_tables(rows.to_pylist())


def grow_native(db: Connection, table: Table, *, key: bool = True) -> Table:
    """Make a survey's native table, or give it the columns and the width that a schema needs.

    As :func:`vobroker.archive.tables.grow_native`; several processes may do so at once. Without a key the
    table is filled faster; :func:`add_native_key` makes it afterwards.
    """
    survey = table.name
    known = native_tables(db, survey).get(survey)
    if known is not None and all(
        column.name in known and wider(known[column.name].type, column.type) == known[column.name].type
        for column in table
    ):
        return known
    take_lock(db)
    known = native_tables(db, survey).get(survey)
    if known is None:
        taken = db.ask(
            "SELECT 1 AS x FROM pg_class WHERE lower(relname) = lower(?)"
            " AND relnamespace = current_schema()::regnamespace",
            [survey],
        )
        if taken.num_rows:
            raise ArchiveError(f"a survey cannot be called '{survey}': the archive has a table of that name")
        db.do(f"CREATE TABLE {quote(survey)} ({columns(table)})")
        if key:
            add_native_key(db, table)
        _note(db, survey, table.columns)
        return native_tables(db, survey)[survey]
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
    return native_tables(db, survey)[survey]


def add_native_key(db: Connection, table: Table) -> None:
    """Make the key of a native table, and of one of enrichment, which has the alerts of all surveys."""
    keys = ["survey", "alert_id"] if enriched(table.name) else ["alert_id"]
    keys += ["catalogue", "rank"] if table.name == CROSSMATCH.name else []
    if all(key in table for key in keys):
        named = ", ".join(map(quote, keys))
        db.do(f"ALTER TABLE {quote(table.name)} ADD PRIMARY KEY ({named})")


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


def _note(db: Connection, survey: str, noted: tuple[Column, ...]) -> None:
    for c in noted:
        db.do(
            "INSERT INTO native_column (survey, name, type, unit, ucd, description)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            [survey, c.name, c.type, c.unit, c.ucd, c.description],
        )


def _has(db: Connection, extension: str) -> bool:
    return bool(db.ask("SELECT 1 AS x FROM pg_extension WHERE extname = ?", [extension]).num_rows)
