"""What a VOTable says of a time series by its own means.

TIMESYS and COOSYS (VOTable 1.5, sections 3.3 and 3.4), UCDs, utypes and groups of PhotDM 1.1.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
from lxml import etree

from vobroker.timeseries.columns import KINDS
from vobroker.timeseries.errors import TimeSeriesError
from vobroker.timeseries.findings import Findings, assemble, number_of
from vobroker.timeseries.series import Series, Statement
from vobroker.timeseries.tables import Field, Table
from vobroker.timeseries.xml import children, line, path, place, statement, tag, within

_FLUXES = ("phot.flux", "phot.flux.density", "phot.count")
OBJECT_NAMES = ("source_id", "object_id", "oid", "objectid", "sourceid")
"""Names of columns and PARAMs that identify the object."""

_POINT_NAMES = ("measurement_id", "transit_id", "candid", "diasourceid")
_CALIBRATION = {
    "photometryfilter.identifier": "filter",
    "photometryfilter.spectrallocation.value": "wavelength",
    "photcal.zeropoint.flux.value": "zero_point",
    "photcal.zeropoint.type": "zero_point_type",
    "photcal.magnitudesystem.type": "magnitude_system",
}


_WORDS = {
    "time": ({"time.epoch"},),
    "band": ({"instr.bandpass"}, {"instr.filter"}),
    "flux": tuple({word} for word in _FLUXES),
    "flux_error": tuple({word, "stat.error"} for word in _FLUXES),
    "mag": ({"phot.mag"},),
    "mag_error": ({"phot.mag", "stat.error"},),
    "limiting_mag": ({"phot.mag", "stat.max"},),
    "ra": ({"pos.eq.ra"},),
    "dec": ({"pos.eq.dec"},),
}
_NOT_VALUES = {"stat.max", "stat.min", "arith.zp", "phot.calib", "stat.rms", "stat.snr"}


def is_known_as(role: str, ucd: str) -> bool:
    """Tell whether a column with a UCD is taken for what it is."""
    words = {word.strip().lower() for word in ucd.split(";")}
    if role not in _WORDS:
        return bool(ucd)
    if role in ("flux", "mag", "ra", "dec", "time") and "stat.error" in words:
        return False
    if role in ("flux", "flux_error", "mag", "mag_error") and words & _NOT_VALUES:
        return False
    return any(needed <= words for needed in _WORDS[role])


def tell(table: Table, found: Findings, *, trust: bool = True) -> str:
    """Gather what stands in a table and around it.

    Parameters
    ----------
    table
        The table.
    found
        Where to; what is there already holds.
    trust
        Whether systems and groups count; an annotation may stand for them.

    Returns
    -------
    str
        Column that identifies the object; empty if there is none.
    """
    root = table.element.getroottree().getroot()
    give_roles(table, found)
    if trust:
        _systems(root, table, found)
        _calibrations(root, table, found)
    _params(table, found)
    return _object_column(table, found)


def is_timed(table: Table) -> bool:
    """Tell whether a table has a column of times."""
    probe = Findings()
    give_roles(table, probe)
    return "time" in probe.roles


def timed(tables: Sequence[Table]) -> list[Table]:
    """Give the tables that have a column of times.

    Raises
    ------
    TimeSeriesError
        If none has.
    """
    found = [table for table in tables if is_timed(table)]
    if not found:
        raise no_times(tables)
    return found


def no_times(tables: Sequence[Table]) -> TimeSeriesError:
    """Give the error for tables that are no time series."""
    if not tables:
        return TimeSeriesError("the document has no table")
    first = tables[0]
    names = ", ".join(one.label for one in first.fields[:12]) or "none"
    return TimeSeriesError(
        f"no column holds times: none has the UCD time.epoch or refers to a TIMESYS; the columns are {names}",
        place(first.element),
    )


def give_roles(table: Table, found: Findings) -> None:
    """Find the columns of a light curve by their UCDs, or where there are none by their names."""
    root = table.element.getroottree().getroot()
    systems = {one.get("ID") for one in within(root, "TIMESYS")}
    columns = [one for one in table.fields if not one.is_array]
    for role, candidates in (
        ("time", _times(columns, systems)),
        *((role, _known(columns, role)) for role in ("mag", "flux", "mag_error")),
        ("flux_error", _flux_errors(columns, found, table)),
        ("limiting_mag", _known(columns, "limiting_mag")),
        ("band", _known(columns, "band", text=True)),
        ("kind", [c for c in columns if c.is_text and _called(c, "kind") and _holds_kinds(table, c)]),
        *((role, _known(columns, role)) for role in ("ra", "dec")),
        ("measurement_id", [c for c in columns if c.label.lower() in _POINT_NAMES]),
    ):
        for one in candidates:
            found.role(role, one.label, Statement(one.label, path(one.element), line(one.element)))
    for role, name in found.roles.items():
        column = table.field(name)
        if column is not None and column in table.fields:
            for key in ("unit", "ucd"):
                found.say(f"column.{role}.{key}", column.element.get(key, ""), statement(column.element, key))
            if told := children(column.element, "DESCRIPTION"):
                found.say(
                    f"column.{role}.description",
                    column.description,
                    statement(told[0], "", column.description),
                )
    others = [c.label for c in _times(columns, systems) if c.label != found.roles.get("time")]
    if others:
        found.note(f"other columns are times too: {', '.join(others)}; {found.roles['time']} is taken")


def _is_number(one: Field) -> bool:
    return one.datatype in ("float", "double", "short", "int", "long", "unsignedByte")


def _called(one: Field, name: str) -> bool:
    return one.label.lower() == name


def _known(columns: list[Field], role: str, *, text: bool = False) -> list[Field]:
    """Columns whose UCD says that they have a role."""
    kind = (lambda one: one.is_text) if text else _is_number
    return [one for one in columns if kind(one) and is_known_as(role, ";".join(one.words))]


def _times(columns: list[Field], systems: set[str | None]) -> list[Field]:
    """Columns of times, the likeliest first: with a frame, of nothing but the epoch, real numbers."""
    timed = [
        one
        for one in columns
        if _is_number(one)
        and "stat.error" not in one.words
        and (one.ref in systems or "time.epoch" in one.words or one.xtype in ("mjd", "jd"))
    ]
    return sorted(
        timed,
        key=lambda one: (
            one.ref not in systems,
            one.datatype not in ("double", "float"),
            "meta.main" not in one.words,
            one.words != ("time.epoch",),
        ),
    )


def _flux_errors(columns: list[Field], found: Findings, table: Table) -> list[Field]:
    """Errors have the unit of the flux; a ratio to the error has the same UCD and no unit."""
    errors = _known(columns, "flux_error")
    flux = table.field(found.roles["flux"]) if "flux" in found.roles else None
    flux = flux or next(iter(_known(columns, "flux")), None)
    return [one for one in errors if flux is None or bool(one.unit) == bool(flux.unit)]


def _holds_kinds(table: Table, one: Field) -> bool:
    values = table.rows[one.label].drop_null()
    return bool(pc.all(pc.is_in(values, pa.array(KINDS)), min_count=0).as_py())


def _systems(root: etree._Element, table: Table, found: Findings) -> None:
    """Take down the frames of the columns by what they refer to."""
    systems = {one.get("ID"): one for one in within(root, "TIMESYS", "COOSYS")}
    used: set[str] = set()
    identifiers = {one.get("ID") for one in root.iter("{*}*")}
    for one in (*table.fields, *table.params):
        if not one.ref:
            continue
        system = systems.get(one.ref)
        if system is None:
            if one.ref not in identifiers:
                found.note(f"{path(one.element, 'ref')} refers to {one.ref}, which is not in the document")
            continue
        used.add(one.ref)
        if tag(system) == "TIMESYS" and one in table.fields:
            own = one.label == found.roles.get("time")
            _time_system(system, "time" if own else f"times.{one.label}", found)
        elif tag(system) == "COOSYS":
            _space_system(system, found)
    elsewhere = {one.get("ref") for one in within(root, "FIELD", "PARAM")}
    for identifier, system in systems.items():
        if identifier not in used and identifier not in elsewhere:
            found.note(f"nothing refers to {path(system)}, line {line(system)}")


def tell_frame(one: Field, found: Findings) -> None:
    """Take down the frame of coordinates that a column or PARAM refers to."""
    root = one.element.getroottree().getroot()
    for system in within(root, "COOSYS"):
        if one.ref and system.get("ID") == one.ref:
            _space_system(system, found)


def _time_system(system: etree._Element, prefix: str, found: Findings) -> None:
    names = ("timescale", "timeorigin", "refposition")
    said = [statement(system, name) for name in names]
    if system.get("timeorigin") == "":
        found.note(f"{said[1].place} is empty")
    found.of_time(prefix, said[0].value, said[1].value, said[2].value, *said)


def _space_system(system: etree._Element, found: Findings) -> None:
    for key, attribute in (
        ("system", "system"),
        ("equinox", "equinox"),
        ("epoch", "epoch"),
        ("position", "refposition"),
    ):
        found.say(f"space.{key}", system.get(attribute, ""), statement(system, attribute))


def _calibrations(root: etree._Element, table: Table, found: Findings) -> None:
    """Take down the groups of PhotDM that are about columns of the table."""
    for group in within(root, "GROUP"):
        params = [Field(one) for one in children(group, "PARAM")]
        known = [(one, _CALIBRATION.get(_model_path(one.utype))) for one in params]
        if not any(key for _, key in known) and _model_path(group.get("utype", "")) != "photcal":
            continue
        if not _is_about(group, table):
            continue
        name = next((p.value for p in params if _model_path(p.utype) == "photometryfilter.bandname"), "")
        if name:
            at = next(p.element for p in params if _model_path(p.utype) == "photometryfilter.bandname")
            found.say(f"band.{name}.name", name, statement(at, "value"))
        for one, key in known:
            if key is not None:
                found.of_band(name, key, one.value, one.unit, statement(one.element, "value"))


def _model_path(utype: str) -> str:
    """Path of a utype of PhotDM, without the prefix and in lower case."""
    prefix, colon, rest = utype.strip().rpartition(":")
    return rest.lower() if colon and prefix.lower().startswith("phot") else ""


def _is_about(group: etree._Element, table: Table) -> bool:
    """Tell whether a group is in the table, or refers to columns of it or is referred to by them."""
    around = next((up for up in group.iterancestors() if tag(up) == "TABLE"), None)
    if around is not None:
        return around is table.element
    refs = {one.get("ref") for one in within(group, "FIELDref")}
    identifier = group.get("ID")
    named = identifier is not None and any(one.ref == identifier for one in table.fields)
    return named or any(ref and (one := table.field(ref)) and one in table.fields for ref in refs)


def _params(table: Table, found: Findings) -> None:
    """Take down which object it is, where it stands, and what the series is called."""
    for one in table.params:
        at = statement(one.element, "value")
        words, name = set(one.words), one.label.lower()
        if "pos.eq.ra" in words and "stat.error" not in words:
            found.say("object.ra", number_of(one.value), at)
        elif "pos.eq.dec" in words and "stat.error" not in words:
            found.say("object.dec", number_of(one.value), at)
        elif name in OBJECT_NAMES or {"meta.id", "src"} <= words or {"meta.id", "meta.main"} <= words:
            found.say("object.id", one.value, at)
        elif name == "survey" or "instr.obsty" in words:
            found.say("object.survey", one.value, at)
        elif name == "title" or "meta.title" in words:
            found.say("object.title", one.value, at)


def _object_column(table: Table, found: Findings) -> str:
    for one in table.fields:
        words = set(one.words)
        named = {"meta.id", "src"} <= words or {"meta.id", "meta.main"} <= words
        if one.label in found.roles.values() or one.is_array:
            continue
        if named or one.label.lower() in OBJECT_NAMES:
            at = Statement(one.label, path(one.element), line(one.element))
            found.statements.setdefault("object.id", []).append(at)
            return one.label
    return ""


def series(table: Table, found: Findings, *, trust: bool = True) -> list[Series]:
    """Make series of a table.

    Raises
    ------
    TimeSeriesError
        If it has no column of times.
    """
    column = tell(table, found, trust=trust)
    if "time" not in found.roles:
        raise no_times([table])
    return assemble(table.rows, found, object_column=column)
