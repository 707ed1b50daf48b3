"""ObsCore: light curves and image stamps among the data products of all archives.

ObsCore 1.1 (IVOA Recommendation 2017-05-09), section 3 and table 6. It is a query on ``object`` and on
``alert``: a row for the light curve of each object, and one for the stamps of each alert. What is not known
is null.
"""

from __future__ import annotations

from vobroker.votypes.columns import Column, Table
from vobroker.votypes.databases import stored

_SPACE, _TIME, _SPECTRUM = (f"obscore:Char.{axis}Axis." for axis in ("Spatial", "Time", "Spectral"))

OBSCORE = Table(
    "ivoa.obscore",
    (
        Column(
            "dataproduct_type",
            "VARCHAR",
            "",
            "meta.code.class",
            "timeseries or image",
            "obscore:ObsDataset.dataProductType",
        ),
        Column(
            "dataproduct_subtype",
            "VARCHAR",
            "",
            "meta.code.class",
            "lightcurve or cutout",
            "obscore:ObsDataset.dataProductSubtype",
        ),
        Column(
            "calib_level",
            "INTEGER",
            "",
            "meta.code;obs.calib",
            "2: calibrated",
            "obscore:ObsDataset.calibLevel",
        ),
        Column("obs_collection", "VARCHAR", "", "meta.id", "Survey", "obscore:DataID.collection"),
        Column(
            "obs_id",
            "VARCHAR",
            "",
            "meta.id",
            "Object of a light curve, alert of stamps",
            "obscore:DataID.observationID",
        ),
        Column(
            "obs_publisher_did",
            "VARCHAR",
            "",
            "meta.ref.ivoid",
            "IVOA identifier of the product",
            "obscore:Curation.publisherDID",
        ),
        Column(
            "access_url",
            "VARCHAR",
            "",
            "meta.ref.url",
            "Where the DataLinks of the product are",
            "obscore:Access.reference",
        ),
        Column(
            "access_format",
            "VARCHAR",
            "",
            "meta.code.mime",
            "Media type of what is there",
            "obscore:Access.format",
        ),
        Column(
            "access_estsize",
            "BIGINT",
            "kbyte",
            "phys.size;meta.file",
            "Size of the product",
            "obscore:Access.size",
        ),
        Column(
            "target_name",
            "VARCHAR",
            "",
            "meta.id;src",
            "The survey's identifier of the object",
            "obscore:Target.name",
        ),
        Column(
            "s_ra",
            "DOUBLE",
            "deg",
            "pos.eq.ra",
            "Right ascension, ICRS",
            f"{_SPACE}Coverage.Location.Coord.Position2D.Value2.C1",
            "ICRS",
        ),
        Column(
            "s_dec",
            "DOUBLE",
            "deg",
            "pos.eq.dec",
            "Declination, ICRS",
            f"{_SPACE}Coverage.Location.Coord.Position2D.Value2.C2",
            "ICRS",
        ),
        Column(
            "s_fov",
            "DOUBLE",
            "deg",
            "phys.angSize;instr.fov",
            "Diameter of the field",
            f"{_SPACE}Coverage.Bounds.Extent.diameter",
        ),
        Column(
            "s_region",
            "REGION",
            "",
            "pos.outline;obs.field",
            "Outline of the field",
            f"{_SPACE}Coverage.Support.Area",
        ),
        Column("s_xel1", "BIGINT", "", "meta.number", "Pixels along the first axis", f"{_SPACE}numBins1"),
        Column("s_xel2", "BIGINT", "", "meta.number", "Pixels along the second axis", f"{_SPACE}numBins2"),
        Column(
            "s_resolution",
            "DOUBLE",
            "arcsec",
            "pos.angResolution",
            "Resolution on the sky",
            f"{_SPACE}Resolution.Refval.value",
        ),
        Column(
            "t_min",
            "DOUBLE",
            "d",
            "time.start;obs.exposure",
            "First observation, MJD in TAI",
            f"{_TIME}Coverage.Bounds.Limits.StartTime",
            "TAI_MJD",
        ),
        Column(
            "t_max",
            "DOUBLE",
            "d",
            "time.end;obs.exposure",
            "Last observation, MJD in TAI",
            f"{_TIME}Coverage.Bounds.Limits.StopTime",
            "TAI_MJD",
        ),
        Column(
            "t_exptime",
            "DOUBLE",
            "s",
            "time.duration;obs.exposure",
            "Exposure time",
            f"{_TIME}Coverage.Support.Extent",
        ),
        Column(
            "t_resolution",
            "DOUBLE",
            "s",
            "time.resolution",
            "Resolution in time",
            f"{_TIME}Resolution.Refval.value",
        ),
        Column("t_xel", "BIGINT", "", "meta.number", "Alerts of the object", f"{_TIME}numBins"),
        Column(
            "em_min",
            "DOUBLE",
            "m",
            "em.wl;stat.min",
            "Shortest wavelength",
            f"{_SPECTRUM}Coverage.Bounds.Limits.LoLimit",
        ),
        Column(
            "em_max",
            "DOUBLE",
            "m",
            "em.wl;stat.max",
            "Longest wavelength",
            f"{_SPECTRUM}Coverage.Bounds.Limits.HiLimit",
        ),
        Column(
            "em_res_power",
            "DOUBLE",
            "",
            "spect.resolution",
            "Spectral resolving power",
            f"{_SPECTRUM}Resolution.ResolPower.refVal",
        ),
        Column("em_xel", "BIGINT", "", "meta.number", "Bands", f"{_SPECTRUM}numBins"),
        Column(
            "o_ucd", "VARCHAR", "", "meta.ucd", "UCD of what was observed", "obscore:Char.ObservableAxis.ucd"
        ),
        Column(
            "pol_states",
            "VARCHAR",
            "",
            "meta.code;phys.polarization",
            "States of polarization",
            "obscore:Char.PolarizationAxis.stateList",
        ),
        Column(
            "pol_xel",
            "BIGINT",
            "",
            "meta.number",
            "Number of states of polarization",
            "obscore:Char.PolarizationAxis.numBins",
        ),
        Column(
            "facility_name",
            "VARCHAR",
            "",
            "meta.id;instr.tel",
            "Telescope",
            "obscore:Provenance.ObsConfig.Facility.name",
        ),
        Column(
            "instrument_name",
            "VARCHAR",
            "",
            "meta.id;instr",
            "Instrument",
            "obscore:Provenance.ObsConfig.Instrument.name",
        ),
    ),
    "Light curves and image stamps as ObsCore 1.1 describes data products",
)

