"""Light curves as VOTable 1.5 with TIMESYS, COOSYS and photometric calibration groups.

The table holds one row per measurement. What is true of all rows stands before it: the object and the
survey as PARAMs, the time scale as TIMESYS (VOTable 1.5, section 3.4), the frame as COOSYS (3.3), and for
each band a GROUP with the utypes of PhotDM 1.1.
"""

from __future__ import annotations

import io
import struct
from xml.sax.saxutils import escape

import numpy as np
import pyarrow as pa
from astropy.io import votable as astropy_votable
from astropy.io.votable.exceptions import VOWarning
from astropy.io.votable.tree import TimeSys

from vobroker.timeseries.columns import MEASUREMENT
from vobroker.timeseries.model import LightCurve
from vobroker.timeseries.passbands import AB_ZERO_POINT, PASSBANDS
from vobroker.votypes.columns import Column
from vobroker.votypes.guard import MAX_BYTES, VOTableError, check
from vobroker.votypes.votable import NAMESPACE, binary2, element, field, param, tabledata

MJD_ORIGIN = 2400000.5
"""Julian date of MJD 0."""

_TIME, _SPACE = "time", "space"  # IDs of the coordinate systems
_REFERENCE = {"mjd": _TIME, "ra": _SPACE, "dec": _SPACE}
_PHOTOMETRY = ("band", "flux", "flux_error", "mag", "mag_error", "limiting_mag")

_SURVEY = Column("survey", "VARCHAR", "", "meta.id;instr.obsty", "Survey that made the measurements")
_OBJECT = Column("object_id", "VARCHAR", "", "meta.id;src;meta.main", "The survey's identifier of the object")
_RA = Column("object_ra", "DOUBLE", "deg", "pos.eq.ra;meta.main", "Right ascension of the object, ICRS")
_DEC = Column("object_dec", "DOUBLE", "deg", "pos.eq.dec;meta.main", "Declination of the object, ICRS")
_OBJECT_PARAMS = (_SURVEY, _OBJECT, _RA, _DEC)
_SAME_IN_ALL_ROWS = (_SURVEY.name, _OBJECT.name)
_COLUMNS = tuple(column for column in MEASUREMENT if column.name not in _SAME_IN_ALL_ROWS)

_WHAT_IT_IS = "Measurements of one object, by time. Fluxes and magnitudes are of difference images."

_BAND_NAME = Column("bandName", "VARCHAR", "", "instr.bandpass", "", "photDM:PhotometryFilter.bandName")
_FILTER = Column(
    "filterIdentifier", "VARCHAR", "", "meta.id;instr.filter", "", "photDM:PhotometryFilter.identifier"
)
_WAVELENGTH = Column(
    "effectiveWavelength",
    "DOUBLE",
    "nm",
    "em.wl.effective",
    "",
    "photDM:PhotometryFilter.spectralLocation.value",
)
_ZERO_POINT = Column(
    "zeroPointFlux", "DOUBLE", "Jy", "phot.flux.density", "", "photDM:PhotCal.zeroPoint.flux.value"
)
_MAG_SYSTEM = Column("magnitudeSystem", "VARCHAR", "", "meta.code", "", "photDM:PhotCal.magnitudeSystem.type")


