"""VOEvent as plain data: one class for each element, and where each field stands in the XML.

VOEvent 2.0 (IVOA Recommendation 2011-07-11), section 3. A field's place (attribute, text of a child, child
element) is said once, here; reading, writing and JSON follow it. ``None`` is "not there", which is not
the same as an empty text. What a packet has beyond the model is kept: other attributes by name, other
elements as XML, the order of the elements, and how each number was spelt. What version 2.1 adds
(working draft of 2025) says so.
"""

# ruff: noqa: RUF009 -- the calls only describe the field
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, dataclass, field, fields, replace
from enum import Enum
from typing import Any

ROLES = ("observation", "prediction", "utility", "test")
"""What a packet may be (section 3.1.2)."""

CITES = ("followup", "supersedes", "retraction")
"""What a citation may mean (section 3.6.1)."""

DATA_TYPES = ("string", "float", "int")
"""What the value of a Param may be (section 3.3.1)."""

SCHEMA_SYSTEMS = (
    *("TT-ICRS-TOPO", "UTC-ICRS-TOPO", "GPS-ICRS-TOPO", "TT-FK5-TOPO", "UTC-FK5-TOPO", "GPS-FK5-TOPO"),
    *("TT-ICRS-GEO", "UTC-ICRS-GEO", "GPS-ICRS-GEO", "TT-FK5-GEO", "UTC-FK5-GEO"),
    *("TDB-ICRS-BARY", "TDB-FK5-BARY"),
    "UTC-GEOD-TOPO",
)
"""Time scale, frame and reference position as the schema of 2.0 lists them; the last is for observatories."""

SOLAR_SYSTEMS = ("UTC-HPC-TOPO", "UTC-HPR-TOPO", "UTC-HGS-TOPO", "UTC-HGC-TOPO")
"""Systems of events on the Sun (section 3.4.4); the text of the standard has them, the schema has not."""

COORDINATE_SYSTEMS = (*SCHEMA_SYSTEMS, "GPS-FK5-GEO", *SOLAR_SYSTEMS)
"""Every system that the text of the standard names (sections 3.4.1 and 3.4.4)."""

GENERIC_LOCATIONS = {
    "GEOSURFACE": "anywhere on the surface of the Earth",
    "GEOLEO": "anywhere in low Earth orbit, below 700 km",
    "GEOGSO": "anywhere within the geostationary orbit",
    "GEONBH": "anywhere within 50,000 km of the geocentre",
    "GEOLUN": "anywhere within the orbit of the Moon",
}
"""Names that an observatory may have which stand for a region, as those of spacecraft do (section 3.4.2)."""


