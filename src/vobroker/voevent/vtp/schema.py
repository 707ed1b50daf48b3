"""VOEvent 2.0 as an XML Schema, made from the model: compiled code checks it, in tens of microseconds.

A broker looks at every event, and :func:`vobroker.voevent.validate` takes half a millisecond for each. What
this schema takes is good; what it does not is looked at again by those who can say why.
"""

from __future__ import annotations

from functools import cache
from typing import cast
from xml.sax.saxutils import quoteattr

from lxml import etree

from vobroker.voevent.model import (
    ATTRIBUTE,
    CITES,
    CONTENT,
    COORDINATE_SYSTEMS,
    DATA_TYPES,
    ELEMENT,
    ROLES,
    Element,
    Place,
    VOEvent,
    places,
)
from vobroker.voevent.xml import NAMESPACES

_SCHEMA = "http://www.w3.org/2001/XMLSchema"

_VALUES: dict[tuple[str, str], tuple[str, ...]] = {
    ("VOEvent", "role"): ROLES,
    ("VOEvent", "version"): ("2.0",),
    ("EventIVORN", "cite"): CITES,
    ("Param", "dataType"): DATA_TYPES,
    ("Field", "dataType"): DATA_TYPES,
    ("AstroCoordSystem", "id"): COORDINATE_SYSTEMS,
    ("AstroCoords", "coord_system_id"): COORDINATE_SYSTEMS,
}
"""What an attribute may be, by class and name."""

_TIMES = {("Who", "Date"), ("Why", "expires")}

_REQUIRED = {
    ("VOEvent", "version"),
    ("Reference", "uri"),
    ("Position2D", "Error2Radius"),
    ("ObsDataLocation", "ObservatoryLocation"),
    ("ObsDataLocation", "ObservationLocation"),
    ("ObservationLocation", "AstroCoordSystem"),
    ("ObservationLocation", "AstroCoords"),
}
"""What the standard requires, and packets that are read may lack."""

_NUMBER = r"\s*[+\-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+\-]?[0-9]+)?\s*"
"""A finite number: ``xs:float`` would take NaN."""


def follows(root: etree._Element) -> bool:
    """Whether a packet is one of VOEvent 2.0 as its schema has it, with numbers that are finite."""
    return bool(_schema().validate(root))


@cache
def _schema() -> etree.XMLSchema:
    defined: dict[str, str] = {}
    _define(VOEvent, defined)
    parts = (
        f'<xs:schema xmlns:xs="{_SCHEMA}" xmlns="{NAMESPACES["2.0"]}" targetNamespace="{NAMESPACES["2.0"]}">',
        '<xs:element name="VOEvent" type="VOEvent"/>',
        f'<xs:simpleType name="number"><xs:restriction base="xs:string"><xs:pattern value="{_NUMBER}"/>'
        "</xs:restriction></xs:simpleType>",
        *defined.values(),
        "</xs:schema>",
    )
    return etree.XMLSchema(etree.fromstring("".join(parts)))


def _define(kind: type[Element], defined: dict[str, str]) -> None:
    """Write what may be in an element of a class, and in those below it."""
    name = kind.__name__
    if name in defined:
        return
    defined[name] = ""
    known = [place for place in places(kind) if not place.since]
    children = [place for place in known if place.at not in (ATTRIBUTE, CONTENT)]
    attributes = "".join(_attribute(name, place) for place in known if place.at is ATTRIBUTE)
    if any(place.at is CONTENT for place in known):
        content = (
            f'<xs:simpleContent><xs:extension base="xs:string">{attributes}</xs:extension></xs:simpleContent>'
        )
    else:
        many = any(place.many for place in children)
        inside = "".join(_child(name, place, counted=not many) for place in children)
        # Where one may come any number of times all may, as in the schema of the standard.
        group = "choice" if many else "all"
        often = ' minOccurs="0" maxOccurs="unbounded"' if many else ""
        content = (f"<xs:{group}{often}>{inside}</xs:{group}>" if children else "") + attributes
    defined[name] = f'<xs:complexType name="{name}">{content}</xs:complexType>'
    for place in children:
        if place.at is ELEMENT:
            _define(cast("type[Element]", place.of), defined)


def _attribute(owner: str, place: Place) -> str:
    use = ' use="required"' if _is_required(owner, place) else ""
    return f'<xs:attribute name="{place.name}"{use}{_value(owner, place, "attribute")}'


def _child(owner: str, place: Place, *, counted: bool) -> str:
    least = ' minOccurs="0"' if counted and not _is_required(owner, place) else ""
    if place.at is ELEMENT:
        return f'<xs:element name="{place.name}"{least} type="{place.of.__name__}"/>'
    return f'<xs:element name="{place.name}"{least}{_value(owner, place, "element")}'


def _value(owner: str, place: Place, what: str) -> str:
    """Write the type of a text, and end the tag that it belongs to."""
    key = owner, place.name
    if key in _VALUES:
        values = "".join(f"<xs:enumeration value={quoteattr(value)}/>" for value in _VALUES[key])
        restriction = f'<xs:restriction base="xs:string">{values}</xs:restriction>'
        return f"><xs:simpleType>{restriction}</xs:simpleType></xs:{what}>"
    kind = "number" if place.of is float else "xs:dateTime" if key in _TIMES else "xs:string"
    return f' type="{kind}"/>'


def _is_required(owner: str, place: Place) -> bool:
    return place.required or (owner, place.name) in _REQUIRED
