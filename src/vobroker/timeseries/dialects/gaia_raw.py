"""Epoch photometry as Gaia's DataLink gives it RAW: a row for each source, an array for each quantity.

Gaia DR2 documentation, section 14.7.2 (class epoch_photometry); Gaia DR3 documentation, section 20.7.1. The
arrays of the three bands run over the same transits. Flags are arrays of truth values here, and bits of
``other_flags`` in the flat tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vobroker.timeseries import gaia
from vobroker.timeseries.errors import TimeSeriesError
from vobroker.timeseries.findings import Findings, assemble
from vobroker.timeseries.look import Look
from vobroker.timeseries.series import Document, Series, Statement, described
from vobroker.timeseries.tables import Table
from vobroker.timeseries.writing import column_field, document, resource
from vobroker.timeseries.xml import path, place
from vobroker.votypes.votable import element, tabledata

NAME = "gaia-raw"
TITLE = "Gaia DataLink, RAW"
MEDIA_TYPE = "application/x-votable+xml"
SUFFIXES: tuple[str, ...] = ()
LACKS = gaia.LACKS

_BANDS = {
    "G": (
        "g_transit_time",
        "g_transit_flux",
        "g_transit_flux_error",
        "g_transit_flux_over_error",
        "g_transit_mag",
    ),
    "BP": ("bp_obs_time", "bp_flux", "bp_flux_error", "bp_flux_over_error", "bp_mag"),
    "RP": ("rp_obs_time", "rp_flux", "rp_flux_error", "rp_flux_over_error", "rp_mag"),
}
_QUANTITIES = ("time", "flux", "flux_error", "flux_over_error", "mag")

_G_BITS = {
    "photometry_flag_sm_reject": 1,
    **{f"photometry_flag_af{ccd}_reject": 1 + ccd for ccd in range(1, 10)},
    "photometry_flag_noisy_data": 13,
    "photometry_flag_sm_unavailable": 14,
    **{f"photometry_flag_af{ccd}_unavailable": 14 + ccd for ccd in range(1, 10)},
}
_FLAGS = {
    "G": _G_BITS,
    "BP": {"photometry_flag_bp_reject": 11},
    "RP": {"photometry_flag_rp_reject": 12},
}
"""Bit of ``other_flags``, the least significant is 1, for each flag (description of other_flags)."""

_VARIABILITY = {band: f"variability_flag_{band.lower()}_reject" for band in _BANDS}
_VARIABILITY_BITS = {"BP": 24, "RP": 25}


def recognise(look: Look) -> bool:
    """Tell whether it has the array columns of Gaia's table epoch_photometry."""
    return {"source_id", "g_transit_time", "bp_obs_time", "rp_obs_time"} <= look.columns


def read(look: Look) -> Document:
    """Read the table, and lay the arrays out as rows, those without a time left out.

    Raises
    ------
    TimeSeriesError
        If arrays of one source differ in length.
    """
    series = [
        one
        for table in look.tables
        if any(field.label == "g_transit_time" for field in table.fields)
        for row in table.rows.to_pylist()
        for one in _source(table, row)
    ]
    return Document(tuple(series), NAME)


def _source(table: Table, row: dict[str, Any]) -> list[Series]:
    parts = [part for band in _BANDS if (part := _measured(table, row, band)) is not None]
    rows = pa.concat_tables(parts) if parts else pa.schema(_FLAT).empty_table()
    found = Findings()
    gaia.define(found, [band for band in _BANDS if band in rows["band"].to_pylist()])
    columns = {one.label: one for one in table.fields}
    for role, name in gaia.ROLES.items():
        origin = columns.get(name) or columns.get(
            dict(zip(_QUANTITIES, _BANDS["G"], strict=True)).get(role, "")
        )
        at = Statement(name, path(origin.element if origin else table.element))
        found.role(role, name, at)
    at = Statement("", path(columns["source_id"].element))
    found.say("object.id", "" if row["source_id"] is None else str(row["source_id"]), at)
    return assemble(rows, found)


_FLAT = [one for one in gaia.COLUMNS if one.name != "source_id"]


def _measured(table: Table, row: dict[str, Any], band: str) -> pa.Table | None:
    """Lay out what a source has in a band."""
    values = {key: row.get(name) or [] for key, name in zip(_QUANTITIES, _BANDS[band], strict=True)}
    length = len(values["time"])
    transits = row.get("transit_id") or []

    def filled(name: str, given: list[Any]) -> list[Any]:
        if given and len(given) != length:
            raise TimeSeriesError(
                f"source {row['source_id']} has {length} times in {band} and {len(given)} values of {name}",
                place(table.element),
            )
        return given or [None] * length

    keep = [when is not None and when == when for when in values["time"]]  # noqa: PLR0124 (NaN)
    if not any(keep):
        return None
    flags = {name: np.array(filled(name, row.get(name) or []), object) for name in _FLAGS[band]}
    rejected = filled(_VARIABILITY[band], row.get(_VARIABILITY[band]) or [])
    columns = {
        "transit_id": filled("transit_id", transits),
        "band": [band] * length,
        **{key: filled(key, given) for key, given in values.items()},
        "rejected_by_photometry": _photometric(band, row, length),
        "rejected_by_variability": rejected,
        "other_flags": _bits(band, flags, rejected, length),
        "solution_id": [row.get("solution_id")] * length,
    }
    schema = pa.schema(_FLAT)
    arrays = [pa.array(columns[one.name], one.type, from_pandas=True) for one in schema]
    return pa.table(arrays, schema=schema).filter(pa.array(keep))


