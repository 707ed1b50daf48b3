"""Tables of a service as it describes them itself: the document at ``/tables`` of every TAP service.

Source: VOSI 1.1 section 2.3, VODataService 1.2 section 3.3 (tables, columns and their two kinds of types).
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.parsers import expat

from vobroker.votypes.columns import Column, Table
from vobroker.votypes.types import TYPES

MAX_BYTES = 256 * 2**20
"""Largest document that is read; the largest services describe themselves in some 50 MB."""

UNKNOWN = "UNKNOWN"
"""Type of a column that ADQL has no type for; such a column goes with every value."""

_CHARACTERS = ("char", "unicodeChar")
_XTYPES = {
    "timestamp": "TIMESTAMP",
    "adql:TIMESTAMP": "TIMESTAMP",
    "point": "POINT",
    "adql:POINT": "POINT",
    "circle": "CIRCLE",
    "polygon": "POLYGON",
    "adql:REGION": "REGION",
}
_SCALARS = {row.votable: row.name for row in TYPES.values() if not row.arraysize and not row.xtype} | {
    "unsignedByte": "SMALLINT"
}
_SYNONYMS = {"DOUBLE PRECISION": "DOUBLE", "FLOAT": "DOUBLE", "INT": "INTEGER", "CLOB": "VARCHAR"}
_TEXTS = ("name", "description", "unit", "ucd", "utype", "dataType")


class VosiError(Exception):
    """A description of tables that cannot be read, with the reason in one sentence."""


def read_tables(document: bytes) -> dict[str, Table]:
    """Read the tables of a VOSI tables document, by the names that queries use.

    Names in double quotes lose them; a table keeps the schema in its name where the service wrote it so.

    Raises
    ------
    VosiError
        If the document is not well-formed, is larger than :data:`MAX_BYTES`, declares a document type, or
        holds no table with columns.
    """
    if len(document) > MAX_BYTES:
        raise VosiError(f"the description of tables has {len(document)} bytes; the limit is {MAX_BYTES}")
    reader = _Reader()
    try:
        reader.parser.Parse(document, True)
    except expat.ExpatError as error:
        reason = expat.ErrorString(error.code)
        raise VosiError(
            f"the description of tables is not well-formed XML: {reason}, line {error.lineno}"
        ) from None
    except (LookupError, ValueError) as error:
        raise VosiError(f"the description of tables is in an encoding that cannot be read: {error}") from None
    if not reader.tables:
        raise VosiError(
            "the document describes no table with columns; the tables of a TAP service are at /tables"
        )
    return reader.tables


class _Reader:
    """Collects tables while expat goes through the document."""

    def __init__(self) -> None:
        self.tables: dict[str, Table] = {}
        self.path: list[str] = []
        self.text: list[str] = []
        self.table: dict[str, str] = {}
        self.columns: list[Column] | None = None
        self.column: dict[str, str] = {}
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self.doctype
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.text.append

    def doctype(self, *_: object) -> None:
        line = self.parser.CurrentLineNumber
        raise VosiError(
            f"line {line} of the description of tables declares a document type; that is not allowed"
        )

    def start(self, name: str, attributes: dict[str, str]) -> None:
        tag = name.rpartition(" ")[2]
        self.path.append(tag)
        self.text.clear()
        if tag == "table":
            self.table, self.columns = {}, []
        elif tag == "column":
            self.column = {}
        elif tag == "dataType":
            kind = next((v for k, v in attributes.items() if k.rpartition(" ")[2] == "type"), "")
            self.column["kind"] = kind.rpartition(":")[2]
            self.column["arraysize"] = attributes.get("arraysize", "")
            self.column["xtype"] = attributes.get("extendedType", "")

    def end(self, name: str) -> None:
        tag = self.path.pop()
        around = self.path[-1] if self.path else ""
        if tag in _TEXTS and self.columns is not None:
            text = "".join(self.text).strip()
            if around == "column":
                self.column[tag] = text
            elif around == "table":
                self.table[tag] = text
        elif tag == "column" and self.columns is not None and self.column.get("name"):
            self.columns.append(_column(self.column))
        elif tag == "table" and self.columns is not None:
            name = ".".join(_unquoted(part) for part in _parts(self.table.get("name", "")))
            if name and self.columns:
                self.tables[name] = Table(name, tuple(self.columns), self.table.get("description", ""))
            self.columns = None
        self.text.clear()


def _column(found: dict[str, str]) -> Column:
    return Column(
        _unquoted(found["name"]),
        _type(
            found.get("kind", ""),
            found.get("dataType", ""),
            found.get("arraysize", ""),
            found.get("xtype", ""),
        ),
        unit=found.get("unit", ""),
        ucd=found.get("ucd", ""),
        description=found.get("description", ""),
        utype=found.get("utype", ""),
    )


def _type(kind: str, name: str, arraysize: str, xtype: str) -> str:
    """Give the ADQL type of a column from the VOTable or the TAP notation of its type."""
    if xtype in _XTYPES:
        return _XTYPES[xtype]
    if kind == "TAPType":
        plain = name.rpartition(":")[2].upper().partition("(")[0]
        plain = _SYNONYMS.get(plain, plain)
        return plain if plain in TYPES or plain in ("CHAR", *_XTYPES.values()) else UNKNOWN
    if name in _CHARACTERS:
        return "VARCHAR"
    return _SCALARS.get(name, UNKNOWN) if arraysize in ("", "1") else UNKNOWN


def _parts(name: str) -> Iterator[str]:
    """Split a dotted name, not within double quotes."""
    part, quoted = "", False
    for character in name:
        quoted ^= character == '"'
        if character == "." and not quoted:
            yield part
            part = ""
        else:
            part += character
    yield part


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if len(name) > 2 and name[0] == name[-1] == '"' else name
