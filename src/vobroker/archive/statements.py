"""The SQL that puts a batch into the tables; every statement handles whole columns.

``incoming``, ``alerts``, ``native``, ``stored``, ``letters``, ``passed``, ``nights`` and ``read`` are
Arrow data that :mod:`vobroker.archive.transaction` lends to the statement.
"""

# ruff: noqa: S608 -- what is put into the text are names out of the column table
from __future__ import annotations

from vobroker.alerts.columns import ALERT, MEASUREMENT, PAYLOAD
from vobroker.archive.tables import quote
from vobroker.votypes.columns import Table


def _names(table: Table, prefix: str = "") -> str:
    return ", ".join(prefix + quote(name) for name in table.names)


_LEDGER_SOURCE = "regexp_replace(source, '!.*$|/[^/!]*$', '')"  # files by folder, members by their tar

FATES = """
    SELECT CASE WHEN NOT again AND stored IS NULL THEN 'archived'
                WHEN digest = coalesce(stored, first_digest) THEN 'duplicate'
                ELSE 'dead' END AS fate
    FROM (
        SELECT incoming."row", incoming.digest, payload.digest AS stored,
               row_number() OVER same > 1 AS again, first_value(incoming.digest) OVER same AS first_digest
        FROM incoming LEFT JOIN payload USING (survey, alert_id)
        WINDOW same AS (PARTITION BY incoming.alert_id ORDER BY incoming."row")
    ) ORDER BY "row"
"""

COUNT_ALERTS = f"""
    INSERT INTO ledger_entry
    SELECT {_LEDGER_SOURCE}, partition, survey, night, visit, count(*),
           count(*) FILTER (fate = 'archived'), count(*) FILTER (fate = 'duplicate'), 0
    FROM incoming WHERE fate <> 'dead' GROUP BY ALL
"""

_KNOWN_LETTER = """
    SELECT letters.*, EXISTS (
        FROM dead_letter AS old
        WHERE old.source = letters.source AND old.partition = letters.partition
          AND old.position = letters.position AND old.digest = letters.digest
    ) AS known FROM letters
"""

COUNT_DEAD_LETTERS = f"""
    INSERT INTO ledger_entry
    SELECT {_LEDGER_SOURCE}, partition, survey, night, visit, count(*),
           0, count(*) FILTER (known), count(*) FILTER (NOT known)
    FROM ({_KNOWN_LETTER}) GROUP BY ALL
"""

ADD_DEAD_LETTERS = f"""
    INSERT INTO dead_letter BY NAME
    SELECT * EXCLUDE (known, night, visit) REPLACE (
        (SELECT coalesce(max(id), 0) FROM dead_letter) + row_number() OVER (ORDER BY id) AS id)
    FROM ({_KNOWN_LETTER}) WHERE NOT known
"""

UNCOUNT_DEAD_LETTERS = f"""
    INSERT INTO ledger_entry
    SELECT {_LEDGER_SOURCE}, partition, survey, NULL, NULL, -count(*), 0, 0, -count(*)
    FROM dead_letter WHERE list_contains(?, id) GROUP BY ALL
"""

RELEASE_DEAD_LETTERS = "DELETE FROM dead_letter WHERE list_contains(?, id)"

ADD_PAYLOADS = f"INSERT INTO payload SELECT {_names(PAYLOAD)} FROM stored"

ADD_ALERTS = f"INSERT INTO alert SELECT {_names(ALERT)} FROM alerts"

ADD_OBJECTS = """
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
"""

# The table is searched only for objects that it has: most of it is then passed over unread.
NEW_MEASUREMENTS = """
    WITH old AS (
        SELECT object_id, kind, measurement_id FROM measurement WHERE survey = $1 AND object_id IN (
            SELECT object_id FROM object SEMI JOIN alerts USING (survey, object_id))
    )
    SELECT min("number") AS "number" FROM incoming ANTI JOIN old USING (object_id, kind, measurement_id)
    WHERE object_id IS NOT NULL
    GROUP BY object_id, kind, measurement_id ORDER BY ALL
"""

ADD_MEASUREMENTS = f"INSERT INTO measurement SELECT {_names(MEASUREMENT)} FROM incoming"

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
    )
    LEFT JOIN (
        SELECT stream, survey, object_id, arg_max(ivorn, sequence) AS last_ivorn FROM event
        WHERE (survey, object_id) IN (SELECT DISTINCT survey, object_id FROM passed) GROUP BY ALL
    ) AS earlier USING (stream, survey, object_id)
"""

FORGET_POSITIONS = """
    DELETE FROM source_position USING read
    WHERE source_position.source = read.source AND source_position.partition = read.partition
"""

SET_POSITIONS = "INSERT INTO source_position SELECT source, partition, position FROM read"


def add_native(survey: str) -> str:
    """Give the statement that stores native columns; columns that a schema lacks stay null."""
    return f"INSERT INTO {quote(survey)} BY NAME SELECT * FROM native"
