"""Tables that say what they are by column names and notes alone: CSV, Parquet, FITS, ECSV of any origin."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from vobroker.timeseries.errors import TimeSeriesError
from vobroker.timeseries.findings import Findings, assemble
from vobroker.timeseries.plain import OBJECT_NAMES, is_known_as
from vobroker.timeseries.series import TEXT_ROLES, Series, Statement, noted

NAMES = {
    "time": ("time", "mjd", "jd", "bjd", "hjd", "obs_time", "obstime", "t", "date"),
    "band": ("band", "filter", "filtercode", "bandpass", "passband"),
    "kind": ("kind",),
    "flux": ("flux", "pdcsap_flux", "sap_flux", "forcediffimflux", "psfflux"),
    "flux_error": ("flux_error", "flux_err", "fluxerr", "pdcsap_flux_err", "sap_flux_err", "e_flux", "dflux"),
    "mag": ("mag", "magnitude", "magpsf"),
    "mag_error": ("mag_error", "mag_err", "magerr", "sigmapsf", "e_mag", "dmag"),
    "limiting_mag": ("limiting_mag", "limitmag", "diffmaglim", "maglim"),
    "ra": ("ra",),
    "dec": ("dec", "decl"),
    "measurement_id": ("measurement_id", "transit_id", "candid", "diasourceid"),
}
"""Names by which columns are known, the likeliest first."""


def names(rows: pa.Table) -> list[str]:
    """Give the names of columns; they are decoded only now, whatever the document has as names.

    Raises
    ------
    TimeSeriesError
        If one is no UTF-8.
    """
    try:
        return list(rows.column_names)
    except UnicodeDecodeError as error:
        raise TimeSeriesError(f"the name of a column is not UTF-8: {error.reason}") from error


def give_roles(rows: pa.Table, found: Findings, place: str) -> None:
    """Find the columns of a light curve: by UCD where the fields have any, else by name.

    Parameters
    ----------
    rows
        The table.
    found
        Where to; roles that are given already stay.
    place
        What the path of a column begins with: ``HDU 1, column``.
    """
    by_name = {name.lower(): name for name in reversed(names(rows))}
    for role, usual in NAMES.items():
        told = [
            one.name
            for one in rows.schema
            if noted(one, "ucd")
            and role not in ("kind", "measurement_id")
            and is_known_as(role, noted(one, "ucd"))
        ]
        candidates = told or [by_name[name] for name in usual if name in by_name]
        for name in candidates:
            if _fits(rows.schema.field(name).type, role):
                found.role(role, name, Statement(name, f"{place} {name}"))
                break
    for role, name in found.roles.items():
        for key in ("unit", "ucd", "description"):
            value = noted(rows.schema.field(name), key)
            found.say(f"column.{role}.{key}", value, Statement(value, f"{place} {name}, {key}"))


def series(rows: pa.Table, found: Findings, place: str) -> list[Series]:
    """Make series of a table.

    Raises
    ------
    TimeSeriesError
        If no column holds times.
    """
    give_roles(rows, found, place)
    if "time" not in found.roles:
        shown = ", ".join(rows.column_names[:12]) or "none"
        raise TimeSeriesError(f"no column holds times; the columns are {shown}", place.partition(",")[0])
    column = object_column(rows, found.roles)
    if column:
        found.statements.setdefault("object.id", []).append(Statement(column, f"{place} {column}"))
    return assemble(rows, found, object_column=column)


def object_column(rows: pa.Table, roles: Mapping[str, str]) -> str:
    """Name the column that identifies the object; empty if there is none."""
    for one in rows.schema:
        words = {word.strip() for word in noted(one, "ucd").lower().split(";")}
        named = {"meta.id", "src"} <= words or {"meta.id", "meta.main"} <= words
        if one.name not in roles.values() and (named or one.name.lower() in OBJECT_NAMES):
            return str(one.name)
    return ""


def _fits(kind: pa.DataType, role: str) -> bool:
    text = pa.types.is_string(kind) or pa.types.is_null(kind)
    number = pa.types.is_floating(kind) or pa.types.is_integer(kind)
    return text if role in TEXT_ROLES else number or role == "measurement_id"
