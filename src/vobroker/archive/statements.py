"""The SQL that puts a batch into the tables, as every engine understands it; it handles whole columns.

``incoming``, ``judged``, ``alerts``, ``keys``, ``measured``, ``letters``, ``ran``, ``passed``, ``nights`` and
``read`` are Arrow data that :mod:`vobroker.archive.transaction` lends to the statement.
What an engine says in its own way is in a class of its own.
"""

# ruff: noqa: S608 -- what is put into the text are names out of the column table
from __future__ import annotations

from dataclasses import dataclass

from vobroker.alerts.columns import DEAD_LETTER, MEASUREMENT
from vobroker.archive.tables import quote
from vobroker.voevent.columns import VOEVENT
from vobroker.votypes.columns import Table


def names(table: Table) -> str:
    """Write the columns of a table."""
    return ", ".join(map(quote, table.names))


_LEDGER_SOURCE = "regexp_replace(source, '!.*$|/[^/!]*$', '')"  # files by folder, members by their tar

_FATES = """
    SELECT CASE WHEN NOT again AND stored IS NULL THEN 'archived'
                WHEN digest = coalesce(stored, first_digest) THEN 'duplicate'
                ELSE 'dead' END AS fate
    FROM (
        SELECT incoming."row", incoming.digest, known.digest AS stored,
               row_number() OVER same > 1 AS again, first_value(incoming.digest) OVER same AS first_digest
        FROM incoming LEFT JOIN {table} AS known USING ({key})
        WINDOW same AS (PARTITION BY incoming.{one} ORDER BY incoming."row")
    ) AS looked ORDER BY "row"
"""

FATES = _FATES.format(table="payload", key="survey, alert_id", one="alert_id")  # a batch is of one survey
FATES_OF_RECEIVED = _FATES.format(table="voevent", key="ivorn", one="ivorn")

_COUNT = f"""
    INSERT INTO ledger_entry
    SELECT {_LEDGER_SOURCE}, partition, {{what}}, count(*),
           count(*) FILTER (WHERE fate = 'archived'), count(*) FILTER (WHERE fate = 'duplicate'), 0
    FROM judged WHERE fate <> 'dead' GROUP BY 1, 2, 3, 4, 5
"""

COUNT_ALERTS = _COUNT.format(what="survey, night, visit")
COUNT_RECEIVED = _COUNT.format(what="'voevent', CAST(NULL AS INTEGER), CAST(NULL AS BIGINT)")

_KNOWN_LETTER = """
    SELECT letters.*, EXISTS (
        SELECT 1 FROM dead_letter AS old
        WHERE old.source = letters.source AND old.partition = letters.partition
          AND old.position = letters.position AND old.digest = letters.digest
    ) AS known FROM letters
"""

COUNT_DEAD_LETTERS = f"""
    INSERT INTO ledger_entry
    SELECT {_LEDGER_SOURCE}, partition, survey, night, visit, count(*),
           0, count(*) FILTER (WHERE known), count(*) FILTER (WHERE NOT known)
    FROM ({_KNOWN_LETTER}) AS told GROUP BY 1, 2, 3, 4, 5
"""

NEW_DEAD_LETTERS = f"SELECT count(*) AS number FROM ({_KNOWN_LETTER}) AS told WHERE NOT known"

ADD_DEAD_LETTERS = f"""
    INSERT INTO dead_letter
    SELECT (SELECT coalesce(max(id), 0) FROM dead_letter) + row_number() OVER (ORDER BY id), {
    ", ".join(quote(name) for name in DEAD_LETTER.names if name != "id")
}
    FROM ({_KNOWN_LETTER}) AS told WHERE NOT known
"""

UNCOUNT_DEAD_LETTERS = f"""
    INSERT INTO ledger_entry
    SELECT {_LEDGER_SOURCE}, partition, survey, CAST(NULL AS INTEGER), CAST(NULL AS BIGINT),
           -count(*), 0, 0, -count(*)
    FROM dead_letter WHERE id = ANY(?) GROUP BY 1, 2, 3
"""

RELEASE_DEAD_LETTERS = "DELETE FROM dead_letter WHERE id = ANY(?)"

