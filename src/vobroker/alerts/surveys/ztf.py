"""Zwicky Transient Facility: alert packets of schemas 1.x to 4.02 (ZTF alert schema documentation).

Times are Julian dates in UTC at the start of the exposure; magnitudes are AB, of the absolute
difference; forced photometry is in DN with a zero point. Values of -999 and the like mean no value.
"""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vobroker.alerts.night import utc_to_tai
from vobroker.alerts.surveys.survey import (
    AB_ZERO_NJY,
    History,
    Survey,
    Values,
    ab_flux,
    ab_magnitude,
    magnitude_error,
    number,
    real,
    without,
)

_JD_TO_MJD = 2400000.5
_EXPOSURE_SECONDS = 30.0
"""Of the public survey; packets before 3.3 do not say it."""
_DAY_SECONDS = 86400.0
_BANDS = pa.array([None, "g", "r", "i"], pa.string())

_CANDIDATE = {
    "id": ("candid",),
    "jd": ("jd",),
    "fid": ("fid",),
    "pid": ("pid",),
    "exposure": ("exptime",),
    "detector": ("rcid",),
    "ra": ("ra",),
    "dec": ("dec",),
    "mag": ("magpsf",),
    "mag_error": ("sigmapsf",),
    "limit": ("diffmaglim",),
    "sign": ("isdiffpos",),
    "rb": ("rb",),
    "drb": ("drb",),
}

_FORCED = {
    "pid": ("pid",),
    "jd": ("jd",),
    "fid": ("fid",),
    "exposure": ("exptime",),
    "flux": ("forcediffimflux",),
    "flux_error": ("forcediffimfluxunc",),
    "zero_point": ("magzpsci",),
    "limit": ("diffmaglim",),
    "ra": ("ranr",),
    "dec": ("decnr",),
}


def _midpoint(v: Values) -> pa.Array:
    """MJD (TAI) of the middle of the exposure."""
    exposure = number(v["exposure"])
    exposure = np.where(exposure > 0, exposure, _EXPOSURE_SECONDS)
    start = number(v["jd"]) - _JD_TO_MJD
    mjd = utc_to_tai(start + exposure / 2 / _DAY_SECONDS)
    return pa.array(mjd, pa.float64(), mask=np.isnan(mjd))


def _band(fid: pa.Array) -> pa.Array:
    return _BANDS.take(pc.if_else(pc.and_(pc.greater(fid, 0), pc.less(fid, 4)), fid, 0))


def _visit(pid: pa.Array) -> pa.Array:
    """Exposure number: the processing id without its last four digits, which are channel and version."""
    return pc.divide(pid, pa.scalar(10000, pa.int64()))


def _positive(sign: pa.Array) -> pa.Array:
    """``t`` or ``1`` is brighter than the template, ``f`` or ``0`` fainter."""
    known = pc.is_in(sign, pa.array(["t", "1"]))
    return pc.if_else(pc.is_valid(sign), known, pa.scalar(None, pa.bool_()))


def _photometry(v: Values) -> dict[str, pa.Array]:
    """Columns that an alert and a detection share."""
    mag, error = number(v["mag"]), number(v["mag_error"])
    positive = _positive(v["sign"])
    flux = ab_flux(mag) * np.where(np.asarray(positive.fill_null(True)), 1.0, -1.0)
    return {
        "mjd": _midpoint(v),
        "band": _band(v["fid"]),
        "flux": real(flux),
        "flux_error": real(np.abs(flux) * error * np.log(10.0) / 2.5),
        "mag": real(mag),
        "mag_error": real(error),
        "positive": positive,
        "ra": v["ra"],
        "dec": v["dec"],
        "visit": _visit(v["pid"]),
        "real_bogus": pc.coalesce(without(v["drb"], -999.0), without(v["rb"], -999.0)),
    }


