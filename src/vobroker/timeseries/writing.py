"""The parts of a VOTable that holds time series, for the dialects to put together."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from xml.sax.saxutils import escape

import pyarrow as pa

from vobroker.timeseries.series import (
    NOTES,
    ROLES,
    ZERO_POINT_TYPES,
    Band,
    Quantity,
    Series,
    SpaceFrame,
    TimeFrame,
    described,
    free_name,
    noted,
    renamed,
)
from vobroker.votypes.votable import NAMESPACE, binary2, element, tabledata, xml_text

VERSION = "1.5"

_DATATYPES = {
    pa.bool_(): "boolean",
    pa.int8(): "short",
    pa.uint8(): "short",
    pa.int16(): "short",
    pa.int32(): "int",
    pa.int64(): "long",
    pa.float32(): "float",
    pa.float64(): "double",
    pa.string(): "unicodeChar",
}

UCDS = {
    "time": "time.epoch",
    "band": "instr.bandpass",
    "kind": "meta.code",
    "flux": "phot.flux.density",
    "flux_error": "stat.error;phot.flux.density",
    "mag": "phot.mag",
    "mag_error": "stat.error;phot.mag",
    "limiting_mag": "phot.mag;stat.max",
    "ra": "pos.eq.ra",
    "dec": "pos.eq.dec",
    "measurement_id": "meta.id",
}
"""UCD of each role, for columns that have none by which they would be known."""

_NAMED = {"kind": ("kind",), "measurement_id": ("measurement_id", "transit_id", "candid", "diasourceid")}
# Roles that no UCD tells; a column has one of these names.

PHOTOMETRY = ("band", "flux", "flux_error", "mag", "mag_error", "limiting_mag")
"""Roles that a photometric calibration is about."""


@dataclass(frozen=True)
class Parts:
    """The elements of one series.

    Parameters
    ----------
    series
        What they are of.
    table_id, time_id, space_id
        IDs; ``space_id`` is empty where there is no frame.
    fields
        ID of each column.
    params
        ID of each PARAM: ``object_id``, ``survey``, ``ra``, ``dec``, ``title``; only of those that there are.
    systems
        COOSYS and TIMESYS.
    calibrations
        A GROUP of PhotDM for each band.
    head
        PARAMs and FIELDs.
    data
        DATA.
    """

    series: Series
    table_id: str
    time_id: str
    space_id: str
    fields: dict[str, str]
    params: dict[str, str]
    systems: tuple[str, ...]
    calibrations: tuple[str, ...]
    head: tuple[str, ...]
    data: str

    def field(self, role: str) -> str:
        """ID of the column of a role; empty if there is none."""
        return self.fields.get(self.series.roles.get(role, ""), "")

    def table(self, *inner: str, name: str = "light_curve", utype: str = "") -> str:
        """Write the TABLE, with elements before its own."""
        attributes = {"ID": self.table_id, "name": name, "utype": utype, "nrows": str(len(self.series))}
        return element(
            "TABLE", _set(attributes), "\n", *(f"{one}\n" for one in (*inner, *self.head)), self.data, "\n"
        )


def parts(series: Series, number: int = 1, *, group: int = 0, binary: bool = False) -> Parts:
    """Write the elements of a series.

    Parameters
    ----------
    series
        The series.
    number
        Keeps the IDs of several tables in a document apart.
    group
        The number of the table whose frames are those of this one too; its own by default.
    binary
        Rows as BINARY2 instead of TABLEDATA.
    """
    series = known(series)
    ids = _Identifiers(mark(number), mark(group or number))
    table_id = ids.own("light_curve")
    space_id = ids.shared("space_frame") if _framed(series) else ""
    frames: dict[TimeFrame, str] = {series.time: ids.shared("time_frame")}
    for frame in series.times.values():
        if frame not in frames and frame != TimeFrame():
            frames[frame] = ids.shared(f"time_frame_{len(frames) + 1}")
    systems = [coosys(series.space, space_id)] if space_id else []
    systems += [timesys(frame, name) for frame, name in frames.items()]
    fields = {name: ids.own(name) for name in series.points.column_names}
    params = _params(series, ids, space_id)
    columns = [fields[series.roles[role]] for role in PHOTOMETRY if role in series.roles]
    return Parts(
        series,
        table_id,
        frames[series.time],
        space_id,
        fields,
        {key: name for key, (name, _) in params.items()},
        tuple(systems),
        tuple(photcal(band, columns) for band in series.bands),
        (*(text for _, text in params.values()), *_fields(series, fields, frames, space_id)),
        element("DATA", {}, binary2(series.points) if binary else tabledata(series.points)),
    )


def mark(number: int) -> str:
    """Give what is added to the IDs of a table; no name of a column ends so."""
    return "" if number == 1 else f".{number}"


@dataclass
class _Identifiers:
    """Makes IDs that no two elements of a document share."""

    suffix: str
    shared_suffix: str
    taken: list[str] = field(default_factory=list)

    def own(self, wanted: str) -> str:
        """Give an ID like the wanted one, for an element of the table."""
        return self._new(wanted) + self.suffix

    def shared(self, wanted: str) -> str:
        """Give an ID for an element that other tables refer to as well."""
        return self._new(wanted) + self.shared_suffix

    def _new(self, wanted: str) -> str:
        plain = re.sub(r"[^A-Za-z0-9_]", "_", wanted) or "column"
        plain = plain if re.match(r"[A-Za-z_]", plain) else f"_{plain}"
        self.taken.append(free_name(plain, self.taken))
        return self.taken[-1]


def _params(series: Series, ids: _Identifiers, space_id: str) -> dict[str, tuple[str, str]]:
    """Write the PARAMs of a series, each with its ID."""
    found: dict[str, tuple[str, str]] = {}
    for key, name, value, ucd, unit, description in (
        ("survey", "survey", series.survey, "meta.id;instr.obsty", "", "Survey that made the measurements"),
        ("object_id", "object_id", series.object_id, "meta.id;src;meta.main", "", "Identifier of the object"),
        ("title", "title", series.title, "meta.title", "", "What the series is called"),
        ("ra", "object_ra", series.ra, "pos.eq.ra;meta.main", "deg", "Right ascension of the object"),
        ("dec", "object_dec", series.dec, "pos.eq.dec;meta.main", "deg", "Declination of the object"),
    ):
        if value not in ("", None):
            identifier = ids.own(name)
            ref = space_id if unit else ""
            found[key] = (
                identifier,
                param(name, value, ucd, description, unit, identifier=identifier, ref=ref),
            )
    return found


def _fields(
    series: Series, fields: Mapping[str, str], frames: Mapping[TimeFrame, str], space_id: str
) -> list[str]:
    """Write the FIELDs of a series, each with its frame."""
    roles = {name: role for role, name in series.roles.items()}
    written = []
    for one in series.points.schema:
        frame = series.times.get(one.name, TimeFrame())
        if roles.get(one.name) == "time":
            ref = frames[series.time]
        elif frame != TimeFrame():
            ref = frames[frame]
        else:
            ref = space_id if roles.get(one.name) in ("ra", "dec") else ""
        written.append(column_field(one, fields[one.name], ref))
    return written


def known(series: Series) -> Series:
    """Give the columns of roles what a reader knows them by: first place, a UCD, for some a name."""
    names = {
        role: known[0]
        for role, known in _NAMED.items()
        if role in series.roles and series.roles[role].lower() not in known
    }
    series = renamed(series, names) if names else series
    roles = {name: role for role, name in series.roles.items()}
    order = [*(series.roles[role] for role in ROLES if role in series.roles), *series.further]
    columns = [_with_ucd(series.points.schema.field(name), roles.get(name, "")) for name in order]
    if columns and roles.get(order[0]) == "time":
        columns[0] = _main(columns[0], [noted(one, "ucd") for one in columns[1:]])
    return replace(
        series, points=pa.table([series.points[name] for name in order], schema=pa.schema(columns))
    )


def _with_ucd(column: pa.Field, role: str) -> pa.Field:
    from vobroker.timeseries.plain import is_known_as

    notes = {key: noted(column, key) for key in NOTES}
    if role and not is_known_as(role, notes["ucd"]):
        notes["ucd"] = UCDS[role]
    return described(column.name, column.type, **notes)


def _main(time: pa.Field, others: Sequence[str]) -> pa.Field:
    """Mark the times of the measurements where another column of times is as likely to be them."""
    notes = {key: noted(time, key) for key in NOTES}
    words = notes["ucd"].lower().split(";")
    if words != ["time.epoch"] and "meta.main" not in words and any("time.epoch" in one for one in others):
        notes["ucd"] += ";meta.main"
    return described(time.name, time.type, **notes)


def document(*inner: str, attributes: dict[str, str] | None = None) -> bytes:
    """Write a VOTable."""
    root = element(
        "VOTABLE",
        {"version": VERSION, "xmlns": NAMESPACE, **(attributes or {})},
        "\n",
        *(f"{one}\n" for one in inner),
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{root}\n'.encode()


def resource(*inner: str, kind: str = "results", **attributes: str) -> str:
    """Write a RESOURCE."""
    return element("RESOURCE", _set({"type": kind, **attributes}), "\n", *(f"{one}\n" for one in inner))


def timesys(frame: TimeFrame, identifier: str) -> str:
    """Write a TIMESYS (VOTable 1.5, section 3.4)."""
    origin = "" if frame.origin is None else number(frame.origin)
    attributes = {"ID": identifier, "timeorigin": origin}
    attributes |= {"timescale": frame.scale or "UNKNOWN", "refposition": frame.position or "UNKNOWN"}
    return element("TIMESYS", _set(attributes))


def coosys(frame: SpaceFrame, identifier: str) -> str:
    """Write a COOSYS (VOTable 1.5, section 3.3)."""
    attributes = {"ID": identifier, "system": frame.system or "UNKNOWN", "equinox": frame.equinox}
    return element("COOSYS", _set(attributes | {"epoch": frame.epoch, "refposition": frame.position}))


def photcal(band: Band, columns: Sequence[str], name: str = "") -> str:
    """Write how a band is calibrated, with utypes of PhotDM 1.1."""
    prefix = "photDM:"
    values: list[str] = [
        param("bandName", band.name, "instr.bandpass", utype=f"{prefix}PhotometryFilter.bandName")
    ]
    if band.filter:
        utype = f"{prefix}PhotometryFilter.identifier"
        values.append(param("filterIdentifier", band.filter, "meta.id;instr.filter", utype=utype))
    if band.wavelength:
        utype = f"{prefix}PhotometryFilter.spectralLocation.value"
        values.append(param("effectiveWavelength", band.wavelength, "em.wl.effective", utype=utype))
    if band.magnitude_system:
        utype = f"{prefix}PhotCal.magnitudeSystem.type"
        values.append(param("magnitudeSystem", band.magnitude_system, "meta.code", utype=utype))
    if band.zero_point:
        utype = f"{prefix}PhotCal.zeroPoint.flux.value"
        values.append(param("zeroPointFlux", band.zero_point, "phot.flux.density", utype=utype))
    if band.zero_point_type:
        utype = f"{prefix}PhotCal.zeroPoint.type"
        values.append(param("zeroPointType", type_number(band.zero_point_type), "meta.code", utype=utype))
    group_name = name or f"photcal_{band.name}"
    return element(
        "GROUP",
        {"name": group_name, "utype": f"{prefix}PhotCal"} | ({"ID": name} if name else {}),
        element(
            "DESCRIPTION",
            {},
            escape(xml_text(f"Photometric calibration of the rows with band = '{band.name}'")),
        ),
        *values,
        *(element("FIELDref", {"ref": one}) for one in columns),
    )


def type_number(name: str) -> str:
    """Give the number that PhotDM has for a type of zero points; other names stay."""
    return str(ZERO_POINT_TYPES.index(name)) if name in ZERO_POINT_TYPES else name


def column_field(column: pa.Field, identifier: str, ref: str = "", **more: str) -> str:
    """Write the FIELD of an Arrow column."""
    datatype, size = datatype_of(column.type)
    attributes = {"ID": identifier, "name": column.name, "datatype": datatype, "arraysize": size}
    attributes |= {key: noted(column, key) for key in ("unit", "ucd", "utype")} | {"ref": ref} | more
    return element("FIELD", _set(attributes), _described(noted(column, "description")))


def param(
    name: str,
    value: str | float | Quantity | None,
    ucd: str,
    description: str = "",
    unit: str = "",
    *,
    identifier: str = "",
    utype: str = "",
    ref: str = "",
) -> str:
    """Write a PARAM: text, or a double."""
    if isinstance(value, Quantity):
        value, unit = value
    text = isinstance(value, str)
    attributes = {"ID": identifier, "name": name, "datatype": "unicodeChar" if text else "double"}
    attributes |= {"arraysize": "*" if text else "", "unit": unit, "ucd": ucd, "utype": utype, "ref": ref}
    shown = str(value) if text else "NaN" if value is None else repr(float(value))
    return element("PARAM", _set(attributes) | {"value": shown}, _described(description))


def datatype_of(kind: pa.DataType) -> tuple[str, str]:
    """Give datatype and arraysize of an Arrow type; what VOTable has no type for is text."""
    if pa.types.is_list(kind):
        return _DATATYPES.get(kind.value_type, "unicodeChar"), "*"
    name = _DATATYPES.get(kind, "unicodeChar")
    return name, "*" if name == "unicodeChar" else ""


def number(value: float) -> str:
    """Write a number; a whole one without a fraction."""
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)


def _framed(series: Series) -> bool:
    """Tell whether there are coordinates that are in a frame."""
    return series.space != SpaceFrame() and (None not in (series.ra, series.dec) or "ra" in series.roles)


def _described(text: str) -> str:
    return element("DESCRIPTION", {}, escape(xml_text(text))) if text else ""


def _set(attributes: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in attributes.items() if value}