def _photometric(band: str, row: dict[str, Any], length: int) -> list[bool | None]:
    """Tell what was rejected by photometry: in BP and RP by their flag, in G where there is no flux."""
    if band == "G":
        fluxes = row.get("g_transit_flux") or [None] * length
        return [value is None or value != value for value in fluxes]  # noqa: PLR0124 (NaN)
    flags = row.get(f"photometry_flag_{band.lower()}_reject")
    return list(flags) if flags else [None] * length


def _bits(band: str, flags: dict[str, NDArray[Any]], rejected: list[Any], length: int) -> list[int | None]:
    """Put the flags of a band into bits; None where the table has no flags."""
    given = {name: values for name, values in flags.items() if any(one is not None for one in values)}
    if not given:
        return [None] * length
    bits = np.zeros(length, np.int64)
    for name, values in given.items():
        bits |= np.where(values.astype(bool), 1 << (_FLAGS[band][name] - 1), 0)
    if band in _VARIABILITY_BITS:
        bits |= np.where(np.array(rejected, object).astype(bool), 1 << (_VARIABILITY_BITS[band] - 1), 0)
    return [int(one) for one in bits]


def write(series: Sequence[Series]) -> bytes:
    """Write series, a row for each.

    Raises
    ------
    TimeSeriesError
        If one cannot be told in Gaia's terms.
    """
    rows = [_arrays(gaia.told(one)) for one in series]
    schema = _schema()
    columns = [pa.array([row.get(one.name) for row in rows], one.type) for one in schema]
    table = element(
        "TABLE",
        {"nrows": str(len(rows))},
        "\n",
        *(f"{column_field(one, '')}\n" for one in schema),
        element("DATA", {}, tabledata(pa.table(columns, schema=schema))),
    )
    return document(resource(table))


def _schema() -> pa.Schema:
    columns = [
        described("solution_id", pa.int64(), ucd="meta.version"),
        described("source_id", pa.int64(), ucd="meta.id;meta.main"),
        described("n_transits", pa.int16(), ucd="meta.number"),
        described("transit_id", pa.list_(pa.int64()), ucd="meta.version"),
    ]
    notes = {
        "time": {"unit": "d", "ucd": "time.epoch", "description": "Barycentric JD in TCB - 2455197.5 (day)"},
        "flux": {"unit": "e-/s", "ucd": "phot.flux;em.opt"},
        "flux_error": {"unit": "e-/s", "ucd": "stat.error;phot.flux;em.opt"},
        "flux_over_error": {"ucd": "stat.snr;phot.flux;em.opt"},
        "mag": {"unit": "mag", "ucd": "phot.mag;em.opt"},
    }
    for names in _BANDS.values():
        for key, name in zip(_QUANTITIES, names, strict=True):
            kind = pa.float32() if key == "flux_over_error" else pa.float64()
            columns.append(described(name, pa.list_(kind), **notes[key]))
    flags = [name for flags in _FLAGS.values() for name in flags] + list(_VARIABILITY.values())
    columns += [described(name, pa.list_(pa.bool_()), ucd="meta.code.status") for name in flags]
    return pa.schema(columns)


def _arrays(series: Series) -> dict[str, Any]:
    """Lay a series out as arrays over its transits; where these have no identifiers, band by band."""
    points = series.points
    identified = "transit_id" in points.column_names and points["transit_id"].null_count == 0
    parts = {band: points.filter(pc.equal(points["band"], band)) for band in _BANDS}
    if identified:
        transits = points["transit_id"].unique().to_pylist()
        seats = {identifier: seat for seat, identifier in enumerate(transits)}
        where = {band: [seats[one] for one in part["transit_id"].to_pylist()] for band, part in parts.items()}
        identified = all(len(set(seat)) == len(seat) for seat in where.values())
    if not identified:
        where = {band: list(range(len(part))) for band, part in parts.items()}
    length = len(transits) if identified else max(map(len, parts.values()), default=0)
    row: dict[str, Any] = {
        "source_id": int(series.object_id),
        "n_transits": length,
        "transit_id": transits if identified else None,
        "solution_id": _first(points, "solution_id"),
    }
    for band, names in _BANDS.items():
        for key, name in zip(_QUANTITIES, names, strict=True):
            row[name] = _seated(parts[band], key, where[band], length)
        rejected = _seated(parts[band], "rejected_by_variability", where[band], length)
        row[_VARIABILITY[band]] = None if rejected is None else list(map(bool, rejected))
        bits = _seated(parts[band], "other_flags", where[band], length)
        for name, bit in _FLAGS[band].items():
            row[name] = None if bits is None else [bool((b or 0) >> (bit - 1) & 1) for b in bits]
    return row


def _seated(part: pa.Table, name: str, where: list[int], length: int) -> list[Any] | None:
    if name not in part.column_names or part[name].null_count == len(part):
        return None
    values: list[Any] = [None] * length
    for seat, value in zip(where, part[name].to_pylist(), strict=True):
        values[seat] = value
    return values


def _first(points: pa.Table, name: str) -> Any:
    values = points[name].drop_null() if name in points.column_names else []
    return values[0].as_py() if len(values) else None
