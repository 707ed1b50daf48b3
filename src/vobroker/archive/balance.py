"""The identity of the ledger, checked against what the archive really holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vobroker.archive.archive import Archive

_UNBALANCED = """
    SELECT source, partition, survey, night, visit, received, archived, duplicate, dead FROM ledger
    WHERE received <> archived + duplicate + dead ORDER BY 1, 2, 3, 4, 5
"""

_MISCOUNTED = """
    SELECT ledger.survey, archived, coalesce(alerts, 0) AS alerts, coalesce(packets, 0) AS packets
    FROM (
        SELECT survey, CAST(sum(archived) AS BIGINT) AS archived FROM ledger
        GROUP BY survey HAVING sum(archived) > 0
    ) AS ledger
    LEFT JOIN (
        SELECT survey, count(*) AS alerts FROM alert GROUP BY survey
        UNION ALL SELECT 'voevent', count(*) FROM voevent
    ) AS kept USING (survey)
    LEFT JOIN (
        SELECT survey, count(*) AS packets FROM payload GROUP BY survey
        UNION ALL SELECT 'voevent', count(packet) FROM voevent
    ) AS packed USING (survey)
    WHERE archived <> coalesce(alerts, 0) OR archived <> coalesce(packets, 0) ORDER BY 1
"""

_LETTERS = """
    SELECT CAST(coalesce((SELECT sum(dead) FROM ledger), 0) AS BIGINT) AS dead,
           count(*) AS letters FROM dead_letter
"""


def faults(archive: Archive) -> list[str]:
    """Say where the account of the alerts does not hold; an empty list means that it does.

    Received alerts must be archived, duplicates or dead letters, in each line of the ledger; and the
    alerts, packets and dead letters in the archive must be as many as it says.
    """
    found = [
        f"{row['source']}[{row['partition']}] {row['survey']} night {row['night']} visit {row['visit']}: "
        f"{row['received']} received, but {row['archived']} archived, {row['duplicate']} duplicates and "
        f"{row['dead']} dead letters"
        for row in archive.query(_UNBALANCED).to_pylist()
    ]
    found += [
        f"{row['survey']}: the ledger has {row['archived']} alerts, the archive {row['alerts']} alerts and "
        f"{row['packets']} packets"
        for row in archive.query(_MISCOUNTED).to_pylist()
    ]
    (letters,) = archive.query(_LETTERS).to_pylist()
    if letters["dead"] != letters["letters"]:
        found.append(
            f"the ledger has {letters['dead']} dead letters, the archive {letters['letters']} of them"
        )
    return found