ADD_RECEIVED = f"""
    INSERT INTO voevent
    SELECT (SELECT coalesce(max(number), 0) FROM voevent) + row_number() OVER (ORDER BY "row"), {
    ", ".join(quote(name) for name in VOEVENT.names if name != "number")
}
    FROM judged WHERE fate = 'archived'
"""

COUNT_MATCHES = """
    INSERT INTO filter_ledger_entry
    SELECT stream, version, night, count(*), count(passed."row"),
           CASE WHEN failed THEN 0 ELSE count(*) - count(passed."row") END,
           CASE WHEN failed THEN count(*) ELSE 0 END
    FROM ran CROSS JOIN nights LEFT JOIN passed USING (run, "row")
    GROUP BY run, stream, version, failed, night
"""

ADD_EVENTS = """
    INSERT INTO event
    SELECT (SELECT coalesce(max(sequence), 0) FROM event) + row_number() OVER (ORDER BY run, "row"), ivorn,
           stream, version, survey, alert_id, object_id, mjd,
           CASE WHEN object_id IS NOT NULL THEN coalesce(
               lag(ivorn) OVER (PARTITION BY run, survey, object_id ORDER BY "row"), earlier.last_ivorn
           ) END, $2
    FROM (
        SELECT *, $1 || stream || '#' || survey || '-' || alert_id AS ivorn FROM passed JOIN ran USING (run)
    ) AS named
    LEFT JOIN (
        SELECT stream, survey, object_id, (array_agg(ivorn ORDER BY sequence DESC))[1] AS last_ivorn
        FROM event WHERE (survey, object_id) IN (SELECT DISTINCT survey, object_id FROM passed)
        GROUP BY stream, survey, object_id
    ) AS earlier USING (stream, survey, object_id)
"""

FORGET_POSITIONS = """
    DELETE FROM source_position USING read
    WHERE source_position.source = read.source AND source_position.partition = read.partition
"""

POSITIONS = """
    SELECT source_position.source, source_position.partition, source_position.position
    FROM source_position JOIN read USING (source, partition)
"""

SET_POSITIONS = "INSERT INTO source_position SELECT source, partition, position FROM read"


@dataclass(frozen=True, slots=True)
class Statements:
    """What an engine says in its own way."""

    add_objects: str
    new_measurements: str
    add_measurements: str
    positions: str


DUCKDB = Statements(
    add_objects="""
    MERGE INTO object USING (
        SELECT survey, object_id, min(least(first_mjd, mjd)) AS first_mjd, max(mjd) AS last_mjd,
               count(*) AS n_alerts, arg_max(alert_id, mjd) AS last_alert_id, arg_max(ra, mjd) AS ra,
               arg_max(dec, mjd) AS dec, arg_max(healpix, mjd) AS healpix,
               arg_max(solar_system, mjd) AS solar_system
        FROM alerts WHERE object_id IS NOT NULL GROUP BY survey, object_id
    ) AS new ON object.survey = new.survey AND object.object_id = new.object_id
    WHEN MATCHED AND new.last_mjd >= object.last_mjd THEN UPDATE SET
        first_mjd = least(object.first_mjd, new.first_mjd), last_mjd = new.last_mjd,
        n_alerts = object.n_alerts + new.n_alerts, last_alert_id = new.last_alert_id,
        ra = new.ra, dec = new.dec, healpix = new.healpix, solar_system = new.solar_system
    WHEN MATCHED THEN UPDATE SET
        first_mjd = least(object.first_mjd, new.first_mjd), n_alerts = object.n_alerts + new.n_alerts
    WHEN NOT MATCHED THEN INSERT BY NAME
""",
    # The table is searched only for objects that it has: most of it is then passed over unread.
    new_measurements="""
    WITH old AS (
        SELECT object_id, kind, measurement_id FROM measurement WHERE survey = $1 AND object_id IN (
            SELECT object_id FROM object SEMI JOIN alerts USING (survey, object_id))
    )
    SELECT min("number") AS "number" FROM keys ANTI JOIN old USING (object_id, kind, measurement_id)
    WHERE object_id IS NOT NULL
    GROUP BY object_id, kind, measurement_id ORDER BY ALL
""",
    add_measurements=f"INSERT INTO measurement SELECT {names(MEASUREMENT)} FROM measured",
    positions=POSITIONS,
)
