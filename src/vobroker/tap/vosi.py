"""What the service says of itself: availability, capabilities, tables (VOSI 1.1, TAPRegExt 1.0)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from vobroker.roles import Limits, Roles
from vobroker.tap.catalogue import INDEXED, PRINCIPAL, Catalogue
from vobroker.tap.errors import xml_escape
from vobroker.tap.formats import FORMATS
from vobroker.tap.schema import Key, Schema, written
from vobroker.tap.uws import time
from vobroker.votypes.columns import Column, Table
from vobroker.votypes.votable import element

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_XSI = {"xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance"}
_TABLES = {
    "xmlns:vosi": "http://www.ivoa.net/xml/VOSITables/v1.0",
    "xmlns:vs": "http://www.ivoa.net/xml/VODataService/v1.1",
    **_XSI,
}
_TAP = "ivo://ivoa.net/std/TAP"
_FEATURES = "ivo://ivoa.net/std/TAPRegExt#features-adql"

_OPTIONAL = {
    f"{_FEATURES}geo": (
        *("POINT", "CIRCLE", "POLYGON", "BOX", "REGION", "CENTROID"),
        *("CONTAINS", "INTERSECTS", "DISTANCE", "AREA", "COORD1", "COORD2"),
    ),
    f"{_FEATURES}-string": ("LOWER", "UPPER", "ILIKE"),
    f"{_FEATURES}-sets": ("UNION", "EXCEPT", "INTERSECT"),
    f"{_FEATURES}-common-table": ("WITH",),
    f"{_FEATURES}-type": ("CAST",),
    f"{_FEATURES}-unit": ("IN_UNIT",),
    f"{_FEATURES}-offset": ("OFFSET",),
}
"""Optional features of ADQL 2.1 (section 4) that every engine has, by kind."""

_UPLOADS = ("inline", "http", "https")


def availability(available: bool, since: datetime, note: str) -> str:
    """Say whether the service can be used (VOSI 1.1, section 2.2)."""
    return _HEAD + element(
        "vosi:availability",
        {"xmlns:vosi": "http://www.ivoa.net/xml/VOSIAvailability/v1.0"},
        element("vosi:available", {}, "true" if available else "false"),
        element("vosi:upSince", {}, time(since)),
        element("vosi:note", {}, xml_escape(note)),
    )


def tables(catalogue: Catalogue, *, detail: bool = True) -> str:
    """Describe all tables (VOSI 1.1, section 2.3); without ``detail`` only their names."""
    return _HEAD + element(
        "vosi:tableset",
        _TABLES,
        *(_schema(schema, catalogue.keys, detail) for schema in catalogue.schemas),
    )


def table(catalogue: Catalogue, name: str) -> str | None:
    """Describe one table; None where there is none of that name."""
    for schema in catalogue.schemas:
        for known in schema.tables:
            if known.name.lower() == name.lower():
                return _HEAD + _table(known, catalogue.keys, True, "vosi:table", _TABLES)
    return None


def _schema(schema: Schema, keys: Iterable[Key], detail: bool) -> str:
    return element(
        "schema",
        {},
        element("name", {}, schema.name),
        element("description", {}, xml_escape(schema.description)),
        *([element("utype", {}, schema.utype)] if schema.utype else []),
        *(_table(found, keys, detail) for found in schema.tables),
    )


def _table(
    found: Table,
    keys: Iterable[Key],
    detail: bool,
    tag: str = "table",
    attributes: dict[str, str] | None = None,
) -> str:
    inside: list[str] = []
    if detail:
        indexed, principal = INDEXED.get(found.name, ()), PRINCIPAL.get(found.name, ())
        inside = [_column(column, column.name in indexed, column.name in principal) for column in found]
        inside += [_key(key) for key in keys if key.source == found.name]
    return element(
        tag,
        {"type": "table"} | (attributes or {}),
        element("name", {}, found.name),
        *([element("description", {}, xml_escape(found.description))] if found.description else []),
        *inside,
    )


def _column(column: Column, indexed: bool, principal: bool) -> str:
    kind = column.datatype
    attributes = {"xsi:type": "vs:VOTableType", "arraysize": kind.arraysize, "extendedType": kind.xtype}
    texts = {
        "description": column.description,
        "unit": column.unit,
        "ucd": column.ucd,
        "utype": column.utype,
    }
    return element(
        "column",
        {},
        element("name", {}, xml_escape(written(column.name))),
        *(element(tag, {}, xml_escape(text)) for tag, text in texts.items() if text),
        element("dataType", {name: value for name, value in attributes.items() if value}, kind.votable),
        *(element("flag", {}, flag) for flag, on in (("indexed", indexed), ("principal", principal)) if on),
    )


def _key(key: Key) -> str:
    pairs = [
        element("fkColumn", {}, element("fromColumn", {}, one), element("targetColumn", {}, other))
        for one, other in key.columns
    ]
    description = element("description", {}, xml_escape(key.description))
    return element("foreignKey", {}, element("targetTable", {}, key.target), *pairs, description)


def capabilities(base: str, roles: Roles) -> str:
    """Say what the service can do, and to whom (VOSI 1.1, section 2.1; TAPRegExt 1.0).

    The limits are those of guests, the hard ones those of users, from the roles that the service enforces.
    """
    return _HEAD + element(
        "vosi:capabilities",
        {
            "xmlns:vosi": "http://www.ivoa.net/xml/VOSICapabilities/v1.0",
            "xmlns:vr": "http://www.ivoa.net/xml/VOResource/v1.0",
            "xmlns:vs": "http://www.ivoa.net/xml/VODataService/v1.1",
            "xmlns:tr": "http://www.ivoa.net/xml/TAPRegExt/v1.0",
            **_XSI,
        },
        _tap(base, roles),
        *(
            _plain(f"ivo://ivoa.net/std/VOSI#{name}", f"{base}/{name}")
            for name in ("capabilities", "availability", "tables")
        ),
        _plain("ivo://ivoa.net/std/DALI#examples", f"{base}/examples", web=True),
        _plain("ivo://ivoa.net/std/DataLink#links-1.1", f"{base}/datalink"),
        *(_plain("ivo://ivoa.net/std/ConeSearch", f"{base}/cone/{name}") for name in ("object", "alert")),
    )


def _tap(base: str, roles: Roles) -> str:
    guest, user = roles.limits["guest"], roles.limits["user"]
    return element(
        "capability",
        {"standardID": _TAP, "xsi:type": "tr:TableAccess"},
        element("description", {}, xml_escape(" ".join(map(_may, roles.limits.values())))),
        _interface(base, "vs:ParamHTTP", "base", {"role": "std", "version": "1.1"}),
        element("dataModel", {"ivo-id": "ivo://ivoa.net/std/obscore#core-1.1"}, "ObsCore-1.1"),
        _language(),
        *(
            element(
                "outputFormat",
                {"ivo-id": form.standard_id} if form.standard_id else {},
                element("mime", {}, xml_escape(form.media_type)),
                *(
                    element("alias", {}, alias)
                    for alias in (form.name, *form.aliases)
                    if ";" not in alias and " " not in alias
                ),
            )
            for form in FORMATS
        ),
        *(
            element("uploadMethod", {"ivo-id": f"ivo://ivoa.net/std/TAPRegExt#upload-{how}"})
            for how in _UPLOADS
        ),
        _limit("retentionPeriod", int(86400 * guest.retention_days), int(86400 * user.max_retention_days)),
        _limit("executionDuration", guest.async_seconds, user.max_async_seconds),
        _limit("outputLimit", guest.rows, user.max_rows, {"unit": "row"}),
        _limit("uploadLimit", guest.upload_bytes, user.upload_bytes, {"unit": "byte"}),
    )


def _may(limits: Limits) -> str:
    """Say which limits a role has that TAPRegExt has no element for."""
    return (
        f"For {limits.title}: {limits.sync_seconds} s for a query that is waited for;"
        f" {limits.upload_rows} rows of an upload; {limits.result_bytes} bytes of the result of a job;"
        f" {limits.jobs} jobs at a time, {limits.kept_jobs} jobs and {limits.kept_bytes} bytes of results and"
        " uploads kept, of one user or of all guests together."
    )


def _limit(tag: str, default: int, hard: int, attributes: dict[str, str] | None = None) -> str:
    values = (("default", default), ("hard", hard))
    return element(tag, {}, *(element(name, attributes or {}, str(value)) for name, value in values))


def _language() -> str:
    features = [
        element(
            "languageFeatures",
            {"type": kind},
            *(element("feature", {}, element("form", {}, name)) for name in names),
        )
        for kind, names in _OPTIONAL.items()
    ]
    return element(
        "language",
        {},
        element("name", {}, "ADQL"),
        *(
            element("version", {"ivo-id": f"ivo://ivoa.net/std/ADQL#v{version}"}, version)
            for version in ("2.1", "2.0")
        ),
        element("description", {}, "Astronomical Data Query Language"),
        *features,
    )


def _security() -> list[str]:
    """Anybody, or who has a token as a bearer or as the password of basic authentication."""
    return [
        element("securityMethod", {}),
        *(
            element("securityMethod", {"standardID": f"ivo://ivoa.net/sso#{how}"})
            for how in ("OAuth", "BasicAA")
        ),
    ]


def _interface(url: str, kind: str, use: str, attributes: dict[str, str]) -> str:
    return element(
        "interface",
        {"xsi:type": kind} | attributes,
        element("accessURL", {"use": use}, xml_escape(url)),
        *_security(),
    )


def _plain(standard: str, url: str, *, web: bool = False) -> str:
    kind = "vr:WebBrowser" if web else "vs:ParamHTTP"
    use = "base" if standard.endswith(("#links-1.1", "ConeSearch")) else "full"
    return element("capability", {"standardID": standard}, _interface(url, kind, use, {"role": "std"}))
