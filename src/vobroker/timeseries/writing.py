"""The parts of a VOTable that holds time series, for the dialects to put together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
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


def parts(series: Series, number: int = 1, *, binary: bool = False) -> Parts:
    """Write the elements of a series; ``number`` keeps the IDs of several in a document apart."""
    series = known(series)
    suffix = "" if number == 1 else f"_{number}"
    taken: list[str] = []

    def identifier(wanted: str) -> str:
        plain = re.sub(r"[^A-Za-z0-9_]", "_", wanted) or "column"
        plain = plain if re.match(r"[A-Za-z_]", plain) else f"_{plain}"
        taken.append(free_name(plain, taken) if plain in taken else plain)
        return taken[-1] + suffix

    table_id = identifier("light_curve")
    time_id, space_id = identifier("time_frame"), identifier("space_frame") if _framed(series) else ""
    systems = [coosys(series.space, space_id)] if space_id else []
    refs = dict.fromkeys(("ra", "dec"), space_id)
    frames: dict[TimeFrame, str] = {series.time: time_id}
    systems.append(timesys(series.time, time_id))
    for frame in series.times.values():
        if frame not in frames and frame != TimeFrame():
            frames[frame] = identifier(f"time_frame_{len(frames) + 1}")
            systems.append(timesys(frame, frames[frame]))
    roles = {name: role for role, name in series.roles.items()}
    fields = {name: identifier(name) for name in series.points.column_names}
    columns = []
    for one in series.points.schema:
        role = roles.get(one.name, "")
        if role == "time":
            ref = time_id
        else:
            other = series.times.get(one.name, TimeFrame())
            ref = refs.get(role, "") if other == TimeFrame() else frames[other]
        columns.append(field(one, fields[one.name], ref))
    values = {
        "survey": (series.survey, "meta.id;instr.obsty", "Survey that made the measurements", ""),
        "object_id": (series.object_id, "meta.id;src;meta.main", "Identifier of the object", ""),
        "title": (series.title, "meta.title", "What the series is called", ""),
        "ra": (series.ra, "pos.eq.ra;meta.main", "Right ascension of the object", "deg"),
        "dec": (series.dec, "pos.eq.dec;meta.main", "Declination of the object", "deg"),
    }
    params = {
        key: identifier(f"object_{key}" if key in ("ra", "dec") else key)
        for key, v in values.items()
        if v[0] not in ("", None)
    }
    written = [
        param(
            name.removesuffix(suffix) if suffix else name,
            *values[key],
            identifier=name,
            ref=space_id if key in ("ra", "dec") else "",
        )
        for key, name in params.items()
    ]
    return Parts(
        series,
        table_id,
        time_id,
        space_id,
        fields,
        params,
        tuple(systems),
        tuple(
            photcal(band, [fields[series.roles[r]] for r in PHOTOMETRY if r in series.roles])
            for band in series.bands
        ),
        (*written, *columns),
        element("DATA", {}, binary2(series.points) if binary else tabledata(series.points)),
    )


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
    return replace(
        series, points=pa.table([series.points[name] for name in order], schema=pa.schema(columns))
    )


def _with_ucd(column: pa.Field, role: str) -> pa.Field:
    from vobroker.timeseries.plain import is_known_as

    notes = {key: noted(column, key) for key in NOTES}
    if role and not is_known_as(role, notes["ucd"]):
        notes["ucd"] = UCDS[role]
    return described(column.name, column.type, **notes)


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


def field(column: pa.Field, identifier: str, ref: str = "", **more: str) -> str:
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
