"""Packets to batches of alerts: unwrapped, decoded whole, mapped, and checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from vobroker.alerts.avro import kernel
from vobroker.alerts.avro.read import read
from vobroker.alerts.avro.schema import SchemaError
from vobroker.alerts.batch import AlertBatch, alert_paths, history_paths, in_columns, program_for, values
from vobroker.alerts.columns import ALERT
from vobroker.alerts.night import night
from vobroker.alerts.origin import DeadLetter, Origin
from vobroker.alerts.packets import Group, RawBatch, unwrap
from vobroker.alerts.schemas import PacketSchema, SchemaSource
from vobroker.alerts.surveys import SURVEYS, missing_fields, native_names, survey_of, unfit_fields
from vobroker.alerts.surveys.survey import Survey
from vobroker.sky import healpix29
from vobroker.telemetry import OFF, Span

_NIGHTS = (41317.0, 88069.0)
"""MJD of 1972, when UTC as it is began, and of 2100: a time outside is kept, but has no night."""


@dataclass(slots=True)
class Decoded:
    """What became of some packets: every one is a row of a batch or a dead letter."""

    batches: list[AlertBatch] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)
    trace: Span = field(default=OFF, repr=False, compare=False)
    """Of which this, and what is done with it, is a part."""


def decode(
    raw: RawBatch, schemas: SchemaSource, *, received: datetime | None = None, whole: bool = False
) -> Decoded:
    """Decode packets into batches, one for each schema among them.

    Every packet is walked to its last byte, so that a damaged one is found here and nowhere later.

    Parameters
    ----------
    raw
        Packets as they arrived.
    schemas
        Where the schemas of Confluent messages are found.
    received
        Time of arrival, UTC; now when not given.
    whole
        Keep native columns and measurements from the same walk, for a reader who will ask for them.
    """
    groups, dead = unwrap(raw, schemas)
    result = Decoded(dead=dead)
    arrived = (received or datetime.now(UTC)).astimezone(UTC).replace(tzinfo=None)
    for schema, group in groups.items():
        batch, refused = _decode_group(schema, group, arrived, whole)
        result.dead += refused
        if batch is not None:
            result.batches.append(batch)
    return result


def _decode_group(
    schema: PacketSchema, group: Group, received: datetime, whole: bool
) -> tuple[AlertBatch | None, list[DeadLetter]]:
    survey = survey_of(schema)
    if survey is None:
        known = ", ".join(known.name for known in SURVEYS)
        message = (
            f"no survey file maps record '{schema.name}' (known: {known}); it would have to give "
            "alert_id, mjd, ra and dec, and may give the other common columns"
        )
        return None, _all_dead(group, "unknown-survey", message, "")
    if missing := missing_fields(survey, schema):
        message = f"schema '{schema.name}' {schema.version} has no field {', '.join(missing)}"
        return None, _all_dead(group, "missing-field", message, survey.name)
    if unfit := unfit_fields(survey, schema):
        message = (
            f"schema '{schema.name}' {schema.version} has other types than the survey: {', '.join(unfit[:5])}"
        )
        return None, _all_dead(group, "bad-schema", message, survey.name)
    wanted = alert_paths(survey, schema)
    if whole:
        wanted |= history_paths(survey, schema) | frozenset(native_names(survey, schema).values())
    try:
        program = program_for(schema, wanted, whole=True)
    except SchemaError as error:
        return None, _all_dead(group, "bad-schema", str(error), survey.name)
    columns = read(program, group.datums)

    rows = len(group.datums)
    # Damaged rows hold any value; what comes of them is thrown away below.
    with np.errstate(all="ignore"):
        given = survey.alert(values(survey.fields, columns.columns, rows))
    problems = _problems(given, columns.status, survey)
    dead = [
        _damaged(group, int(row), int(columns.status[row]), int(columns.where[row]), survey)
        for row in np.flatnonzero(columns.status)
    ]
    dead += [_letter(group, row, *problem, survey.name) for row, problem in problems.items()]
    bad = np.asarray(columns.status != kernel.OK)
    bad[list(problems)] = True
    alert = in_columns(given | _derived(given, bad, survey, schema, received), ALERT, rows)
    batch = AlertBatch(
        survey, schema, group.datums, alert, group.packets, _origin(group.origins), columns if whole else None
    )
    if bad.any():
        batch = batch.take(pa.array(np.flatnonzero(~bad)))
    return (batch if len(batch) else None), dead


def _derived(
    given: dict[str, pa.Array],
    bad: npt.NDArray[np.bool_],
    survey: Survey,
    schema: PacketSchema,
    received: datetime,
) -> dict[str, pa.Array]:
    """Columns that no survey gives: cell, night, version, arrival. Bad rows get any value."""
    rows = len(bad)
    ra, dec, mjd = (np.where(bad, 0.0, _numbers(given[name])) for name in ("ra", "dec", "mjd"))
    dated = (mjd >= _NIGHTS[0]) & (mjd < _NIGHTS[1])
    nights = night(np.where(dated, mjd, _NIGHTS[0]), survey.longitude)
    return {
        "survey": pa.repeat(pa.scalar(survey.name), rows),
        "healpix": pa.array(healpix29(ra, dec)),
        "night": pa.array(nights, mask=~dated),
        "schema_version": pa.repeat(pa.scalar(schema.version), rows),
        "received": pa.repeat(pa.scalar(received, pa.timestamp("us")), rows),
    }


def _numbers(array: pa.Array) -> npt.NDArray[np.float64]:
    return np.asarray(pc.cast(array, pa.float64()).fill_null(float("nan")))


def _problems(
    given: dict[str, pa.Array], status: npt.NDArray[np.int64], survey: Survey
) -> dict[int, tuple[str, str]]:
    """Reason and sentence for each row that was read but whose id, time or place cannot be."""
    problems: dict[int, tuple[str, str]] = {}
    read_well = status == kernel.OK
    unnamed = np.asarray(pc.is_null(given["alert_id"])) & read_well
    for row in np.flatnonzero(unnamed):
        problems[int(row)] = ("missing-field", f"{_spelling(survey, 'id')} is null")
    for name, low, high, below in (
        ("mjd", -np.inf, np.inf, True),
        ("ra", 0.0, 360.0, True),
        ("dec", -90.0, 90.0, False),
    ):
        number = _numbers(given[name])
        inside = (number > low if low == -np.inf else number >= low) & (
            number < high if below else number <= high
        )
        source = "jd" if name == "mjd" and "jd" in survey.fields else name
        for row in np.flatnonzero(~inside & read_well):
            spelled = _spelling(survey, source)
            if given[name][int(row)].as_py() is None:
                problem = ("missing-field", f"{spelled} is null or not a number")
            else:
                problem = (
                    "bad-value",
                    f"{spelled} gives {name} {number[row]:g}, outside {low:g} to {high:g}",
                )
            problems.setdefault(int(row), problem)
    return problems


def _spelling(survey: Survey, name: str) -> str:
    return survey.fields[name][0]


def _damaged(group: Group, row: int, status: int, where: int, survey: Survey) -> DeadLetter:
    reason, sentence = kernel.PROBLEMS[status]
    size = len(group.datums.datum(row))
    return _letter(
        group,
        row,
        reason,
        f"{sentence}, at byte {where} of the datum's {size}",
        survey.name,
        group.datums.starts[row] + where,
    )


def _letter(group: Group, row: int, reason: str, sentence: str, survey: str, at: int = -1) -> DeadLetter:
    origin = group.origins[row]
    return DeadLetter(origin, reason, f"{origin}: {sentence}", group.packets[row], at, survey)


def _all_dead(group: Group, reason: str, sentence: str, survey: str) -> list[DeadLetter]:
    return [_letter(group, row, reason, sentence, survey) for row in range(len(group.packets))]


def _origin(origins: list[Origin]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [
            pa.array([origin.source for origin in origins], pa.string()),
            pa.array([origin.partition for origin in origins], pa.int32()),
            pa.array([origin.position for origin in origins], pa.int64()),
            pa.array([origin.member for origin in origins], pa.string()),
        ],
        names=["source", "partition", "position", "member"],
    )