class Number(float):
    """A number that remembers how the packet spelt it: ``-53.3930`` stays that, and equals -53.393."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Number:
        """Make the number of a text that :func:`float` reads."""
        number = super().__new__(cls, text)
        number.text = text
        return number

    def __reduce__(self) -> tuple[type[Number], tuple[str]]:
        return Number, (self.text,)


class At(Enum):
    """Kind of place of a value in the XML."""

    ATTRIBUTE = "attribute"
    TEXT = "text"  # of a child element
    CONTENT = "content"  # text of the element itself
    ELEMENT = "element"


ATTRIBUTE, TEXT, CONTENT, ELEMENT = At  # looking up a member costs more than what is done with it


@dataclass(frozen=True, slots=True)
class Place:
    """Where a field of a class stands in the XML of its element."""

    at: At
    name: str
    of: Any = str
    many: bool = False
    required: bool = False
    since: str = ""  # version that added it
    field: str = ""


def _place(
    at: At, name: str, of: Any = str, *, many: bool = False, required: bool = False, since: str = ""
) -> Any:
    default: Any = MISSING if required else () if many else None
    return field(default=default, metadata={"xml": Place(at, name, of, many, required, since)})


def _attribute(name: str, of: Any = str, *, required: bool = False) -> Any:
    return _place(ATTRIBUTE, name, of, required=required)


def _text(name: str, of: Any = str, *, many: bool = False, required: bool = False, since: str = "") -> Any:
    return _place(TEXT, name, of, many=many, required=required, since=since)


def _element(name: str, of: Any, *, many: bool = False, required: bool = False, since: str = "") -> Any:
    return _place(ELEMENT, name, of, many=many, required=required, since=since)


@dataclass(frozen=True, kw_only=True)
class Element:
    """What every element may hold beyond the model.

    Attributes
    ----------
    other_attributes
        Names and values. Names are in Clark notation, and behind ``C1/@`` or ``Description[2]/@`` where
        the attribute is one of a child that the model has as a text. ``xmlns`` is the namespace of an
        element, and of what is inside it, where the standard has another.
    other_elements
        Child elements in canonical XML, each with the namespaces that it uses.
    other_text
        Texts where only elements are expected.
    order
        Names of the child elements in the order of the packet, ``*`` for one of ``other_elements``, ``#``
        for one of ``other_text``; empty where it is the order in which they are written anyway: texts, the
        fields of the class, other elements.
    """

    other_attributes: tuple[tuple[str, str], ...] = ()
    other_elements: tuple[str, ...] = ()
    other_text: tuple[str, ...] = ()
    order: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reference(Element):
    """Content elsewhere (section 3.8); real packets have some without ``uri``, though they must have it."""

    uri: str | None = _attribute("uri")
    type: str | None = _attribute("type")
    mimetype: str | None = _attribute("mimetype")
    meaning: str | None = _attribute("meaning")


def _content(name: str) -> Any:
    return field(metadata={"xml": Place(CONTENT, name, required=True)})


@dataclass(frozen=True)
class Contributor(Element):
    """Who took part (version 2.1): a name with identifiers and a role, as DataCite names roles."""

    name: str = _content("Contributor")
    ivorn: str | None = _attribute("ivorn")
    alt_identifier: str | None = _attribute("altIdentifier")
    role: str | None = _attribute("role")


@dataclass(frozen=True)
class Author(Element):
    """Who is responsible for a packet (section 3.2.2)."""

    title: tuple[str, ...] = _text("title", many=True)
    short_name: tuple[str, ...] = _text("shortName", many=True)
    logo_url: tuple[str, ...] = _text("logoURL", many=True)
    contact_name: tuple[str, ...] = _text("contactName", many=True)
    contact_email: tuple[str, ...] = _text("contactEmail", many=True)
    contact_phone: tuple[str, ...] = _text("contactPhone", many=True)
    contributor: tuple[str, ...] = _text("contributor", many=True)
    contributors: tuple[Contributor, ...] = _element("Contributor", Contributor, many=True, since="2.1")


@dataclass(frozen=True)
class Who(Element):
    """Author and date of a packet (section 3.2); the date is UTC, as ISO 8601 without a zone."""

    author_ivorn: str | None = _text("AuthorIVORN")
    date: str | None = _text("Date")
    description: str | None = _text("Description")
    reference: Reference | None = _element("Reference", Reference)
    author: Author | None = _element("Author", Author)


@dataclass(frozen=True)
class Param(Element):
    """A named value (section 3.3.1); ``data_type`` is string where it is not there."""

    name: str | None = _attribute("name")
    value: str | None = _attribute("value")
    unit: str | None = _attribute("unit")
    ucd: str | None = _attribute("ucd")
    data_type: str | None = _attribute("dataType")
    utype: str | None = _attribute("utype")
    descriptions: tuple[str, ...] = _text("Description", many=True)
    references: tuple[Reference, ...] = _element("Reference", Reference, many=True)
    text: tuple[str, ...] = _text("Value", many=True)


@dataclass(frozen=True)
class Group(Element):
    """Params that belong together (section 3.3.2)."""

    name: str | None = _attribute("name")
    type: str | None = _attribute("type")
    params: tuple[Param, ...] = _element("Param", Param, many=True)
    descriptions: tuple[str, ...] = _text("Description", many=True)
    references: tuple[Reference, ...] = _element("Reference", Reference, many=True)


@dataclass(frozen=True)
class Field(Element):
    """Column of a table (section 3.3.4)."""

    name: str | None = _attribute("name")
    unit: str | None = _attribute("unit")
    ucd: str | None = _attribute("ucd")
    data_type: str | None = _attribute("dataType")
    utype: str | None = _attribute("utype")
    descriptions: tuple[str, ...] = _text("Description", many=True)
    references: tuple[Reference, ...] = _element("Reference", Reference, many=True)


@dataclass(frozen=True)
class Row(Element):
    """Row of a table."""

    cells: tuple[str, ...] = _text("TD", many=True)


@dataclass(frozen=True)
class Data(Element):
    """Rows of a table (section 3.3.5)."""

    rows: tuple[Row, ...] = _element("TR", Row, many=True)


@dataclass(frozen=True)
class Table(Element):
    """A small table (section 3.3.3)."""

    name: str | None = _attribute("name")
    type: str | None = _attribute("type")
    descriptions: tuple[str, ...] = _text("Description", many=True)
    references: tuple[Reference, ...] = _element("Reference", Reference, many=True)
    params: tuple[Param, ...] = _element("Param", Param, many=True)
    fields: tuple[Field, ...] = _element("Field", Field, many=True)
    data: Data | None = _element("Data", Data)


@dataclass(frozen=True)
class What(Element):
    """What was measured (section 3.3)."""

    params: tuple[Param, ...] = _element("Param", Param, many=True)
    groups: tuple[Group, ...] = _element("Group", Group, many=True)
    tables: tuple[Table, ...] = _element("Table", Table, many=True)
    descriptions: tuple[str, ...] = _text("Description", many=True)
    references: tuple[Reference, ...] = _element("Reference", Reference, many=True)


@dataclass(frozen=True)
class TimeFrame(Element):
    """Time scale and place of the clock (version 2.1), in words of the IVOA's vocabularies."""

    id: str | None = _attribute("id")
    name: str | None = _text("Name")
    reference_position: str | None = _text("ReferencePosition")
    time_scale: str | None = _text("TimeScale")


