"""Events of an archive as packets, the same bytes whenever they are asked for."""

# ruff: noqa: S608 -- the statements are put together from their own parts
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from vobroker.archive import Archive, ArchiveError, replay
from vobroker.archive.tables import quote
from vobroker.filters import Example, Filter, examples, starter_filters
from vobroker.publish.lightcurve import FORMS, embed
from vobroker.publish.voevent import alert_event
from vobroker.timeseries import LightCurve
from vobroker.voevent import VOEvent, VOEventError, write

_EVENTS = """
    SELECT event.sequence, event.ivorn, event.stream, event.version, event.cites, event.created, alert.*
    FROM event JOIN alert USING (survey, alert_id)
"""
_NEXT = f"""{_EVENTS}
    WHERE event.sequence IN (
        SELECT sequence FROM event WHERE sequence > $1 AND stream = coalesce($2, stream)
        ORDER BY sequence LIMIT $3
    ) ORDER BY event.sequence
"""
_ONE = f"{_EVENTS} WHERE event.ivorn = $1"
_THESE = "survey = ? AND alert_id = ANY(CAST(? AS BIGINT[]))"

_SIMULATED = {"lsst": "target_name", "ztf": "rbversion"}
"""Native column of each survey that begins with ``simulated`` where nothing was observed."""


Encode = Callable[[VOEvent], bytes]


class Packet(NamedTuple):
    """A rendered event, and what tells where it belongs."""

    sequence: int
    ivorn: str
    stream: str
    version: str
    night: int | None
    survey: str
    alert_id: int
    object_id: str | None
    content: bytes


def packets(
    archive: Archive,
    *,
    after: int = 0,
    stream: str | None = None,
    role: str | None = None,
    batch: int = 1000,
    form: str | Mapping[str, str] = "none",
    encode: Encode = write,
) -> Iterator[list[Packet]]:
    """Render the events behind a place in the archive, in order of appearance and in batches.

    Parameters
    ----------
    archive
        Archive of the events.
    after
        Sequence number of the last event that is not wanted any more.
    stream
        Only events of this stream.
    role
        Role of the packets; where none is given, ``test`` for simulated alerts, else ``observation``.
    batch
        Most events in a batch; each batch is one look-up.
    form
        How packets carry the light curve, one of :data:`vobroker.publish.lightcurve.FORMS`. It is the history
        in the alert's own packet: what the survey knew then, and the same bytes for ever. Or a form for each
        stream, the others' under an empty name.
    encode
        How an event becomes bytes: as a VOEvent packet, or otherwise, such as
        :func:`vobroker.publish.gcn.encode`.

    Raises
    ------
    VOEventError
        If there is no such form.
    """
    while rows := archive.query(_NEXT, [after, stream, batch]).to_pylist():
        yield _packets(archive, rows, role, form, encode)
        if len(rows) < batch:
            return
        after = rows[-1]["sequence"]


def render(
    archive: Archive,
    ivorn: str,
    *,
    role: str | None = None,
    form: str | Mapping[str, str] = "none",
    encode: Encode = write,
) -> bytes:
    """Give the packet of one event, byte for byte as :func:`packets` does.

    Raises
    ------
    ArchiveError
        If there is no such event.
    VOEventError
        If there is no such form.
    """
    rows = archive.query(_ONE, [ivorn]).to_pylist()
    if not rows:
        raise ArchiveError(f"there is no event {ivorn} in {archive.place}")
    return _packets(archive, rows, role, form, encode)[0].content


def history(archive: Archive, survey: str, alert_ids: list[int]) -> dict[int, LightCurve]:
    """Give the light curves that the packets of alerts hold, by alert; those without an object have none."""
    found: dict[int, LightCurve] = {}
    for batch in replay.batches(archive.stored(_THESE, [survey, alert_ids])):
        names = zip(batch.alert["alert_id"].to_pylist(), batch.alert["object_id"].to_pylist(), strict=True)
        for row, (alert_id, name) in enumerate(names):
            if name is not None:
                found[alert_id] = batch.light_curve(row, name)
    return found


def _packets(
    archive: Archive,
    rows: list[dict[str, Any]],
    role: str | None,
    form: str | Mapping[str, str],
    encode: Encode,
) -> list[Packet]:
    forms = {"": form} if isinstance(form, str) else form
    if wrong := set(forms.values()).difference(FORMS):
        raise VOEventError(
            f"a light curve cannot be embedded as {min(wrong)!r}; there are {', '.join(FORMS)}"
        )
    of_row = [forms.get(row["stream"], forms.get("", "none")) for row in rows]
    simulated = set() if role else _simulated(archive, rows)
    curves: dict[tuple[str, int], LightCurve] = {}
    wanted_rows = [row for row, how in zip(rows, of_row, strict=True) if how != "none"]
    for survey in sorted({row["survey"] for row in wanted_rows}):
        wanted = sorted({row["alert_id"] for row in wanted_rows if row["survey"] == survey})
        curves |= {(survey, alert): curve for alert, curve in history(archive, survey, wanted).items()}
    found = []
    for row, how in zip(rows, of_row, strict=True):
        alert = row["survey"], row["alert_id"]
        event = alert_event(
            row,
            ivorn=row["ivorn"],
            stream=row["stream"],
            version=row["version"],
            created=row["created"],
            cites=row["cites"],
            description=_descriptions().get(row["version"], ""),
            role=role or ("test" if alert in simulated else "observation"),
        )
        if alert in curves:
            event = embed(event, curves[alert], how)
        told = {name: row[name] for name in Packet._fields if name != "content"}
        found.append(Packet(**told, content=encode(event)))
    return found


def _simulated(archive: Archive, rows: list[dict[str, Any]]) -> set[tuple[str, int]]:
    """Give survey and identifier of the alerts that a simulator made."""
    found: set[tuple[str, int]] = set()
    tables = archive.tables()
    for survey in {row["survey"] for row in rows} & _SIMULATED.keys():
        column = _SIMULATED[survey]
        if column in tables[survey]:
            made = archive.query(
                f"SELECT alert_id FROM {quote(survey)} WHERE alert_id = ANY(CAST($1 AS BIGINT[]))"
                f" AND starts_with({quote(column)}, 'simulated')",
                [[row["alert_id"] for row in rows if row["survey"] == survey]],
            )
            found |= {(survey, alert_id) for alert_id in made["alert_id"].to_pylist()}
    return found


@cache
def _descriptions() -> dict[str, str]:
    """Give what the filters that come with the broker look for, by version."""
    shipped: list[Filter | Example] = [*starter_filters(), *examples().values()]
    return {each.version: f"{each.title}. {each.description}".strip() for each in shipped}
