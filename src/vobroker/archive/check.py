"""An archive looked through: is everything there that it says it has, and can it be read."""

# ruff: noqa: S608 -- what is put into the text are names of tables
from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import zstandard

from vobroker.alerts.columns import DEAD_LETTER
from vobroker.alerts.origin import Origin
from vobroker.alerts.packets import RawBatch, unwrap
from vobroker.archive import catalogues, replay
from vobroker.archive.archive import Archive
from vobroker.archive.balance import faults
from vobroker.archive.bulk import BulkReader
from vobroker.archive.contents import HEADS, PACKETS, SCHEMAS
from vobroker.archive.dialects import dialect
from vobroker.archive.pool import inflated
from vobroker.archive.tables import quote
from vobroker.enrich import enriched
from vobroker.votypes.columns import Table

SHOWN = 10
"""Most faults of a kind that are told one by one."""

_MISSING = """
    SELECT survey, CAST(alert_id AS VARCHAR) AS name FROM {here} AS here
    WHERE NOT EXISTS (
        SELECT 1 FROM {there} AS there WHERE there.alert_id = here.alert_id AND there.survey = here.survey
    )
"""

_RULES = (
    ("{survey} alert {name} has no packet", _MISSING.format(here="alert", there="payload")),
    ("the packet of {survey} alert {name} has no alert", _MISSING.format(here="payload", there="alert")),
    (
        "an event is of {survey} alert {name}, which is not there",
        _MISSING.format(here="event", there="alert"),
    ),
    (
        "{survey} alert {name} stands more than once",
        "SELECT survey, CAST(alert_id AS VARCHAR) AS name FROM alert"
        " GROUP BY survey, alert_id HAVING count(*) > 1",
    ),
    (
        "a measurement of {survey} object {name} stands more than once",
        "SELECT survey, object_id AS name FROM measurement WHERE object_id IS NOT NULL"
        " GROUP BY survey, object_id, kind, measurement_id HAVING count(*) > 1",
    ),
    (
        "{survey} object {name} does not have the alerts that it counts",
        """
        SELECT coalesce(object.survey, counted.survey) AS survey,
               coalesce(object.object_id, counted.object_id) AS name
        FROM object FULL JOIN (
            SELECT survey, object_id, count(*) AS n FROM alert WHERE object_id IS NOT NULL
            GROUP BY survey, object_id
        ) AS counted ON counted.object_id = object.object_id AND counted.survey = object.survey
        WHERE coalesce(object.n_alerts, 0) <> coalesce(counted.n, 0)
        """,
    ),
    (
        "the head of the packet of {survey} alert {name} is not there",
        "SELECT survey, CAST(alert_id AS VARCHAR) AS name FROM payload"
        " WHERE head IS NOT NULL AND head NOT IN (SELECT id FROM packet_head)",
    ),
    (
        "the schema of the packet of {survey} alert {name} is not there",
        "SELECT survey, CAST(alert_id AS VARCHAR) AS name FROM payload"
        ' WHERE "schema" IS NULL OR "schema" NOT IN (SELECT id FROM packet_schema)',
    ),
    (
        "filter {survey} has not judged in night {name} what it has seen",
        "SELECT filter AS survey, CAST(night AS VARCHAR) AS name FROM filter_ledger"
        " WHERE seen <> passed + rejected + failed",
    ),
    (
        "filter {survey}, version {name}, has let through another number of alerts than there are events",
        """
        SELECT coalesce(told.filter, kept.stream) AS survey, coalesce(told.version, kept.version) AS name
        FROM (
            SELECT filter, version, sum(passed) AS passed FROM filter_ledger GROUP BY filter, version
        ) AS told
        FULL JOIN (SELECT stream, version, count(*) AS n FROM event GROUP BY stream, version) AS kept
        ON kept.stream = told.filter AND kept.version = told.version
        WHERE coalesce(passed, 0) <> coalesce(n, 0)
        """,
    ),
)
"""What must not be: a sentence about each case, and the cases as ``survey`` and ``name``."""

_EACH_HAS = (
    ("{survey} alert {name} has no native columns", "native columns of {survey} alert {name} have no alert"),
    ("{survey} alert {name} has not arrived", "{survey} alert {name} has arrived, but is not there"),
)
"""What is said of alerts without a row in another table, and of such rows without an alert."""


@dataclass
class Checked:
    """What was looked at, and what is wrong.

    Attributes
    ----------
    faults
        A sentence each; empty where all is well.
    alerts, packets, dead_letters, catalogues
        How many were looked at; regions, maps and classifiers count among the catalogues.
    size
        Bytes of the packets as they arrived.
    """

    faults: list[str] = field(default_factory=list)
    alerts: int = 0
    packets: int = 0
    dead_letters: int = 0
    catalogues: int = 0
    size: int = 0


def check(
    archive: Archive, *, packets: bool = True, watch: Callable[[Checked, int], None] = lambda *_: None
) -> Checked:
    """Look an archive through.

    Received alerts must be archived, duplicates or dead letters. Each alert must be there once, with its
    packet, its native columns and its object; each packet must be readable, of the size and the digest that
    it had when it came; and so must each dead letter. Rows of enrichment must be of alerts that are there,
    and the catalogues beside the archive must be whole.

    Parameters
    ----------
    archive
        The archive.
    packets
        Whether the packets, and the rows of catalogues, are read.
    watch
        Called with what has been looked at so far, and the number of packets in all.

    Raises
    ------
    ArchiveError
        If the archive cannot be read at all.
    """
    found = Checked(faults(archive))
    found.alerts = archive.query("SELECT count(*) AS n FROM alert")["n"][0].as_py()
    for sentence, sql, parameters in (*_rules(archive), *catalogues.rules(archive)):
        found.faults += _cases(archive, sentence, sql, parameters)
    for _, fault in catalogues.faults(archive, rows=packets):
        found.catalogues += 1
        found.faults += [fault] if fault else []
    with archive.bulk() as reader:
        total = reader.count(PACKETS) if packets else 0
        watch(found, total)
        _told(found, _letters(reader, found))
        if packets:
            _told(found, _packets(archive, reader, found, lambda: watch(found, total)))
    return found


