"""The JSON Schema of descriptors and of jobs, made from the table of fields.

What ships as ``platform.schema.json`` and ``job.schema.json`` is what these functions give, for editors and
other programs (JSON Schema 2020-12).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from vobroker.platforms.descriptor import (
    BASES,
    CHOICE,
    FORMAT,
    GROUPS,
    IDENTITIES,
    LIST,
    NUMBER,
    PARTS,
    ROLES,
    TEXT,
    Field,
)
from vobroker.platforms.documents import Document
from vobroker.platforms.errors import DocumentError, Path

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

Schema = dict[str, Any]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_ID = r"[a-z0-9][a-z0-9-]{0,63}"
_WEB = r"https?://[^\s<>\"']+"
_SHOWN = 8
"""Most problems of a file that are told."""


def descriptor_schema() -> Schema:
    """Give the JSON Schema of descriptors."""
    text = {"type": "string", "minLength": 1}
    about = {
        "format": {"const": FORMAT, "description": "Version of the form of descriptors"},
        "id": {"type": "string", "pattern": f"^{_ID}$", "description": "Short name"},
        "title": text | {"maxLength": 120, "description": "Name"},
        "summary": text | {"description": "What the place is, for people"},
        "provider": text | {"description": "Who runs it (VOResource: curation/publisher)"},
        "site": text | {"description": "Where the machines stand"},
        "web": {"type": "string", "pattern": f"^{_WEB}$", "description": "Its pages"},
    }
    evidence = _object(
        {
            "url": {"type": "string", "pattern": f"^{_WEB}$", "description": "Where it was found"},
            "date": {
                "type": "string",
                "pattern": r"^\d{4}-\d{2}-\d{2}$",
                "description": "The day it was found",
            },
            "basis": {"enum": list(BASES), "description": _choices(BASES)},
            "note": {"type": "string"},
        },
        ["url", "date", "basis"],
    )
    parts = {
        part: {
            "type": "array",
            "items": _object({"id": about["id"], "title": about["title"]} | _facts(group), ["id", "title"]),
        }
        for part, group in PARTS.items()
    }
    named = {"type": "object", "minProperties": 1, "propertyNames": {"pattern": f"^{_ID}$"}}
    inside = about | {
        "evidence": named
        | {"additionalProperties": evidence, "description": "Sources of the facts, by name"},
        **_facts("platform"),
        "roles": _object({role: _object(_facts("role")) for role in ROLES}, ["guest"]),
        **parts,
    }
    return {
        "$schema": _DIALECT,
        "$id": f"urn:x-vobroker:platform-{FORMAT}",
        "title": "Descriptor of a science platform",
    } | _object(inside, [*about, "evidence", "roles"])


def job_schema() -> Schema:
    """Give the JSON Schema of jobs."""
    count = {"type": "number", "minimum": 0, "maximum": 1e21}
    quantity = _object({"value": count, "unit": {"type": "string"}}, ["value", "unit"])
    short = {"type": "string", "minLength": 1, "maxLength": 120}
    dataset = _object(
        {
            "id": {
                "type": "string",
                "pattern": f"^{_ID}$",
                "description": "Short name, as descriptors have it",
            },
            "amount": quantity | {"description": "How much of it is read"},
            "objects": count | {"description": "How many objects that is, for what comes object by object"},
            "query": {"type": "boolean", "description": "Whether a query in a database is enough"},
            "result": quantity | {"description": "What the query gives"},
            "rows": count | {"description": "Rows that the query gives"},
        },
        ["id", "amount"],
    )
    needs = {
        "cores": count,
        "memory": quantity,
        "gpus": count,
        "disk": quantity,
        "core_time": quantity | {"description": "Time it would take on one core"},
    }
    return {
        "$schema": _DIALECT,
        "$id": f"urn:x-vobroker:job-{FORMAT}",
        "title": "A job that looks for a place",
    } | _object(
        {
            "title": short,
            "summary": {"type": "string"},
            "identity": {"enum": list(IDENTITIES), "description": "The most that one can be"},
            "collaborations": {"type": "array", "items": short, "description": "Of which one is a member"},
            "accounts": {"type": "array", "items": short, "description": "Places where one has an account"},
            "datasets": {"type": "array", "items": dataset, "minItems": 1, "maxItems": 20},
            "compute": _object(needs),
            "upload": _object({"size": quantity, "rows": count}),
            "software": {"type": "array", "items": short, "maxItems": 50},
        },
        ["title", "identity", "datasets"],
    )


def _object(properties: Schema, required: list[str] | None = None) -> Schema:
    made: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return made | ({"required": required} if required else {})


def _facts(group: str) -> Schema:
    return {name: _fact(field) for name, field in GROUPS[group].items()}


def _fact(field: Field) -> Schema:
    """Say what a fact is: a value with its source, or null for what is not documented."""
    text: Schema = {"type": "string", "minLength": 1}
    choices: Schema = {"enum": list(field.choices or ())}
    item = choices if field.choices else text
    value: Schema = {
        NUMBER: {"type": "number", "minimum": 0},
        TEXT: text,
        CHOICE: choices,
        LIST: {"type": "array", "items": item, "maxItems": 200},
    }[field.kind]
    inside: Schema = {"value": value, "from": {"type": "string"}, "note": {"type": "string"}}
    required = ["value", "from"]
    if field.unit:
        inside["unit"] = {"type": "string", "description": f"A unit that {field.unit} can be told in"}
        required.append("unit")
    about = {
        "description": field.text + (f": {_choices(field.choices)}" if field.choices else ""),
        "x-term": field.term,
        "x-unit": field.unit,
        "x-ucd": field.ucd,
    }
    return (
        {"type": ["object", "null"]}
        | {key: one for key, one in _object(inside, required).items() if key != "type"}
        | {key: one for key, one in about.items() if one}
    )


def _choices(choices: Any) -> str:
    return "; ".join(f"{name} ({text})" if text else name for name, text in choices.items())


@cache
def _validator(kind: str) -> Draft202012Validator:
    from jsonschema import Draft202012Validator  # takes a second to import

    return Draft202012Validator(descriptor_schema() if kind == "descriptor" else job_schema())


def validate(document: Document, kind: str) -> None:
    """Hold a document against a schema, of a ``descriptor`` or a ``job``.

    Raises
    ------
    DocumentError
        With the line and path of each field that is wrong.
    """
    found = sorted(
        _validator(kind).iter_errors(document.value), key=lambda error: document.line(_path(error))
    )
    problems = [document.problem(*one) for error in found for one in _told(error)]
    if problems:
        raise DocumentError(document.name, problems[:_SHOWN])


def _path(error: ValidationError) -> Path:
    return tuple(error.absolute_path)


def _told(error: ValidationError) -> Iterator[tuple[Path, str]]:
    """Say what is wrong, in the words of who writes descriptors."""
    path = _path(error)
    instance: Any = error.instance
    wanted: Any = error.validator_value
    if error.validator == "additionalProperties" and isinstance(error.schema, dict):
        known = error.schema.get("properties", {})
        for name in [name for name in instance if name not in known]:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            yield (*path, name[:80]), f"there is no such field{hint}"
    elif error.validator == "required":
        for name in [name for name in wanted if name not in instance]:
            yield path, f"'{name}' is missing"
    elif error.validator == "enum":
        yield path, f"{_short(instance)} is none of {', '.join(map(str, wanted))}"
    elif error.validator == "type":
        kinds = " or ".join([wanted] if isinstance(wanted, str) else wanted)
        yield path, f"this is {_short(instance)}, and has to be: {kinds}"
    elif error.validator in ("minimum", "maximum", "const"):
        how = {"minimum": "at least ", "maximum": "at most "}.get(str(error.validator), "")
        yield path, f"this is {_short(instance)}, and has to be {how}{wanted}"
    else:
        yield path, f"{_short(instance)} does not fit: {error.validator} {_short(wanted)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