@dataclass(frozen=True)
class SpaceFrame(Element):
    """Axes and origin of positions (version 2.1), in words of the IVOA's vocabularies."""

    id: str | None = _attribute("id")
    name: str | None = _text("Name")
    reference_frame: str | None = _text("SpaceRefFrame")
    coordinate_flavor: str | None = _text("CoordFlavor")
    reference_position: str | None = _text("ReferencePosition")


@dataclass(frozen=True)
class AstroCoordSystem(Element):
    """A coordinate system, named by one of :data:`COORDINATE_SYSTEMS`; in version 2.1 also described."""

    id: str | None = _attribute("id")
    time_frame: TimeFrame | None = _element("TimeFrame", TimeFrame, since="2.1")
    space_frame: SpaceFrame | None = _element("SpaceFrame", SpaceFrame, since="2.1")


@dataclass(frozen=True)
class TimeInterval(Element):
    """Beginning and end of an event that lasts (version 2.1)."""

    start: str | None = _text("ISOTimeStart")
    stop: str | None = _text("ISOTimeStop")


@dataclass(frozen=True)
class TimeInstant(Element):
    """A time, ISO 8601 in the time scale of the coordinate system; or an offset from one."""

    iso_time: str | None = _text("ISOTime")
    time_offset: float | None = _text("TimeOffset", float)
    time_scale: str | None = _text("TimeScale")


@dataclass(frozen=True)
class Time(Element):
    """A time and its error, in ``unit``, seconds where it is not there."""

    unit: str | None = _attribute("unit")
    instant: TimeInstant | None = _element("TimeInstant", TimeInstant)
    interval: TimeInterval | None = _element("TimeInterval", TimeInterval, since="2.1")
    error: float | None = _text("Error", float)


