"""Light curves as SPLAT-VO opens them: like spectra, with utypes of the Spectrum data model.

SPLAT takes a table for a time series when a PARAM ``data_product_type`` says ``timeseries``. It finds the
coordinates by a utype with ``TimeAxis`` in it, the data by one with ``FluxAxis``, the errors by one with
``FluxAxis.Accuracy``, all of the Spectrum data model 1.1, and reads every cell of them as a real number. So
each band has a table of its own, and only one quantity, magnitudes where there are any, is the data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa

from vobroker.timeseries.dialects import votable_bands
from vobroker.timeseries.look import Look
from vobroker.timeseries.series import NOTES, Document, Series, banded, described, noted
from vobroker.timeseries.writing import document, param, parts, resource
from vobroker.timeseries.xml import within

NAME = "splat"
TITLE = "Like a spectrum, for SPLAT-VO"
MEDIA_TYPE = "application/x-votable+xml"
SUFFIXES: tuple[str, ...] = ()
LACKS: dict[str, str] = {}

TIME = "spec:Spectrum.Data.TimeAxis.Value"
VALUE = "spec:Spectrum.Data.FluxAxis.Value"
ERROR = "spec:Spectrum.Data.FluxAxis.Accuracy.StatError"


def recognise(look: Look) -> bool:
    """Tell whether it is a VOTable that says what SPLAT looks for."""
    if not look.is_xml or "TABLE" not in look.tags:
        return False
    marks = [one for one in within(look.root, "PARAM") if one.get("name") == "data_product_type"]
    return any(one.get("value") == "timeseries" for one in marks)


def read(look: Look) -> Document:
    """Read the tables, and join those of one object.

    Raises
    ------
    TimeSeriesError
        If no table has times.
    """
    return votable_bands.read(look, NAME)


def write(series: Sequence[Series]) -> bytes:
    """Write series, a resource for each band of each."""
    resources, number = [], 0
    for one in series:
        for part in votable_bands.by_band(banded(one)):
            number += 1
            written = parts(_marked(part), number)
            band = part.bands[0] if part.bands else None
            own = [
                param(
                    "data_product_type",
                    "timeseries",
                    "meta.code.class",
                    utype="spec:Spectrum.DataProductType",
                ),
                param("DataModel", "Spectrum-1.1", "meta.code", utype="spec:Spectrum.DataModel"),
            ]
            if one.object_id:
                own.append(param("Target", one.object_id, "meta.id;src", utype="spec:Spectrum.Target.Name"))
            if band is not None:
                own.append(
                    param("Bandpass", band.name, "instr.bandpass", utype="spec:Spectrum.DataID.Bandpass")
                )
            name = f"{one.object_id} {band.name}" if band else one.object_id
            table = written.table(
                *own, *written.calibrations, name=name or "light curve", utype="spec:Spectrum"
            )
            resources.append(resource(*written.systems, table, utype="spec:Spectrum"))
    return document(*resources)


def _marked(series: Series) -> Series:
    """Give the columns that SPLAT plots their utypes, and a real type; no other column has such a utype."""
    value = "mag" if "mag" in series.roles else "flux"
    utypes = {"time": TIME, value: VALUE, f"{value}_error": ERROR}
    plotted = {series.roles[role]: utype for role, utype in utypes.items() if role in series.roles}
    columns, fields = [], []
    for one in series.points.schema:
        notes = {key: noted(one, key) for key in NOTES}
        kind = one.type
        if one.name in plotted:
            notes["utype"] = plotted[one.name]
            kind = kind if pa.types.is_floating(kind) else pa.float64()
        elif "axis" in notes["utype"].lower():
            notes["utype"] = ""
        fields.append(described(one.name, kind, **notes))
        columns.append(series.points[one.name].cast(kind))
    return replace(series, points=pa.table(columns, schema=pa.schema(fields)))
