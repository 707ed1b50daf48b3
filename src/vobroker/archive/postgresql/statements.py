"""What PostgreSQL says in its own way when a batch goes into the tables.

Rows that two transactions may both want to have are taken in the order of their keys: then one waits for
the other, and neither for each other.
"""

# ruff: noqa: S608 -- what is put into the text are names out of the column table
from __future__ import annotations

from vobroker.alerts.columns import MEASUREMENT
from vobroker.archive.statements import POSITIONS, Statements, names


def _latest(column: str) -> str:
    """Write the value of a column at the latest alert that has one."""
    return (
        f"(array_agg({column} ORDER BY mjd DESC) FILTER (WHERE {column} IS NOT NULL AND mjd IS NOT NULL))[1]"
        f" AS {column}"
    )


_MOVED = ("ra", "dec", "healpix", "solar_system")


def _later(column: str, new: str = "") -> str:
    return (
        f"{column} = CASE WHEN excluded.last_mjd >= old.last_mjd THEN excluded.{column} ELSE old.{column} END"
    )


POSTGRESQL = Statements(
    add_objects=f"""
    INSERT INTO object AS old
        (survey, object_id, first_mjd, last_mjd, n_alerts, last_alert_id, {", ".join(_MOVED)})
    SELECT survey, object_id, min(least(first_mjd, mjd)), max(mjd), count(*),
           {_latest("alert_id")}, {", ".join(map(_latest, _MOVED))}
    FROM alerts WHERE object_id IS NOT NULL GROUP BY survey, object_id ORDER BY object_id, survey
    ON CONFLICT (object_id, survey) DO UPDATE SET
        first_mjd = least(old.first_mjd, excluded.first_mjd), n_alerts = old.n_alerts + excluded.n_alerts,
        {", ".join(map(_later, ("last_mjd", "last_alert_id", *_MOVED)))}
""",
    new_measurements="""
    SELECT min("number") AS "number" FROM keys
    WHERE object_id IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM measurement AS old
        WHERE old.object_id = keys.object_id AND old.kind = keys.kind
          AND old.measurement_id = keys.measurement_id AND old.survey = $1
    ) GROUP BY object_id, kind, measurement_id ORDER BY 1
""",
    add_measurements=f"""
    INSERT INTO measurement SELECT {names(MEASUREMENT)} FROM measured
    ORDER BY object_id, kind, measurement_id, survey ON CONFLICT DO NOTHING
""",
    # Whoever reads the same source waits, and then sees what was committed.
    positions=f"{POSITIONS} ORDER BY 1, 2 FOR UPDATE OF source_position",
)

NUMBER_ARRIVALS = """
    INSERT INTO arrival
    SELECT (SELECT coalesce(max(number), -1) FROM arrival) + row_number() OVER (ORDER BY place),
           survey, alert_id
    FROM arrived
"""