@dataclass(frozen=True)
class Value2(Element):
    """Two coordinates."""

    c1: float = _text("C1", float, required=True)
    c2: float = _text("C2", float, required=True)


@dataclass(frozen=True)
class Value3(Element):
    """Three coordinates."""

    c1: float = _text("C1", float, required=True)
    c2: float = _text("C2", float, required=True)
    c3: float = _text("C3", float, required=True)


@dataclass(frozen=True)
class Error2(Element):
    """Errors of two coordinates (version 2.1)."""

    c1: float | None = _text("C1", float)
    c2: float | None = _text("C2", float)


@dataclass(frozen=True)
class Error3(Element):
    """Errors of three coordinates (version 2.1)."""

    c1: float | None = _text("C1", float)
    c2: float | None = _text("C2", float)
    c3: float | None = _text("C3", float)


@dataclass(frozen=True, kw_only=True)
class Position2D(Element):
    """A place in the sky; ``value`` and ``radius``, which is the error, are in ``unit``, deg as a rule."""

    unit: str | None = _attribute("unit")
    name1: str | None = _text("Name1")
    name2: str | None = _text("Name2")
    value: Value2 = _element("Value2", Value2, required=True)
    radius: float | None = _text("Error2Radius", float)
    error: Error2 | None = _element("Error2", Error2, since="2.1")


@dataclass(frozen=True, kw_only=True)
class Position3D(Element):
    """A place in space, or on the Earth as longitude, latitude and height in ``deg-deg-m``."""

    unit: str | None = _attribute("unit")
    name1: str | None = _text("Name1")
    name2: str | None = _text("Name2")
    name3: str | None = _text("Name3")
    value: Value3 = _element("Value3", Value3, required=True)
    error: Error3 | None = _element("Error3", Error3, since="2.1")


@dataclass(frozen=True)
class AstroCoords(Element):
    """Time and place in a coordinate system."""

    coord_system_id: str | None = _attribute("coord_system_id")
    time: Time | None = _element("Time", Time)
    position_name: str | None = _text("PositionName", since="2.1")
    position2d: Position2D | None = _element("Position2D", Position2D)
    position3d: Position3D | None = _element("Position3D", Position3D)


@dataclass(frozen=True)
class ObservatoryLocation(Element):
    """Where the observatory is, by name or by coordinates (section 3.4.2)."""

    id: str | None = _attribute("id")
    system: AstroCoordSystem | None = _element("AstroCoordSystem", AstroCoordSystem)
    coords: AstroCoords | None = _element("AstroCoords", AstroCoords)


@dataclass(frozen=True)
class ObservationLocation(Element):
    """Where and when the event was seen (section 3.4.3)."""

    system: AstroCoordSystem | None = _element("AstroCoordSystem", AstroCoordSystem)
    coords: AstroCoords | None = _element("AstroCoords", AstroCoords)


@dataclass(frozen=True)
class ObsDataLocation(Element):
    """Observatory and observation."""

    observatory: ObservatoryLocation | None = _element("ObservatoryLocation", ObservatoryLocation)
    observation: ObservationLocation | None = _element("ObservationLocation", ObservationLocation)


@dataclass(frozen=True)
class WhereWhen(Element):
    """Space and time of an event (section 3.4)."""

    id: str | None = _attribute("id")
    location: ObsDataLocation | None = _element("ObsDataLocation", ObsDataLocation)
    descriptions: tuple[str, ...] = _text("Description", many=True)
    references: tuple[Reference, ...] = _element("Reference", Reference, many=True)


@dataclass(frozen=True)
class How(Element):
    """Instrument and method (section 3.5)."""

    descriptions: tuple[str, ...] = _text("Description", many=True)
    references: tuple[Reference, ...] = _element("Reference", Reference, many=True)


