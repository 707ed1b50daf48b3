"""What ObsCore says of light curves: a row for each, as a TAP service gives it (ObsCore 1.1).

Where the measurements are is for the service to say: ``access_url`` is empty here.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from vobroker.timeseries import metadata
from vobroker.timeseries.look import Look
from vobroker.timeseries.metadata import Summary, Value
from vobroker.timeseries.series import Document, Series, described

NAME = "obscore"
TITLE = "ObsCore 1.1, a row for each series"
MEDIA_TYPE = "application/x-votable+xml"
SUFFIXES: tuple[str, ...] = ()
LACKS = metadata.LACKS

_TEXT, _REAL, _LONG = pa.string(), pa.float64(), pa.int64()


def _column(
    name: str, kind: pa.DataType, utype: str, ucd: str, value: Value, unit: str = ""
) -> tuple[pa.Field, Value]:
    return described(name, kind, utype=f"obscore:{utype}", ucd=ucd, unit=unit), value


def _nothing(_: Summary) -> None:
    return None


COLUMNS = (
    _column(
        "dataproduct_type", _TEXT, "ObsDataset.dataProductType", "meta.code.class", lambda one: "timeseries"
    ),
    _column(
        "dataproduct_subtype",
        _TEXT,
        "ObsDataset.dataProductSubtype",
        "meta.code.class",
        lambda one: "lightcurve",
    ),
    _column("calib_level", pa.int32(), "ObsDataset.calibLevel", "meta.code;obs.calib", lambda one: 2),
    _column("target_name", _TEXT, "Target.name", "meta.id;src", lambda one: one.series.object_id),
    _column("obs_id", _TEXT, "DataID.observationID", "meta.id", lambda one: one.series.object_id),
    _column("obs_title", _TEXT, "DataID.title", "meta.title;obs", lambda one: one.series.title),
    _column("obs_collection", _TEXT, "DataID.collection", "meta.id", lambda one: one.series.survey),
    _column("obs_publisher_did", _TEXT, "Curation.publisherDID", "meta.ref.ivoid", _nothing),
    _column("access_url", _TEXT, "Access.reference", "meta.ref.url", _nothing),
    _column("access_format", _TEXT, "Access.format", "meta.code.mime", _nothing),
    _column("access_estsize", _LONG, "Access.size", "phys.size;meta.file", _nothing, "kbyte"),
    _column(
        "s_ra",
        _REAL,
        "Char.SpatialAxis.Coverage.Location.Coord.Position2D.Value2.C1",
        "pos.eq.ra",
        lambda one: one.series.ra,
        "deg",
    ),
    _column(
        "s_dec",
        _REAL,
        "Char.SpatialAxis.Coverage.Location.Coord.Position2D.Value2.C2",
        "pos.eq.dec",
        lambda one: one.series.dec,
        "deg",
    ),
    _column(
        "s_fov",
        _REAL,
        "Char.SpatialAxis.Coverage.Bounds.Extent.diameter",
        "phys.angSize;instr.fov",
        _nothing,
        "deg",
    ),
    _column("s_region", _TEXT, "Char.SpatialAxis.Coverage.Support.Area", "pos.outline;obs.field", _nothing),
    _column(
        "s_resolution",
        _REAL,
        "Char.SpatialAxis.Resolution.Refval.value",
        "pos.angResolution",
        _nothing,
        "arcsec",
    ),
    _column(
        "t_min",
        _REAL,
        "Char.TimeAxis.Coverage.Bounds.Limits.StartTime",
        "time.start;obs.exposure",
        lambda one: one.start,
        "d",
    ),
    _column(
        "t_max",
        _REAL,
        "Char.TimeAxis.Coverage.Bounds.Limits.StopTime",
        "time.end;obs.exposure",
        lambda one: one.end,
        "d",
    ),
    _column(
        "t_exptime",
        _REAL,
        "Char.TimeAxis.Coverage.Support.Extent",
        "time.duration;obs.exposure",
        _nothing,
        "s",
    ),
    _column("t_resolution", _REAL, "Char.TimeAxis.Resolution.Refval.value", "time.resolution", _nothing, "s"),
    _column("t_xel", _LONG, "Char.TimeAxis.numBins", "meta.number", lambda one: len(one.series)),
    _column(
        "em_min",
        _REAL,
        "Char.SpectralAxis.Coverage.Bounds.Limits.LoLimit",
        "em.wl;stat.min",
        lambda one: one.shortest,
        "m",
    ),
    _column(
        "em_max",
        _REAL,
        "Char.SpectralAxis.Coverage.Bounds.Limits.HiLimit",
        "em.wl;stat.max",
        lambda one: one.longest,
        "m",
    ),
    _column(
        "em_res_power", _REAL, "Char.SpectralAxis.Resolution.ResolPower.refVal", "spect.resolution", _nothing
    ),
    _column("em_xel", _LONG, "Char.SpectralAxis.numBins", "meta.number", lambda one: len(one.series.bands)),
    _column("o_ucd", _TEXT, "Char.ObservableAxis.ucd", "meta.ucd", lambda one: one.unit),
    _column("pol_states", _TEXT, "Char.PolarizationAxis.stateList", "meta.code;phys.polarization", _nothing),
    _column("facility_name", _TEXT, "Provenance.ObsConfig.Facility.name", "meta.id;instr.tel", _nothing),
    _column("instrument_name", _TEXT, "Provenance.ObsConfig.Instrument.name", "meta.id;instr", _nothing),
)
"""The mandatory columns of ObsCore 1.1 (table 1), and two optional ones, with what is in them."""

_NAMES = {
    "id": "target_name",
    "survey": "obs_collection",
    "title": "obs_title",
    "ra": "s_ra",
    "dec": "s_dec",
    "start": "t_min",
    "end": "t_max",
    "address": "access_url",
}


def recognise(look: Look) -> bool:
    """Tell whether a table has the columns of ObsCore."""
    return {"dataproduct_type", "obs_collection", "t_min", "t_max", "s_ra", "em_min"} <= look.columns


def read(look: Look) -> Document:
    """Read a series without measurements from each row."""
    return metadata.read(look, _NAMES, NAME)


def write(series: Sequence[Series]) -> bytes:
    """Write a row for each series."""
    return metadata.write(series, COLUMNS)
