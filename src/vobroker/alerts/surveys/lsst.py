"""Rubin Observatory, LSST: alert packets of schemas 3.0 to 11.1 (``lsst-alert-packet``, DPDD LSE-163).

Positions are ICRS, fluxes are nJy (AB), times are TAI already.
"""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vobroker.alerts.surveys.survey import (
    History,
    Survey,
    Values,
    ab_magnitude,
    magnitude_error,
    number,
    real,
    without,
)

_DEG_TO_ARCSEC = 3600.0

_SOURCE = {
    "id": ("diaSourceId",),
    "visit": ("visit", "ccdVisitId"),
    "detector": ("detector",),
    "mjd": ("midpointMjdTai", "midPointTai"),
    "band": ("band", "filterName"),
    "ra": ("ra",),
    "dec": ("dec", "decl"),
    "flux": ("psfFlux", "psFlux"),
    "flux_error": ("psfFluxErr", "psFluxErr"),
    "real_bogus": ("reliability", "spuriousness"),
}

_FORCED = {
    "id": ("diaForcedSourceId",),
    "visit": ("visit", "ccdVisitId"),
    "mjd": ("midpointMjdTai", "midPointTai"),
    "band": ("band", "filterName"),
    "ra": ("ra",),
    "dec": ("dec", "decl"),
    "flux": ("psfFlux", "psFlux"),
    "flux_error": ("psfFluxErr", "psFluxErr"),
}

_LIMIT = {
    "id": ("ccdVisitId",),
    "visit": ("ccdVisitId",),
    "mjd": ("midpointMjdTai", "midPointTai"),
    "band": ("band", "filterName"),
    "noise": ("diaNoise",),
}


def _alert(v: Values) -> dict[str, pa.Array]:
    flux, flux_error = number(v["flux"]), number(v["flux_error"])
    snr = number(v["snr"])
    # Zero stands for none in real packets; a detection may leave its object to the object's record.
    moving = pc.coalesce(without(v["ss_object"], 0), without(v["ss_record"], 0))
    fixed = pc.coalesce(without(v["dia_object"], 0), without(v["dia_record"], 0))
    name = pc.coalesce(
        pc.binary_join_element_wise("ss", pc.cast(moving, pa.string()), ""), pc.cast(fixed, pa.string())
    )
    return {
        "alert_id": v["id"],
        "object_id": name,
        "mjd": v["mjd"],
        "ra": v["ra"],
        "dec": v["dec"],
        "ra_error": real(number(v["ra_error"]) * _DEG_TO_ARCSEC * np.cos(np.radians(number(v["dec"])))),
        "dec_error": real(number(v["dec_error"]) * _DEG_TO_ARCSEC),
        "band": v["band"],
        "flux": real(flux),
        "flux_error": real(flux_error),
        "mag": real(ab_magnitude(flux)),
        "mag_error": real(magnitude_error(flux, flux_error)),
        "snr": real(np.where(np.isnan(snr), np.abs(flux) / flux_error, snr)),
        "positive": pc.greater_equal(v["flux"], 0),
        "real_bogus": v["real_bogus"],
        "extendedness": v["extendedness"],
        "trail_length": v["trail_length"],
        "solar_system": pc.is_valid(moving),
        "solar_system_name": without(v["designation"], ""),
        "n_detections": v["n_detections"],
        "first_mjd": v["first_mjd"],
        "visit": v["visit"],
        "detector": v["detector"],
    }


def _flux(v: Values) -> dict[str, pa.Array]:
    flux, error = number(v["flux"]), number(v["flux_error"])
    return {
        "measurement_id": v["id"],
        "mjd": v["mjd"],
        "band": v["band"],
        "flux": real(flux),
        "flux_error": real(error),
        "mag": real(ab_magnitude(flux)),
        "mag_error": real(magnitude_error(flux, error)),
        "limiting_mag": real(ab_magnitude(5 * error)),
        "positive": pc.greater_equal(v["flux"], 0),
        "ra": v["ra"],
        "dec": v["dec"],
        "visit": v["visit"],
        **({"real_bogus": v["real_bogus"]} if "real_bogus" in v else {}),
    }