def _alert(v: Values) -> dict[str, pa.Array]:
    error = number(v["mag_error"])
    distance = number(without(v["ss_distance"], -999.0))
    known = pa.array((distance >= 0) & (distance <= _SOLAR_SYSTEM_ARCSEC))
    first = number(without(v["first_jd"], -999.0)) - _JD_TO_MJD
    first = utc_to_tai(first + _EXPOSURE_SECONDS / 2 / _DAY_SECONDS)
    with np.errstate(divide="ignore"):
        snr = 2.5 / np.log(10.0) / error
    return {
        **_photometry(v),
        "alert_id": v["id"],
        "object_id": v["object"],
        "snr": real(snr),
        "extendedness": real(1.0 - number(without(v["star"], -999.0))),
        "solar_system": known,
        "solar_system_name": pc.if_else(
            known, without(v["ss_name"], "null", ""), pa.scalar(None, pa.string())
        ),
        "n_detections": v["n_detections"],
        "first_mjd": pa.array(first, pa.float64(), mask=np.isnan(first)),
        "detector": v["detector"],
    }


_SOLAR_SYSTEM_ARCSEC = 5.0
"""A known object within this distance is taken for the source."""


def _history(v: Values) -> dict[str, pa.Array]:
    """Give detections and, where there is no candid, upper limits."""
    detected = pc.is_valid(v["id"])
    return {
        **_photometry(v),
        "kind": pc.if_else(detected, "detection", "limit"),
        "measurement_id": pc.if_else(detected, v["id"], v["pid"]),
        "limiting_mag": real(number(without(v["limit"], -999.0))),
    }


def _forced(v: Values) -> dict[str, pa.Array]:
    scale = np.power(10.0, (AB_ZERO_NJY - number(without(v["zero_point"], -999.0))) / 2.5)
    counts = number(without(v["flux"], -99999.0))
    flux = counts * scale
    error = number(without(v["flux_error"], -99999.0)) * scale
    return {
        "measurement_id": v["pid"],
        "mjd": _midpoint(v),
        "band": _band(v["fid"]),
        "flux": real(flux),
        "flux_error": real(error),
        "mag": real(ab_magnitude(flux)),
        "mag_error": real(magnitude_error(flux, error)),
        "limiting_mag": real(number(without(v["limit"], -999.0))),
        "positive": pa.array(flux >= 0, mask=np.isnan(flux)),
        "ra": v["ra"],
        "dec": v["dec"],
        "visit": _visit(v["pid"]),
    }


SURVEY = Survey(
    name="ztf",
    title="Zwicky Transient Facility",
    longitude=-116.8597,
    record=re.compile(r"ztf\.alert"),
    candidate="candidate",
    fields={
        **{name: tuple(f"candidate.{field}" for field in fields) for name, fields in _CANDIDATE.items()},
        "object": ("objectId",),
        "star": ("candidate.sgscore1", "candidate.sgscore"),
        "ss_distance": ("candidate.ssdistnr",),
        "ss_name": ("candidate.ssnamenr",),
        "n_detections": ("candidate.ndethist",),
        "first_jd": ("candidate.jdstarthist",),
    },
    required=("id", "jd", "ra", "dec"),
    alert=_alert,
    trigger=History("candidate", "detection", _CANDIDATE, _history),
    histories=(
        History("prv_candidates", "detection", _CANDIDATE, _history),
        History("fp_hists", "forced", _FORCED, _forced),
    ),
    native=tuple(
        (re.compile(pattern), unit, ucd)
        for pattern, unit, ucd in (
            (r"^jd", "d", "time.epoch"),
            (r"(id|ID)$|^objectidps", "", "meta.id"),
            (r"^sigma|mag\w*unc$", "mag", "stat.error;phot.mag"),
            (r"^mag|^(ss)?mag|^s[griz]mag|diffmaglim|^(zp|clr)med|magnr", "mag", "phot.mag"),
            (r"^ra(nr)?$", "deg", "pos.eq.ra"),
            (r"^dec(nr)?$", "deg", "pos.eq.dec"),
            (r"^dist(nr|psnr\d)|^ssdistnr|^neargaia", "arcsec", "pos.angDistance"),
            (r"^[xy]pos$|^mindtoedge$|^fwhm$|^[ab]image$", "pixel", "phys.angSize;instr.det"),
            (r"^exptime$", "s", "time.duration;obs.exposure"),
            (r"^sky$", "ct", "phot.count"),
            (r"^d?rb$|^classtar$|^sgscore", "", "stat.probability"),
            (r"^n[a-z]+", "", "meta.number"),
        )
    ),
    # Positions are on Gaia's frame, whatever the schema calls it; times are UTC (ZTF alert documentation).
    systems=(
        (re.compile(r"^jd"), "UTC_JD"),
        (re.compile(r"^(ra|dec)(nr)?$"), "ICRS"),
    ),
)
