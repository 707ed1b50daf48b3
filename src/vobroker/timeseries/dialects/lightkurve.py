"""Light curves as FITS files that lightkurve reads, and as Kepler and TESS have them.

lightkurve takes the first extension, finds the columns TIME, FLUX and FLUX_ERR in it whatever the case of
letters, the reference time in MJDREFI and MJDREFF or JDREFI and JDREFF, the scale in TIMESYS, and the object
in OBJECT, RA_OBJ and DEC_OBJ of the primary header. Its light curve has one band and fluxes; magnitudes stay
further columns.
"""

from __future__ import annotations

from collections.abc import Sequence

from vobroker.timeseries import binarytable
from vobroker.timeseries.dialects.fits import calibrations
from vobroker.timeseries.dialects.fits import read as read_fits
from vobroker.timeseries.dialects.fits import recognise as is_fits
from vobroker.timeseries.errors import TimeSeriesError
from vobroker.timeseries.look import Look
from vobroker.timeseries.series import Document, Series, banded, only, renamed
from vobroker.timeseries.writing import known

NAME = "lightkurve"
TITLE = "FITS for lightkurve"
MEDIA_TYPE = "application/fits"
SUFFIXES: tuple[str, ...] = ()
LACKS = {"times": "FITS has one time frame for a table"}

COLUMNS = {"time": "TIME", "flux": "FLUX", "flux_error": "FLUX_ERR"}
"""Columns that lightkurve needs."""


def recognise(look: Look) -> bool:
    """Tell whether it is a FITS file whose first table has TIME and FLUX, or what Kepler and TESS call it."""
    if not is_fits(look):
        return False
    head = look.data[: 40 * binarytable.BLOCK]
    return b"'TIME  " in head and (b"'FLUX  " in head or b"'PDCSAP_FLUX" in head or b"'SAP_FLUX" in head)


def read(look: Look) -> Document:
    """Read the table.

    Raises
    ------
    TimeSeriesError
        If the file is damaged, or no table has times.
    """
    found = read_fits(look)
    return Document(found.series, NAME, found.notes)


def write(series: Sequence[Series]) -> bytes:
    """Write a series of one band.

    Raises
    ------
    TimeSeriesError
        If there is not exactly one, of one band, with fluxes and times of a known origin and scale.
    """
    one = banded(only(series, NAME))
    if len(one.bands) > 1:
        names = ", ".join(band.name for band in one.bands)
        raise TimeSeriesError(f"a light curve of lightkurve has one band, not {names}; choose one")
    if "flux" not in one.roles:
        raise TimeSeriesError("a light curve of lightkurve has fluxes; this one has none")
    if one.time.origin is None or not one.time.scale or one.time.scale == "GPS":
        raise TimeSeriesError(f"lightkurve needs times of known scale and origin; these are {one.time}")
    one = renamed(known(one), COLUMNS)
    keywords = binarytable.frame_keywords(one)
    about = {key: keywords[key] for key in ("OBJECT", "RA_OBJ", "DEC_OBJ")}
    about["TELESCOP"] = one.survey
    main = binarytable.primary({key: value for key, value in about.items() if value is not None})  # type: ignore[misc]
    table = binarytable.table(one.points, "LIGHTCURVE", keywords)
    bands = binarytable.table(calibrations(one), "PHOTCAL", {}) if one.bands else b""
    return main + table + bands