def _rules(archive: Archive) -> Iterator[tuple[str, str, list[str]]]:
    """Give the rules for an archive, with the parameters of each."""
    for sentence, sql in _RULES:
        yield sentence, sql, []
    native, arrived = _EACH_HAS
    for survey in (name for name in archive.native_tables() if not enriched(name)):
        alerts = "(SELECT * FROM alert WHERE survey = ?)"
        yield native[0], _MISSING.format(here=alerts, there=quote(survey)), [survey]
        yield native[1], _MISSING.format(here=quote(survey), there="alert"), []
    if arrivals := dialect(archive.platform).arrivals:
        yield arrived[0], _MISSING.format(here="alert", there=arrivals), []
        yield arrived[1], _MISSING.format(here=arrivals, there="alert"), []


def _cases(archive: Archive, sentence: str, sql: str, parameters: list[str]) -> list[str]:
    sql = f"SELECT *, count(*) OVER () AS number FROM ({sql}) AS cases ORDER BY 1, 2 LIMIT {SHOWN}"
    rows = archive.query(sql, parameters).to_pylist()
    told = [sentence.format(**row) for row in rows]
    return told + _more(rows[0]["number"] - len(rows) if rows else 0)


def _more(number: int) -> list[str]:
    return [f"… and {number:,} more of this kind"] if number else []


def _told(found: Checked, wrong: Iterator[str]) -> None:
    """Take the first faults of a kind, and count the others."""
    number = 0
    for sentence in wrong:
        number += 1
        if number <= SHOWN:
            found.faults.append(sentence)
    found.faults += _more(max(number - SHOWN, 0))


def _letters(reader: BulkReader, found: Checked) -> Iterator[str]:
    for batch in reader.rows(DEAD_LETTER):
        for row in batch.to_pylist():
            found.dead_letters += 1
            data = row["data"] or b""
            if len(data) != row["size"] or hashlib.sha256(data).digest() != row["digest"]:
                yield f"dead letter {row['id']} has other bytes than it had when it came"


def _packets(
    archive: Archive, reader: BulkReader, found: Checked, after: Callable[[], None]
) -> Iterator[str]:
    """Read every packet, and hold it against what is known of it."""
    heads, schemas = _shared(archive, HEADS), _shared(archive, SCHEMAS)
    for batch in reader.packets(damaged=True):
        by_schema: dict[int, list[dict[str, Any]]] = {}
        for row in batch.to_pylist():
            found.packets += 1
            found.size += row["size"] or 0
            head, schema = (content(row[name]) for content, name in ((heads, "head"), (schemas, "schema")))
            if not schema or (row["head"] is not None and not head):
                continue  # has been told
            row["packet"], wrong = _whole(row, head)
            if wrong:
                yield f"the packet of {row['survey']} alert {row['alert_id']} {wrong}"
            else:
                by_schema.setdefault(row["schema"], []).append(row)
        for number, rows in by_schema.items():
            for row, wrong in _contents(rows, schemas(number)):
                yield f"the packet of {row['survey']} alert {row['alert_id']} {wrong}"
        after()


def _shared(archive: Archive, table: Table) -> Callable[[int | None], bytes]:
    """Give a function that gives what many packets share, by number; nothing where it is not there."""

    @lru_cache(maxsize=256)
    def content(number: int | None) -> bytes:
        rows = archive.query(f"SELECT content FROM {table.name} WHERE id = ?", [number]).to_pylist()
        return rows[0]["content"] if rows else b""

    return content


def _whole(row: dict[str, Any], head: bytes) -> tuple[bytes, str]:
    """Put a packet together; give what is wrong with it otherwise."""
    if row["data"] is None:
        return b"", "cannot be read"
    try:
        body = inflated(row["data"])
    except zstandard.ZstdError as error:
        return b"", f"is damaged: {error}"
    packet = head + body
    if len(packet) != row["size"]:
        return b"", f"has {len(packet)} bytes, and had {row['size']} when it came"
    return packet, ""


def _contents(rows: list[dict[str, Any]], schema: bytes) -> Iterator[tuple[dict[str, Any], str]]:
    """Find the alerts in packets of one schema, and give those whose digest is another."""
    raw = RawBatch([row["packet"] for row in rows], [Origin("", 0, number) for number in range(len(rows))])
    groups, dead = unwrap(raw, replay.stored_schema(schema))
    digests = {
        origin.position: hashlib.sha256(group.datums.datum(number)).digest()
        for group in groups.values()
        for number, origin in enumerate(group.origins)
    }
    reasons = {letter.origin.position: letter.message.rpartition(": ")[2] for letter in dead}
    for number, row in enumerate(rows):
        if number in reasons:
            yield row, f"cannot be read: {reasons[number]}"
        elif digests.get(number) != row["digest"]:
            yield row, "has other content than it had when it came"