_BOTH = {
    "calib_level": "2",
    "obs_collection": "survey",
    "access_format": "'application/x-votable+xml;content=datalink'",
    "target_name": "object_id",
    "s_ra": "ra",
    "s_dec": "dec",
    "o_ucd": "'phot.flux.density'",
    "facility_name": "CASE survey WHEN 'lsst' THEN 'Rubin' WHEN 'ztf' THEN 'Palomar' END",
    "instrument_name": "CASE survey WHEN 'lsst' THEN 'LSSTCam' WHEN 'ztf' THEN 'ZTF camera' END",
}
_LIGHT_CURVE = _BOTH | {
    "dataproduct_type": "'timeseries'",
    "dataproduct_subtype": "'lightcurve'",
    "obs_id": "object_id",
    "t_min": "first_mjd",
    "t_max": "last_mjd",
    "t_xel": "n_alerts",
}
_STAMPS = _BOTH | {
    "dataproduct_type": "'image'",
    "dataproduct_subtype": "'cutout'",
    "t_min": "mjd",
    "t_max": "mjd",
    "t_xel": "1",
    "em_xel": "1",
}


def alert_did(authority: str, text: str) -> str:
    """Write the identifier of an alert as SQL; ``text`` is the engine's type of texts."""
    return f"{_literal(f'ivo://{authority}/alert?')} || survey || '/' || CAST(alert_id AS {text})"


def sql(platform: str, authority: str, base: str) -> str:
    """Write the query that ObsCore is, for an engine, in parentheses.

    Parameters
    ----------
    platform
        The engine, as in :data:`vobroker.adql.platforms.ENGINES`.
    authority
        Naming authority of the products' identifiers.
    base
        Address of the service, without a slash at its end; where it is empty there are no links.
    """
    engine = platform.partition("-")[0]
    text = stored("VARCHAR", engine)
    number = f"CAST(alert_id AS {text})"
    curves = _select(engine, "object", _LIGHT_CURVE | _links("object", "object_id", authority, base))
    stamps = _select(engine, "alert", _STAMPS | {"obs_id": number} | _links("alert", number, authority, base))
    return f"({curves} UNION ALL {stamps})"


def _links(kind: str, identifier: str, authority: str, base: str) -> dict[str, str]:
    name = f"survey || '/' || {identifier}"
    identified = {"obs_publisher_did": f"{_literal(f'ivo://{authority}/{kind}?')} || {name}"}
    if not base:
        return identified | {"access_format": "NULL"}
    return identified | {"access_url": f"{_literal(f'{base}/datalink?ID={kind}/')} || {name}"}


def _select(engine: str, table: str, values: dict[str, str]) -> str:
    columns = (
        f"CAST({values.get(column.name, 'NULL')} AS {stored(column.type, engine)}) AS {column.name}"
        for column in OBSCORE
    )
    return f"SELECT {', '.join(columns)} FROM {table}"  # noqa: S608


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
