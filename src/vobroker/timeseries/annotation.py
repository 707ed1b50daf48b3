"""Annotations of time series by data models, whatever the syntax.

Since 2016 the IVOA has seen four ways to write instances of data models over a VOTable: the VO-DML mapping
(LITERAL, COLUMN, COMPOSITION), GAVO's shorter form of it, ModelInstanceInVot (MODEL_INSTANCE), and MIVOT, the
recommendation. All of them build trees of instances whose leaves are values or references to columns and
PARAMs. Here they become one tree, and what the models Coords, Meas, Cube, PhotDM, STC2, DatasetMetadata and
MANGO mean in it is looked up by the last words of their roles, since drafts of a model differ in the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from lxml import etree

from vobroker.timeseries import plain
from vobroker.timeseries.findings import Findings, number_of
from vobroker.timeseries.series import MJD, Statement
from vobroker.timeseries.tables import Table
from vobroker.timeseries.xml import children, line, path, statement, tag, within

_LEAVES = ("LITERAL", "COLUMN", "CONSTANT")
_KEYS = ("PRIMARY_KEY", "PRIMARYKEY", "PRIMARYIDKEY", "PRIMARYKEYID")
_FOREIGN = ("FOREIGN_KEY", "FOREIGNKEY", "FOREIGNIDKEY")
# One sample has had all its underscores replaced by "ID".

_TIME = {"timeframe.timescale": "scale", "timeframe.time0": "origin", "timeframe.refposition": "position"}
_SPACE = {
    "spaceframe.spacerefframe": "system",
    "spaceframe.orientation": "system",
    "spaceframe.equinox": "equinox",
    "spaceframe.epoch": "epoch",
    "spaceframe.refposition": "position",
}
_PHOTOMETRY = {
    "photfilter.name": "filter",
    "photometryfilter.identifier": "filter",
    "photcal.filteridentifier": "filter",
    "photfilter.effectivewavelength": "wavelength",
    "photfilter.effectivewavlength": "wavelength",
    "spectrallocation.value": "wavelength",
    "photometryfilter.spectrallocation": "wavelength",
    "photcal.effectivewavelength": "wavelength",
    "photfilter.zeropointflux": "zero_point",
    "flux.value": "zero_point",
    "zeropoint.flux": "zero_point",
    "photcal.zeropointflux": "zero_point",
    "zeropoint.type": "zero_point_type",
    "photcal.zeropointtype": "zero_point_type",
    "photfilter.magnitudesystem": "magnitude_system",
    "magnitudesystem.type": "magnitude_system",
    "photcal.magnitudesystem": "magnitude_system",
    "photometryfilter.bandname": "name",
    "photcal.bandname": "name",
}
_UNITS = {
    "photfilter.effectivewavelength": ("photfilter.unit",),
    "photfilter.effectivewavlength": ("photfilter.unit",),
    "photfilter.zeropointflux": ("photfilter.zeropointunit",),
    "spectrallocation.value": ("spectrallocation.unit", "spectrallocation.unitexpression"),
    "flux.value": ("flux.unit", "flux.unitexpression"),
    "photcal.effectivewavelength": ("photcal.wavelengthunit",),
    "photcal.zeropointflux": ("photcal.zeropointunit",),
}
_DATES: dict[str, float | None] = {
    "jd.date": 0.0,
    "mjd.date": MJD,
    "timeoffset.date": None,
    "timeoffset.time": None,
}
_DATES |= {"timeinstant.date": None, "timecoordinate.location": None}
_MEASURES = ("physicalcoordinate.cval", "photometriccoord.cval", "fluxaxis.value", "measurement.value")
_ERRORS = ("symmetrical.radius", "error.staterror", "measurement.staterror")
_LONGITUDES = ("point.axis1", "lonlatpoint.longitude", "sphericalcoordinate.longitude")
_LATITUDES = ("point.axis2", "lonlatpoint.latitude", "sphericalcoordinate.latitude")
_IDENTIFIERS = ("basetarget.name", "target.name", "astrotarget.name", "mangoobject.identifier")
_TITLES = ("dataid.title", "dataset.title")
_SURVEYS = ("dataid.collection", "dataset.collection")


@dataclass(frozen=True)
class Node:
    """An instance, a value, or a reference to an instance.

    Parameters
    ----------
    element
        Where it stands.
    role, type
        ``dmrole`` and ``dmtype``.
    value, ref, unit
        Of a leaf: its literal value, or the column or PARAM that has it, and the unit.
    target, keys
        Of a reference: ID of what is meant; the columns whose values choose one of a collection.
    inner
        What an instance is made of.
    """

    element: etree._Element
    role: str = ""
    type: str = ""
    value: str | None = None
    ref: str = ""
    unit: str = ""
    target: str = ""
    keys: tuple[str, ...] = ()
    inner: tuple[Node, ...] = ()

    @property
    def is_leaf(self) -> bool:
        """Whether it is a value."""
        return self.value is not None or bool(self.ref)

    @property
    def id(self) -> str:
        """ID of an instance."""
        return str(self.element.get("ID") or self.element.get("dmid") or "")

    @property
    def model_class(self) -> str:
        """Class of an instance, without model and package, in lower case."""
        return self.type.replace(":", ".").rpartition(".")[2].lower()

    @property
    def primary_keys(self) -> list[str]:
        """Values that identify an instance within its collection."""
        found = []
        for key in children(self.element, *_KEYS):
            found += [one.get("value", "") for one in (key, *within(key, "LITERAL")) if one.get("value")]
        return found

    def said(self) -> Statement:
        """Say what a leaf says, and where."""
        attribute = "value" if self.value is not None else "ref"
        return Statement(self.value or self.ref, path(self.element, attribute), line(self.element))


@dataclass(frozen=True)
class Annotation:
    """All instances of a document.

    ``shared`` are those of all tables; ``rows`` those made for a table or its rows, by the ID of the table.
    """

    shared: tuple[Node, ...]
    rows: Mapping[str, tuple[Node, ...]]
    element: etree._Element = field(repr=False)

    @cached_property
    def by_id(self) -> dict[str, Node]:
        """Instances by ID."""
        nodes = [*self.shared, *(node for part in self.rows.values() for node in part)]
        return {one.id: one for top in nodes for one in _all(top) if one.id and not one.target}


def annotation(block: etree._Element) -> Annotation:
    """Read a VODML or MODEL_INSTANCE element."""
    shared: list[Node] = []
    rows: dict[str, tuple[Node, ...]] = {}
    for part in children(block):
        if tag(part) == "GLOBALS":
            shared += _inner(part)
        elif tag(part) in ("TEMPLATES", "TABLE_MAPPING"):
            name = part.get("tableref", "")
            rows[name] = rows.get(name, ()) + tuple(_inner(part))
    return Annotation(tuple(shared), rows, block)


def tell(noted: Annotation, table: Table, found: Findings) -> None:
    """Gather what an annotation says of a table and its columns."""
    own = noted.rows.get(table.element.get("ID", ""))
    if own is None:
        names = list(noted.rows)
        if len(names) != 1:
            return
        own = noted.rows[names[0]]
        if names[0]:
            templates = next(one for one in children(noted.element) if one.get("tableref") == names[0])
            found.note(
                f"{statement(templates, 'tableref').place} refers to {names[0]}, which is not in the document"
            )
    noted = replace(noted, shared=_about(noted, own, table))
    nodes = (*own, *noted.shared)
    pairs = [pair for node in nodes for pair in _leaves(node)]
    _times(noted, own, table, found)
    _spaces(noted, own, pairs, table, found)
    _calibrations(noted, nodes, table, found)
    _measures(noted, own, table, found)
    _identity(pairs, table, found)


def _about(noted: Annotation, own: tuple[Node, ...], table: Table) -> tuple[Node, ...]:
    """Give the shared instances that are about a table: not those that only other tables have to do with."""
    others = tuple(node for nodes in noted.rows.values() if nodes is not own for node in nodes)
    mine, theirs = _reached(noted, own), _reached(noted, others)
    kept: list[Node] = []
    for node in noted.shared:
        refs = [leaf.ref for _, leaf in _leaves(node) if leaf.ref]
        here = any(table.field(ref) is not None for ref in refs)
        elsewhere = any(table.field(ref) is None and _exists(table, ref) for ref in refs)
        if here or id(node) in mine or not (elsewhere or id(node) in theirs):
            kept.append(node)
    also = _reached(noted, tuple(kept))
    return tuple(node for node in noted.shared if id(node) in also or any(node is one for one in kept))


def _reached(noted: Annotation, nodes: tuple[Node, ...]) -> set[int]:
    """Find the shared instances that some refer to, directly or by others."""
    inside = {one.id: top for top in noted.shared for one in _all(top) if one.id and not one.target}
    found: set[int] = set()
    waiting = [one.target for node in nodes for one in _all(node) if one.target]
    while waiting:
        target = waiting.pop()
        tops = [inside[target]] if target in inside else [n for n in noted.shared if _is_within(n, target)]
        for top in tops:
            if id(top) not in found:
                found.add(id(top))
                waiting += [one.target for one in _all(top) if one.target]
    return found


def _is_within(node: Node, collection: str) -> bool:
    return any(collection in (up.get("ID"), up.get("dmid")) for up in node.element.iterancestors())


def _exists(table: Table, identifier: str) -> bool:
    """Tell whether anything in the document has an ID."""
    root = table.element.getroottree().getroot()
    return any(one.get("ID") == identifier for one in root.iter("{*}FIELD", "{*}PARAM"))


# -- the tree ------------------------------------------------------------------------------------------


def _inner(element: etree._Element, role: str = "") -> list[Node]:
    """Read what stands in an element that is a container."""
    return [node for child in children(element) for node in _nodes(child, role)]


def _nodes(element: etree._Element, role: str = "") -> list[Node]:
    name, own = tag(element), element.get("dmrole") or role
    if name == "INSTANCE":
        if element.get("dmref"):
            return [Node(element, own, target=element.get("dmref", ""))]
        return [_quantity(Node(element, own, element.get("dmtype", ""), inner=tuple(_inner(element))))]
    if name == "ATTRIBUTE":
        return _attribute(element, own)
    if name in ("COMPOSITION", "COLLECTION", "TABLE_ROW_TEMPLATE", "GROUPBY"):
        return _inner(element, own)
    if name == "REFERENCE":
        return [_reference(element, own)]
    if name == "ITEM" and element.get("ref"):
        return [Node(element, own, ref=element.get("ref", ""))]
    return []


def _attribute(element: etree._Element, role: str) -> list[Node]:
    kind = element.get("dmtype", "")
    if element.get("ref"):
        return [Node(element, role, kind, ref=element.get("ref", ""), unit=element.get("unit", ""))]
    if element.get("value") is not None:
        return [Node(element, role, kind, value=element.get("value"), unit=element.get("unit", ""))]
    for leaf in children(element, *_LEAVES):
        told = leaf.get("ref") or ""
        literal = None if told else leaf.get("value", "")
        return [Node(leaf, role, leaf.get("dmtype", ""), literal, told, leaf.get("unit", ""))]
    return _inner(element, role)


def _reference(element: etree._Element, role: str) -> Node:
    target = element.get("dmref") or element.get("sourceref") or ""
    for one in within(element, "IDREF", "TARGETID"):
        target = target or (one.text or "").strip()
    keys = [
        one.get("ref", "")
        for foreign in children(element, *_FOREIGN)
        for one in (foreign, *within(foreign, "COLUMN"))
        if one.get("ref")
    ]
    return Node(element, role, target=target, keys=tuple(keys))


def _quantity(node: Node) -> Node:
    """Make a leaf of an instance of ivoa:RealQuantity, which is a value and its unit."""
    if node.model_class != "realquantity":
        return node
    parts = {one.role.rpartition(".")[2]: one for one in node.inner}
    value, unit = parts.get("value"), parts.get("unit")
    if value is None:
        return node
    return replace(value, role=node.role, unit=(unit.value or "") if unit else "")


def _all(node: Node) -> Iterator[Node]:
    yield node
    for one in node.inner:
        yield from _all(one)


def _leaves(node: Node) -> Iterator[tuple[str, Node]]:
    """Give the leaves below an instance with their qualified roles."""
    for one in node.inner:
        if one.is_leaf:
            yield qualified(one.role, node.model_class), one
        else:
            yield from _leaves(one)


def qualified(role: str, within_class: str = "") -> str:
    """Give class and attribute of a role, in lower case: all that drafts of the models agree in."""
    words = role.rpartition(":")[2].lower().split(".")
    return ".".join(words[-2:]) if len(words) > 1 else f"{within_class}.{words[0]}"


def _resolved(noted: Annotation, node: Node, seen: frozenset[str] = frozenset()) -> Node:
    """Give an instance with what it refers to in the place of references."""
    inner = []
    for one in node.inner:
        if one.target and one.target in noted.by_id and one.target not in seen:
            inner.append(_resolved(noted, noted.by_id[one.target], seen | {one.target}))
        elif one.inner:
            inner.append(_resolved(noted, one, seen))
        else:
            inner.append(one)
    return replace(node, inner=tuple(inner))


# -- what it means -------------------------------------------------------------------------------------


def _instances(nodes: tuple[Node, ...], *classes: str) -> list[Node]:
    return [one for node in nodes for one in _all(node) if one.model_class in classes and not one.target]


def _times(noted: Annotation, own: tuple[Node, ...], table: Table, found: Findings) -> None:
    """Take down the columns of times: the first is that of the measurements."""
    everywhere = (*own, *noted.shared)
    for holder, role, leaf in _with_holders(own):
        if role not in _DATES or not leaf.ref:
            continue
        column = table.field(leaf.ref)
        if column is None or column not in table.fields:
            _dangling(leaf.said(), leaf.ref, table, found)
            continue
        is_main = "time" not in found.roles
        if is_main:
            found.role("time", column.label, leaf.said())
        elif column.label == found.roles["time"]:
            is_main = True
        prefix = "time" if is_main else f"times.{column.label}"
        frames = _time_frames(holder.inner)
        for one in _all(holder):
            if one.target and _last(one.role) == "coordsys":
                frames = _frames_of(noted, one, everywhere, found)
        if _DATES[role] is not None:
            found.say(f"{prefix}.origin", _DATES[role], leaf.said())
        _offset(holder, prefix, found)
        for frame in frames[:1]:
            _time_frame(_resolved(noted, frame), prefix, found)


def _offset(holder: Node, prefix: str, found: Findings) -> None:
    """Take down the time that a coords:TimeOffset counts from."""
    for one in holder.inner:
        if _last(one.role) == "time0":
            for role, leaf in _leaves(one):
                start = number_of(leaf.value or "")
                zero = _DATES.get(role)
                if start is not None and zero is not None:
                    found.say(f"{prefix}.origin", start + zero, leaf.said())


def _time_frames(nodes: tuple[Node, ...]) -> list[Node]:
    """Give the time frames; a sample has a frame of space of that type."""
    return [one for node in nodes for one in _all(node) if _is_time_frame(one)]


def _is_time_frame(node: Node) -> bool:
    roles = {qualified(leaf.role, node.model_class) for leaf in node.inner if leaf.is_leaf}
    return bool(roles & _TIME.keys()) or (node.model_class == "timeframe" and not roles & _SPACE.keys())


def _frames_of(
    noted: Annotation, reference: Node, everywhere: tuple[Node, ...], found: Findings
) -> list[Node]:
    """Find the frame that a reference means; where it means nothing, the only one that there is."""
    target = noted.by_id.get(reference.target)
    if target is not None:
        return _time_frames((target,))
    at = statement(
        reference.element, "dmref" if reference.element.get("dmref") else "sourceref", reference.target
    )
    frames = _time_frames(everywhere)
    told = f"{at.place} refers to {reference.target}, which is not in the document"
    if len(frames) == 1:
        found.note(f"{told}; the only time frame in it is taken")
        return frames
    found.note(told)
    return []


def _time_frame(frame: Node, prefix: str, found: Findings) -> None:
    said: dict[str, Node] = {}
    for role, leaf in _leaves(frame):
        key = _TIME.get(role) or ("position" if role == "stdreflocation.position" else "")
        if key:
            said.setdefault(key, leaf)
    nowhere = Statement("", path(frame.element))
    at = [said[key].said() if key in said else nowhere for key in ("scale", "origin", "position")]
    found.of_time(prefix, at[0].value, at[1].value, at[2].value, *at)


def _spaces(
    noted: Annotation, own: tuple[Node, ...], pairs: list[tuple[str, Node]], table: Table, found: Findings
) -> None:
    for role, leaf in pairs:
        if role in _SPACE and leaf.value is not None:
            found.say(f"space.{_SPACE[role]}", leaf.value, leaf.said())
    for frame in _instances((*own, *noted.shared), "spaceframe"):
        for role, leaf in _leaves(frame):
            if role == "stdreflocation.position" and leaf.value is not None:
                found.say("space.position", leaf.value, leaf.said())
    for axis, roles, point in (("ra", _LONGITUDES, "ra"), ("dec", _LATITUDES, "dec")):
        for role, leaf in pairs:
            if role not in roles:
                continue
            column = table.field(leaf.ref) if leaf.ref else None
            if leaf.value is not None:
                found.say(f"object.{axis}", number_of(leaf.value), leaf.said())
            elif column is None:
                _dangling(leaf.said(), leaf.ref, table, found)
            elif column in table.fields:
                found.role(point, column.label, leaf.said())
            else:
                found.say(f"object.{axis}", number_of(column.value), leaf.said())


def _calibrations(noted: Annotation, nodes: tuple[Node, ...], table: Table, found: Findings) -> None:
    """Take down the photometric systems: each for the band that its key names, or that it is named after."""
    parts = [node for node in nodes if _is_photometric(node)]
    inside = {one.target for node in parts for one in _all(node) if one.target}
    for node in parts:
        if node.id in inside:
            continue  # part of another, such as the filter of a PhotCal
        whole = _resolved(noted, node)
        leaves = list(_leaves(whole))
        said = {key: leaf for role, leaf in reversed(leaves) if (key := _PHOTOMETRY.get(role))}
        by_role = dict(reversed(leaves))
        name = next(iter(node.primary_keys), "") or (said["name"].value or "" if "name" in said else "")
        if name:
            at = said["name"].said() if "name" in said else statement(node.element, "", name)
            found.say(f"band.{name}.name", name, at)
        for role, leaf in leaves:
            key = _PHOTOMETRY.get(role)
            if key is None or key == "name" or leaf.value is None:
                continue
            unit = leaf.unit
            for other in _UNITS.get(role, ()):
                unit = unit or (by_role[other].value or "" if other in by_role else "")
            found.of_band(name, key, leaf.value, unit, leaf.said())
    for one in (
        one for node in nodes for one in _all(node) if one.keys and one.target in _collections(noted)
    ):
        column = table.field(one.keys[-1])
        if column is not None and column in table.fields and column.is_text and _last(one.role) == "coordsys":
            found.role("band", column.label, statement(one.element, "", column.label))


def _collections(noted: Annotation) -> set[str]:
    """IDs of collections, and of the GLOBALS that are one."""
    found = within(noted.element, "COLLECTION", "GLOBALS")
    return {one.get("dmid") or one.get("ID") or "" for one in found} - {""}


def _is_photometric(node: Node) -> bool:
    points = ("ndpoint", "sparsecube", "mangoobject", "obsdataset", "dataset")
    return node.model_class not in points and any(role in _PHOTOMETRY for role, _ in _leaves(node))


def _measures(noted: Annotation, own: tuple[Node, ...], table: Table, found: Findings) -> None:
    """Take down the columns of fluxes, magnitudes and their errors."""
    by_ucd = Findings()
    plain.give_roles(table, by_ucd)
    roles = {name: role for role, name in by_ucd.roles.items()}
    for node in (one for top in (*own, *noted.shared) for one in _all(top)):
        leaves = [(role, leaf) for role, leaf in _direct(node) if leaf.ref or leaf.value]
        values = [leaf for role, leaf in leaves if role in _MEASURES]
        if len(values) != 1 or not values[0].ref:
            continue
        column = table.field(values[0].ref)
        if column is None or column not in table.fields:
            continue
        role = roles.get(column.label, "")
        if not role and not column.unit and not column.ucd:
            role = _by_name(column.label, _has_magnitudes(noted, node))
            if role:
                found.note(f"the column {column.label} has neither unit nor UCD; it is taken for {_A[role]}")
        if role not in ("flux", "mag", "limiting_mag"):
            continue
        found.role(role, column.label, values[0].said())
        if role == "limiting_mag":
            continue
        for kind, leaf in leaves:
            if kind not in _ERRORS:
                continue
            error = table.field(leaf.ref) if leaf.ref else None
            if error is not None and error in table.fields:
                found.role(f"{role}_error", error.label, leaf.said())
            elif leaf.ref:
                _dangling(leaf.said(), leaf.ref, table, found)
            elif leaf.value and table.field(leaf.value) is not None:
                found.note(
                    f"{leaf.said().place} has the name of the column {leaf.value} as a value; it is no ref"
                )


_A = {"flux": "a flux", "mag": "a magnitude"}


def _direct(node: Node) -> list[tuple[str, Node]]:
    """Give the leaves of one measure: those of its coordinate and of its error."""
    if node.model_class in ("measurement", "genericmeasure", "photometrymeasure"):
        return list(_leaves(node))
    return []


def _by_name(name: str, has_magnitudes: bool) -> str:
    lower = name.lower()
    if "flux" in lower:
        return "flux"
    return "mag" if "mag" in lower or has_magnitudes else ""


def _has_magnitudes(noted: Annotation, node: Node) -> bool:
    targets = (noted.by_id.get(one.target) for one in _all(node) if one.target)
    return any(
        _PHOTOMETRY.get(role) == "magnitude_system"
        for t in targets
        if t is not None
        for role, _ in _leaves(t)
    )


def _identity(pairs: list[tuple[str, Node]], table: Table, found: Findings) -> None:
    for keys, what in ((_IDENTIFIERS, "object.id"), (_TITLES, "object.title"), (_SURVEYS, "object.survey")):
        for role, leaf in pairs:
            if role not in keys:
                continue
            if leaf.value is not None:
                found.say(what, leaf.value, leaf.said())
                continue
            column = table.field(leaf.ref)
            if column is None:
                _dangling(leaf.said(), leaf.ref, table, found)
            elif column in table.params:
                found.say(what, column.value, leaf.said())
            else:
                found.statements.setdefault(what, []).append(leaf.said())


def _with_holders(nodes: tuple[Node, ...]) -> Iterator[tuple[Node, str, Node]]:
    """Give every leaf with its qualified role and the instance that it is in."""
    for top in nodes:
        for holder in _all(top):
            for one in holder.inner:
                if one.is_leaf:
                    yield holder, qualified(one.role, holder.model_class), one


def _last(role: str) -> str:
    return role.replace(":", ".").rpartition(".")[2].lower()


def _dangling(at: Statement, reference: str, table: Table, found: Findings) -> None:
    if not _exists(table, reference):
        found.note(f"{at.place} refers to {reference}, which is not in the document")