@dataclass(frozen=True)
class Inference(Element):
    """What the author takes the event for, and how surely (section 3.6)."""

    probability: float | None = _attribute("probability", float)
    relation: str | None = _attribute("relation")
    names: tuple[str, ...] = _text("Name", many=True)
    concepts: tuple[str, ...] = _text("Concept", many=True)
    descriptions: tuple[str, ...] = _text("Description", many=True)
    references: tuple[Reference, ...] = _element("Reference", Reference, many=True)


@dataclass(frozen=True)
class Why(Element):
    """First scientific assessment (section 3.6)."""

    importance: float | None = _attribute("importance", float)
    expires: str | None = _attribute("expires")
    names: tuple[str, ...] = _text("Name", many=True)
    concepts: tuple[str, ...] = _text("Concept", many=True)
    inferences: tuple[Inference, ...] = _element("Inference", Inference, many=True)
    descriptions: tuple[str, ...] = _text("Description", many=True)
    references: tuple[Reference, ...] = _element("Reference", Reference, many=True)


@dataclass(frozen=True)
class EventIVORN(Element):
    """Citation of another packet; ``cite`` is one of :data:`CITES`."""

    ivorn: str = _content("EventIVORN")
    cite: str | None = _attribute("cite")


@dataclass(frozen=True)
class Citations(Element):
    """Packets that this one follows up, supersedes or retracts (section 3.7)."""

    events: tuple[EventIVORN, ...] = _element("EventIVORN", EventIVORN, many=True)
    description: str | None = _text("Description")


@dataclass(frozen=True)
class VOEvent(Element):
    """A packet (section 3.1); ``role`` is one of :data:`ROLES`, ``observation`` where it is not there.

    Attributes
    ----------
    namespace, schema_location
        Those of the packet, empty where it has none; None where they are those of its version.
    source
        The packet as it was read. A changed copy (:func:`dataclasses.replace`) has none.
    """

    ivorn: str = _attribute("ivorn", required=True)
    role: str | None = _attribute("role")
    version: str = field(default="2.0", metadata={"xml": Place(ATTRIBUTE, "version")})
    who: Who | None = _element("Who", Who)
    what: What | None = _element("What", What)
    where_when: WhereWhen | None = _element("WhereWhen", WhereWhen)
    how: How | None = _element("How", How)
    why: Why | None = _element("Why", Why)
    citations: Citations | None = _element("Citations", Citations)
    description: str | None = _text("Description")
    reference: Reference | None = _element("Reference", Reference)
    namespace: str | None = None
    schema_location: str | None = None
    source: bytes | None = field(default=None, init=False, compare=False, repr=False)

    def params(self) -> Iterator[tuple[str | None, Param]]:
        """Yield every Param with the name of its group, None for those in no group."""
        if self.what is None:
            return
        for param in self.what.params:
            yield None, param
        for group in self.what.groups:
            for param in group.params:
                yield group.name, param

    @property
    def observation(self) -> ObservationLocation | None:
        """Where and when the event was seen, where the packet says it."""
        location = self.where_when.location if self.where_when else None
        return location.observation if location else None

    @property
    def observatory(self) -> ObservatoryLocation | None:
        """Where the event was seen from, where the packet says it."""
        location = self.where_when.location if self.where_when else None
        return location.observatory if location else None

    @property
    def coords(self) -> AstroCoords | None:
        """Time and place of the observation, where the packet says it."""
        return self.observation.coords if self.observation else None


_PLACES: dict[type[Element], tuple[Place, ...]] = {}


def places(element: type[Element]) -> tuple[Place, ...]:
    """Give the places of a class's fields, in the order in which they are written."""
    if element not in _PLACES:
        own = [one for one in fields(element) if "xml" in one.metadata]
        _PLACES[element] = tuple(replace(one.metadata["xml"], field=one.name) for one in own)
    return _PLACES[element]