def write(light_curve: LightCurve, *, binary: bool = False) -> bytes:
    """Write a light curve as a VOTable.

    Parameters
    ----------
    light_curve
        What to write.
    binary
        Rows as BINARY2 instead of TABLEDATA: the same content, for machines.

    Returns
    -------
    bytes
        The document, UTF-8.
    """
    rows = light_curve.points.select([column.name for column in _COLUMNS])
    table = element(
        "TABLE",
        {"name": "light_curve", "nrows": str(rows.num_rows)},
        element("DESCRIPTION", {}, _WHAT_IT_IS),
        "\n",
        *(f"{_calibration(light_curve.survey, band)}\n" for band in light_curve.bands),
        *(f"{line}\n" for line in _object(light_curve)),
        *(f"{field(column, ref=_REFERENCE.get(column.name, ''))}\n" for column in _COLUMNS),
        element("DATA", {}, binary2(rows) if binary else tabledata(rows)),
        "\n",
    )
    time = {"ID": _TIME, "timeorigin": str(MJD_ORIGIN), "timescale": "TAI", "refposition": "TOPOCENTER"}
    resource = (
        element("COOSYS", {"ID": _SPACE, "system": "ICRS"}),
        element("TIMESYS", time),
        table,
    )
    document = element(
        "VOTABLE",
        {"version": "1.5", "xmlns": NAMESPACE},
        "\n",
        element("RESOURCE", {"type": "results"}, *(f"\n{part}" for part in resource), "\n"),
        "\n",
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{document}\n'.encode()


def read(document: bytes, *, max_bytes: int = MAX_BYTES) -> LightCurve:
    """Read a light curve from a VOTable as :func:`write` makes them.

    The document may come from anywhere: nothing is fetched, and what would need more memory than its
    size explains is refused. NaN reads as null.

    Raises
    ------
    VOTableError
        If the document is no such VOTable; the sentence says why.
    """
    check(document, max_bytes=max_bytes)
    try:
        # Anything milder turns numbers that cannot be read into nulls.
        parsed = astropy_votable.parse(io.BytesIO(document), verify="exception")
        table = parsed.get_first_table()
    except (ValueError, TypeError, LookupError, EOFError, struct.error, VOWarning) as error:
        raise VOTableError(f"the VOTable cannot be read: {error}") from error
    fields = {one.name: one for one in table.fields}
    params = {one.name: one.value for one in table.params}
    missing = [column.name for column in _OBJECT_PARAMS if column.name not in params]
    missing += [column.name for column in _COLUMNS if column.name not in fields]
    if missing:
        raise VOTableError(f"the VOTable is not a light curve: it has no {', '.join(missing)}")
    _check_time(fields["mjd"].ref, {system.ID: system for system in parsed.iter_timesys()})
    survey, object_id, ra, dec = (params[column.name] for column in _OBJECT_PARAMS)
    try:
        columns = {column.name: pa.array(_cells(table.array[fields[column.name].ID])) for column in _COLUMNS}
        for name, value in ((_SURVEY.name, survey), (_OBJECT.name, object_id)):
            columns[name] = pa.repeat(str(value), len(table.array))
        return LightCurve(str(survey), str(object_id), float(ra), float(dec), pa.table(columns))
    except (ValueError, TypeError, pa.ArrowException) as error:
        raise VOTableError(f"the VOTable is not a light curve: {error}") from error


def _cells(column: np.ma.MaskedArray) -> list[object]:
    """Values of a column; VOTable does not tell an empty string from none."""
    return [None if value == "" else value for value in column.tolist()]


def _check_time(ref: str | None, systems: dict[str, TimeSys]) -> None:
    """Refuse times that are not what the column mjd means: MJD in TAI at the telescope."""
    system = systems.get(ref or "")
    if system is None:
        raise VOTableError("the VOTable gives no TIMESYS for its column mjd")
    found = (system.timeorigin, system.timescale, system.refposition)
    if found != (MJD_ORIGIN, "TAI", "TOPOCENTER"):
        raise VOTableError(
            f"the times of the VOTable are {found[1]} at {found[2]} from JD {found[0]}, "
            f"not TAI at TOPOCENTER from JD {MJD_ORIGIN}"
        )


def _object(light_curve: LightCurve) -> tuple[str, ...]:
    """Which object this is, and where."""
    return (
        param(_SURVEY, light_curve.survey),
        param(_OBJECT, light_curve.object_id),
        param(_RA, light_curve.ra, ref=_SPACE),
        param(_DEC, light_curve.dec, ref=_SPACE),
    )


def _calibration(survey: str, band: str) -> str:
    """How the fluxes and magnitudes of one band are calibrated."""
    passband = PASSBANDS.get((survey, band))
    known = (param(_FILTER, passband.identifier), param(_WAVELENGTH, passband.wavelength)) if passband else ()
    return element(
        "GROUP",
        {"name": f"photcal_{band}", "utype": "photDM:PhotCal"},
        element("DESCRIPTION", {}, escape(f"Photometric calibration of the rows with band = '{band}'")),
        param(_BAND_NAME, band),
        *known,
        param(_MAG_SYSTEM, "AB"),
        param(_ZERO_POINT, AB_ZERO_POINT),
        *(element("FIELDref", {"ref": name}) for name in _PHOTOMETRY),
    )
