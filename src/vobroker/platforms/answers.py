"""Answers of VO services of unknown origin: availability, capabilities, and the rows of a VOTable."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

from vobroker.platforms.descriptor import SECURITY
from vobroker.platforms.errors import PlatformError

TAP = "ivo://ivoa.net/std/TAP"
MAX_DEPTH = 100

LIMITS = {"retentionPeriod": "s", "executionDuration": "s", "outputLimit": "row", "uploadLimit": "byte"}
"""Limits of TAPRegExt, each with ``default`` and ``hard``, and the unit that they have mostly."""

_NAMES = {identifier.lower(): name for name, identifier in SECURITY.items()}


class AnswerError(PlatformError):
    """An answer that is not what it should be."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a TAP service announces.

    Attributes
    ----------
    limits
        By name and kind, such as ``outputLimit.hard``; in the unit of :data:`LIMITS` unless the name says.
    security
        How one may say who one is, of :data:`SECURITY` where known.
    """

    limits: Mapping[str, int] = field(default_factory=dict)
    security: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a VOTable: how many, and whether it says that there are more."""

    number: int
    overflow: bool


def read_availability(document: bytes) -> tuple[bool, str]:
    """Read whether a service is up, and what it says of it (VOSI 1.1, section 2.2).

    Raises
    ------
    AnswerError
        If it is no such document.
    """
    root = ""
    texts: dict[str, str] = {}

    def end(path: list[str], _: Mapping[str, str], text: str) -> None:
        nonlocal root
        root = path[0]
        if len(path) == 2:
            texts.setdefault(path[1], text)

    _walk(document, end)
    if root != "availability" or texts.get("available", "").lower() not in ("true", "false", "1", "0"):
        raise AnswerError(f"this is no VOSI availability, but <{root[:40]}>")
    return texts["available"].lower() in ("true", "1"), " ".join(texts.get("note", "").split())[:300]


def read_capabilities(document: bytes) -> Capabilities:
    """Read what a TAP service announces (VOSI 1.1, section 2.1; TAPRegExt 1.0).

    Raises
    ------
    AnswerError
        If it is no such document, or describes no TAP service.
    """
    root = ""
    found: dict[str, int] = {}
    security: list[str] = []
    limits: dict[str, int] = {}
    methods: list[str] = []
    seen = False

    def end(path: list[str], attributes: Mapping[str, str], text: str) -> None:
        nonlocal root, seen
        root, tag = path[0], path[-1]
        if tag in ("default", "hard") and len(path) > 2 and path[-2] in LIMITS:
            digits = text.strip()
            if digits.isdecimal() and len(digits) < 19:
                unit = attributes.get("unit", LIMITS[path[-2]])
                other = f" in {unit[:20]}" if unit != LIMITS[path[-2]] else ""
                found.setdefault(f"{path[-2]}.{tag}{other}", int(digits))
        elif tag == "securityMethod":
            name = attributes.get("standardID", "")
            security.append(_NAMES.get(name.lower(), name[:80]))
        elif tag == "interface" and not security:
            security.append("anonymous")
        elif tag == "capability":
            if attributes.get("standardID", "").lower().rstrip("/") == TAP.lower():
                seen = True
                limits.update(found)
                methods.extend(security)
            found.clear()
            security.clear()

    _walk(document, end)
    if root != "capabilities":
        raise AnswerError(f"this is no VOSI capabilities, but <{root[:40]}>")
    if not seen:
        raise AnswerError("these capabilities are of no TAP service")
    return Capabilities(limits, tuple(dict.fromkeys(methods)))


def count_rows(document: bytes) -> Rows:
    """Count the rows of a VOTable with its data as TABLEDATA; DALI 1.1, section 4.4, for its status.

    Raises
    ------
    AnswerError
        If it is no VOTable, says that the query failed, or holds its data otherwise.
    """
    root, failed = "", ""
    number = 0
    overflow = other = False

    def end(path: list[str], attributes: Mapping[str, str], text: str) -> None:
        nonlocal root, failed, number, overflow, other
        root, tag = path[0], path[-1]
        if tag == "TR":
            number += 1
        elif tag in ("BINARY", "BINARY2", "FITS", "PARQUET"):
            other = True
        elif tag == "INFO" and attributes.get("name") == "QUERY_STATUS":
            overflow |= attributes.get("value") == "OVERFLOW"
            if attributes.get("value") == "ERROR":
                failed = " ".join(text.split())[:200] or "no reason is told"

    _walk(document, end)
    if root != "VOTABLE":
        raise AnswerError(f"this is no VOTable, but <{root[:40]}>")
    if failed:
        raise AnswerError(f"the query failed there: {failed}")
    if other:
        raise AnswerError("the rows come in binary, although they were asked for as TABLEDATA")
    return Rows(number, overflow)


def _walk(document: bytes, end: Callable[[list[str], Mapping[str, str], str], None]) -> None:
    """Go through a document: no document type, no entities, no network, and give each element at its end."""
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    path: list[str] = []
    attributes: list[dict[str, str]] = []
    texts: list[str] = []

    def doctype(name: str, *_: object) -> None:
        what = "HTML" if name.lower() == "html" else "a document type"
        raise AnswerError(f"line {parser.CurrentLineNumber} declares {what}; that is not allowed")

    def start(name: str, found: dict[str, str]) -> None:
        tag = name.rpartition(" ")[2]
        if not path and tag.lower() == "html":
            raise AnswerError("this is HTML")
        if len(path) >= MAX_DEPTH:
            raise AnswerError(f"elements are nested more than {MAX_DEPTH} deep")
        path.append(tag)
        attributes.append({key.rpartition(" ")[2]: value for key, value in found.items()})
        texts.clear()

    def close(_: str) -> None:
        end(path, attributes[-1], "".join(texts).strip())
        path.pop()
        attributes.pop()
        texts.clear()

    parser.StartDoctypeDeclHandler = doctype
    parser.StartElementHandler = start
    parser.EndElementHandler = close
    parser.CharacterDataHandler = texts.append
    try:
        parser.Parse(document, True)
    except expat.ExpatError as error:
        if document.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html")):
            raise AnswerError("this is HTML") from None
        reason = expat.ErrorString(error.code)
        raise AnswerError(f"this is no XML: {reason}, line {error.lineno}") from None
    except (LookupError, ValueError) as error:
        raise AnswerError(f"this is XML in an encoding that cannot be read: {error}") from None
