"""What a Simple Spectral Access service says of light curves: the response to a query (SSAP 1.1).

GAVO publishes time series by SSAP, and SPLAT-VO finds them so: the data set's type is ``timeseries``. Where
the measurements are is for the service to say: ``accref`` is empty here.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from vobroker.timeseries import metadata
from vobroker.timeseries.look import Look
from vobroker.timeseries.metadata import Summary, Value
from vobroker.timeseries.series import Document, Series, described
from vobroker.timeseries.writing import param
from vobroker.votypes.votable import element

NAME = "ssap"
TITLE = "SSAP 1.1 response, a row for each series"
MEDIA_TYPE = "application/x-votable+xml"
SUFFIXES: tuple[str, ...] = ()
LACKS = metadata.LACKS

_TEXT, _REAL, _LONG = pa.string(), pa.float64(), pa.int64()


def _column(
    name: str, kind: pa.DataType, utype: str, ucd: str, value: Value, unit: str = ""
) -> tuple[pa.Field, Value]:
    return described(name, kind, utype=f"ssa:{utype}", ucd=ucd, unit=unit), value


def _nothing(_: Summary) -> None:
    return None


def _length(one: Summary) -> float | None:
    return None if one.start is None or one.end is None else 86400 * (one.end - one.start)


def _middle(one: Summary) -> float | None:
    return None if one.start is None or one.end is None else (one.start + one.end) / 2


COLUMNS = (
    _column("accref", _TEXT, "Access.Reference", "meta.ref.url", _nothing),
    _column("mime", _TEXT, "Access.Format", "meta.code.mime", _nothing),
    _column("accsize", _LONG, "Access.Size", "phys.size;meta.file", _nothing, "byte"),
    _column("ssa_datamodel", _TEXT, "Dataset.DataModel", "meta.code", lambda one: "Spectrum-1.0"),
    _column("ssa_length", _LONG, "Dataset.Length", "meta.number", lambda one: len(one.series)),
    _column("ssa_dstype", _TEXT, "Dataset.Type", "meta.code.class", lambda one: "timeseries"),
    _column("ssa_dstitle", _TEXT, "DataID.Title", "meta.title;meta.dataset", lambda one: one.series.title),
    _column("ssa_collection", _TEXT, "DataID.Collection", "meta.id", lambda one: one.series.survey),
    _column(
        "ssa_bandpass",
        _TEXT,
        "DataID.Bandpass",
        "instr.bandpass",
        lambda one: " ".join(b.name for b in one.series.bands),
    ),
    _column("ssa_pubDID", _TEXT, "Curation.PublisherDID", "meta.ref.ivoid", _nothing),
    _column("ssa_targname", _TEXT, "Target.Name", "meta.id;src", lambda one: one.series.object_id),
    _column("ssa_ra", _REAL, "Target.Pos.RA", "pos.eq.ra;src", lambda one: one.series.ra, "deg"),
    _column("ssa_dec", _REAL, "Target.Pos.Dec", "pos.eq.dec;src", lambda one: one.series.dec, "deg"),
    _column("ssa_dateObs", _REAL, "Char.TimeAxis.Coverage.Location.Value", "time.epoch", _middle, "d"),
    _column("ssa_timeExt", _REAL, "Char.TimeAxis.Coverage.Bounds.Extent", "time.duration", _length, "s"),
    _column(
        "ssa_timeStart",
        _REAL,
        "Char.TimeAxis.Coverage.Bounds.Start",
        "time.start;obs.exposure",
        lambda one: one.start,
        "d",
    ),
    _column(
        "ssa_timeStop",
        _REAL,
        "Char.TimeAxis.Coverage.Bounds.Stop",
        "time.end;obs.exposure",
        lambda one: one.end,
        "d",
    ),
    _column(
        "ssa_specstart",
        _REAL,
        "Char.SpectralAxis.Coverage.Bounds.Start",
        "em.wl;stat.min",
        lambda one: one.shortest,
        "m",
    ),
    _column(
        "ssa_specend",
        _REAL,
        "Char.SpectralAxis.Coverage.Bounds.Stop",
        "em.wl;stat.max",
        lambda one: one.longest,
        "m",
    ),
    _column("ssa_fluxucd", _TEXT, "Char.FluxAxis.Ucd", "meta.ucd", lambda one: one.unit),
)
"""Columns, and what is in them."""

_NAMES = {
    "id": "target.name",
    "survey": "dataid.collection",
    "title": "dataid.title",
    "ra": "target.pos.ra",
    "dec": "target.pos.dec",
    "start": "char.timeaxis.coverage.bounds.start",
    "end": "char.timeaxis.coverage.bounds.stop",
    "address": "access.reference",
}


def recognise(look: Look) -> bool:
    """Tell whether a table has columns of SSAP."""
    if not look.is_xml or "TABLE" not in look.tags:
        return False
    utypes = {one.utype.lower() for table in look.tables for one in table.fields}
    return "ssa:access.reference" in utypes


def read(look: Look) -> Document:
    """Read a series without measurements from each row."""
    return metadata.read(look, _NAMES, NAME)


def write(series: Sequence[Series]) -> bytes:
    """Write a row for each series."""
    before = [
        element("INFO", {"name": "QUERY_STATUS", "value": "OK"}),
        element("INFO", {"name": "SERVICE_PROTOCOL", "value": "1.1"}, "SSAP"),
        param("ssa_csysName", metadata.FRAME, "", utype="ssa:CoordSys.SpaceFrame.Name"),
        param("ssa_timescale", "UTC", "", utype="ssa:CoordSys.TimeFrame.Name"),
    ]
    return metadata.write(series, COLUMNS, before)