def _limit(v: Values) -> dict[str, pa.Array]:
    return {
        "measurement_id": v["id"],
        "mjd": v["mjd"],
        "band": v["band"],
        "limiting_mag": real(ab_magnitude(5 * number(v["noise"]))),
        "visit": v["visit"],
    }


SURVEY = Survey(
    name="lsst",
    title="Rubin Observatory LSST",
    longitude=-70.7494,
    record=re.compile(r"lsst\.(v\d+_\d+\.)?alert"),
    candidate="diaSource",
    fields={
        **{name: tuple(f"diaSource.{field}" for field in fields) for name, fields in _SOURCE.items()},
        "dia_object": ("diaSource.diaObjectId",),
        "ss_object": ("diaSource.ssObjectId",),
        "dia_record": ("diaObject.diaObjectId",),
        "ss_record": ("ssSource.ssObjectId", "ssObject.ssObjectId"),
        "ra_error": ("diaSource.raErr", "diaSource.ra_decl_Cov.raSigma"),
        "dec_error": ("diaSource.decErr", "diaSource.ra_decl_Cov.declSigma"),
        "snr": ("diaSource.snr",),
        "extendedness": ("diaSource.extendedness",),
        "trail_length": ("diaSource.trailLength",),
        "designation": ("ssSource.designation", "mpc_orbits.designation", "MPCORB.mpcDesignation"),
        "n_detections": ("diaObject.nDiaSources",),
        "first_mjd": ("diaObject.firstDiaSourceMjdTai",),
    },
    required=("id", "mjd", "ra", "dec"),
    alert=_alert,
    trigger=History("diaSource", "detection", _SOURCE, _flux),
    histories=(
        History("prvDiaSources", "detection", _SOURCE, _flux),
        History("prvDiaForcedSources", "forced", _FORCED, _flux),
        History("prvDiaNondetectionLimits", "limit", _LIMIT, _limit),
    ),
    native=tuple(
        (re.compile(pattern), unit, ucd)
        for pattern, unit, ucd in (
            (r"Id$", "", "meta.id"),
            (r"(Flux|Noise)Err", "nJy", "stat.error;phot.flux.density"),
            (r"Flux(Mean|Min|Max|Diff|Sigma)?$", "nJy", "phot.flux.density"),
            (r"FluxMaxSlope$", "nJy/d", "phot.flux.density;arith.rate"),
            (r"MjdTai$", "d", "time.epoch"),
            (r"^(ra|dec)Err$", "deg", "stat.error;pos.eq"),
            (r"^ra$|Ra$", "deg", "pos.eq.ra"),
            (r"^dec$|Dec$", "deg", "pos.eq.dec"),
            (r"^[xy](Err)?$", "pixel", "pos.cartesian;instr.det"),
            (r"(trail|dipole)Length", "arcsec", "phys.angSize"),
            (r"(trail|dipole)Angle", "deg", "pos.posAng"),
            (r"^i[xy]{2}(PSF)?$", "arcsec**2", "phys.angSize"),
            (r"phaseAngle", "deg", "pos.phaseAng"),
            (r"^(ecl|gal)", "deg", "pos"),
            (r"^(helio|topo)(Range|_[xyz])$", "au", "pos.distance"),
            (r"^(topo|helio)(RangeRate|_v\w+)$", "km/s", "phys.veloc"),
            (r"_flag|[fF]lags", "", "meta.code.qual"),
            (r"Ndata$|^n[A-Z]|_n[A-Z]", "", "meta.number"),
            (r"snr", "", "stat.snr"),
            (r"reliability|extendedness", "", "stat.probability"),
            (r"^band$", "", "instr.bandpass"),
        )
    ),
    systems=(
        (re.compile(r"MjdTai$|[mM]idPointTai$"), "TAI_MJD"),
        (re.compile(r"(^|_)(ra|dec|decl)$"), "ICRS"),
    ),
)
