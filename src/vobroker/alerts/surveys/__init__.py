"""One file per survey: names and units mapped to the common columns.

To add a survey, write its file and name it in :data:`SURVEYS`; ``docs/new-survey.md`` goes through it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from vobroker.alerts.avro.program import leaves
from vobroker.alerts.avro.schema import Array, Enum, Node, Primitive, Record, Union
from vobroker.alerts.schemas import PacketSchema
from vobroker.alerts.surveys import lsst, ztf
from vobroker.alerts.surveys.survey import Survey, kind_of, path
from vobroker.votypes.columns import Column, Table

SURVEYS: tuple[Survey, ...] = (lsst.SURVEY, ztf.SURVEY)

_TYPES = {
    "boolean": "BOOLEAN",
    "int": "INTEGER",
    "long": "BIGINT",
    "float": "REAL",
    "double": "DOUBLE",
    "string": "VARCHAR",
    "timestamp-millis": "TIMESTAMP",
    "timestamp-micros": "TIMESTAMP",
}


def survey_of(schema: PacketSchema) -> Survey | None:
    """Give the survey whose packets have this schema, or None."""
    return next((survey for survey in SURVEYS if survey.record.fullmatch(schema.name)), None)


@lru_cache(maxsize=64)
def missing_fields(survey: Survey, schema: PacketSchema) -> tuple[str, ...]:
    """Give the fields that the survey's mapping cannot do without and the schema does not have."""
    return tuple(
        " or ".join(survey.fields[name])
        for name in survey.required
        if not any(has(schema.root, path(spelling)) for spelling in survey.fields[name])
    )


@lru_cache(maxsize=64)
def unfit_fields(survey: Survey, schema: PacketSchema) -> tuple[str, ...]:
    """Give the fields of the mapping whose type in the schema is not one the mapping can use."""
    places = dict(survey.fields)
    for history in (survey.trigger, *survey.histories):
        places |= {f"{history.array}.{name}": spellings for name, spellings in history.places.items()}
    unfit = []
    for name, spellings in places.items():
        kind = kind_of(name.rpartition(".")[2])
        for spelling in spellings:
            node = leaf(schema.root, path(spelling))
            fits = isinstance(node, Primitive) and node.kind in _KINDS[kind] and not node.logical
            if node is not None and not fits:
                unfit.append(f"{spelling} (not {kind})")
    return tuple(dict.fromkeys(unfit))


_KINDS = {
    "text": {"string"},
    "whole": {"int", "long"},
    "number": {"int", "long", "float", "double"},
}


def has(node: Node, at: tuple[str, ...]) -> bool:
    """Whether a schema has a field at a path, through unions with null and arrays."""
    return leaf(node, at) is not None


def leaf(node: Node, at: tuple[str, ...]) -> Node | None:
    """Give the type of the field at a path, through unions with null and arrays; None where it is not."""
    if isinstance(node, Union):
        return leaf(node.optional, at) if node.optional is not None else None
    if not at:
        return node
    if isinstance(node, Array):
        return leaf(node.items, at)
    field = node.field(at[0]) if isinstance(node, Record) else None
    return leaf(field.type, at[1:]) if field is not None else None


@lru_cache(maxsize=64)
def native_names(survey: Survey, schema: PacketSchema) -> Mapping[str, tuple[str, ...]]:
    """Give the native columns and the path of each: every scalar field that is not image bytes.

    Fields of the triggering detection and of the packet itself keep their names; those of other
    records get the record's name and an underscore before it. Where two agree but for case, the first stays.
    """
    names: dict[str, tuple[str, ...]] = {}
    taken = {"survey", "alert_id"}
    for at, node in leaves(schema.root):
        if isinstance(node, Primitive) and node.kind in {"bytes", "null"}:
            continue
        name = "_".join(at[1:] if at[0] == survey.candidate else at)
        if name.lower() not in taken:
            taken.add(name.lower())
            names[name] = at
    return names


def native_table(survey: Survey, schema: PacketSchema) -> Table:
    """Give the metadata of a survey's native table as one schema has it."""
    docs = dict(_docs(schema.root, ()))
    types = dict(leaves(schema.root))
    columns = [
        Column("survey", "VARCHAR", "", "meta.id;instr.obsty", "Survey that sent the alert"),
        Column("alert_id", "BIGINT", "", "meta.id;meta.main", "Identifier of the triggering detection"),
    ]
    for name, at in native_names(survey, schema).items():
        unit, ucd = next(
            ((unit, ucd) for pattern, unit, ucd in survey.native if pattern.search(at[-1])), ("", "")
        )
        system = native_system(survey.name, name)
        columns.append(Column(name, _adql_type(types[at]), unit, ucd, docs.get(at, ""), system=system))
    return Table(survey.name, tuple(columns), f"{survey.title}: every scalar field as published")


def native_system(survey: str, column: str) -> str:
    """Give the coordinate or time system of a native column of a survey; empty where none is known."""
    patterns = next((known.systems for known in SURVEYS if known.name == survey), ())
    return next((system for pattern, system in patterns if pattern.search(column)), "")


def _adql_type(node: Node) -> str:
    if isinstance(node, Enum):
        return "VARCHAR"
    assert isinstance(node, Primitive)
    return _TYPES.get(node.logical, _TYPES[node.kind])


def _docs(node: Node, at: tuple[str, ...]) -> list[tuple[tuple[str, ...], str]]:
    if isinstance(node, Union) and node.optional is not None:
        return _docs(node.optional, at)
    if not isinstance(node, Record):
        return []
    found = []
    for field in node.fields:
        found.append(((*at, field.name), " ".join(field.doc.split())))
        found += _docs(field.type, (*at, field.name))
    return found
