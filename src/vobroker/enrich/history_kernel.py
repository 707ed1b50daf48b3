"""The compiled loop over light curves: each alert's measurements, summed up as one row of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

DETECTION, FORCED, LIMIT = 0, 1, 2
"""Kinds of measurements, in the order of :data:`vobroker.timeseries.columns.KINDS`."""

BANDS = ("u", "g", "r", "i", "z", "y")
"""Bands by their numbers."""

_G, _R, _I = BANDS.index("g"), BANDS.index("r"), BANDS.index("i")

TOLD = (
    "age", "gap", "limit_mag",
    "brightest_mag", "brightest_mjd", "amplitude",
    "rate_3d", "rate_3d_error", "rate_10d", "rate_10d_error",
    "g_r", "r_i",
    "flux_mean", "flux_sigma", "flux_chi2",
    "season_age",
)  # fmt: skip
"""Real numbers of an alert, in the order of the columns that the loop fills."""

(
    _AGE, _GAP, _LIMIT_MAG,
    _BRIGHTEST, _BRIGHTEST_MJD, _AMPLITUDE,
    _RATE_3, _ERROR_3, _RATE_10, _ERROR_10,
    _G_R, _R_I,
    _MEAN, _SIGMA, _CHI2,
    _SEASON_AGE,
) = range(len(TOLD))  # fmt: skip

COUNTED = (*(f"n_{band}" for band in BANDS), "n_forced", "n_seasons", "brightest_band")
"""Whole numbers of an alert, likewise; the last one is a band. -1 is none."""

_N_FORCED, _N_SEASONS, _BRIGHTEST_BAND = range(len(BANDS), len(COUNTED))

SIGNIFICANT = 3.0
"""Flux, in standard errors, from which a forced measurement shows the source."""

TOGETHER = 1.0
"""Most days between two detections that make a colour."""

SHORTEST = 1e-3
"""Days that a fit must span: two points of one exposure have no slope."""


_J2000 = 51544.5
_A_DAY = 0.9856474 - 0.0000382  # degrees, of the mean Sun, less precession


@njit
def _sun(mjd: Any) -> Any:
    """Give the ecliptic longitude of the Sun, mean J2000, in degrees that go on growing from year to year.

    Low-precision formulas of the Astronomical Almanac, section C: 0.01 degrees from 1950 to 2050.
    """
    days = mjd - _J2000
    anomaly = np.radians(357.528 + 0.9856003 * days)
    return 280.460 + _A_DAY * days + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2 * anomaly)


@njit
def _season(mjd: Any, longitude: Any) -> Any:
    """Give the number of the season of a place: how often the Sun has passed its longitude."""
    return np.floor((_sun(mjd) - longitude) / 360.0)


@njit
def _since_sun(mjd: Any, longitude: Any) -> Any:
    """Give the days since the Sun passed a longitude."""
    passed = longitude + 360.0 * _season(mjd, longitude)
    start = mjd - (_sun(mjd) - passed) / _A_DAY
    for _ in range(4):  # the Sun's pace changes by 3 %
        start -= (_sun(start) - passed) / _A_DAY
    return max(mjd - start, 0.0)


@njit
def _fit(places: Any, mjd: Any, mag: Any, error: Any, since: Any) -> Any:
    """Give the brightening, mag/d, and its error, of the points from a time on; NaN where there is none.

    Least squares, weighted by the errors; a point without one is left out.
    """
    weight = mean_time = mean_mag = 0.0
    first, last = np.inf, -np.inf
    for at in places:
        if mjd[at] >= since and error[at] > 0 and np.isfinite(error[at]):
            w = 1.0 / np.float64(error[at]) ** 2
            weight += w
            mean_time += w * (mjd[at] - since)
            mean_mag += w * np.float64(mag[at])
            first, last = min(first, mjd[at]), max(last, mjd[at])
    if not last - first >= SHORTEST:
        return np.nan, np.nan
    mean_time /= weight
    mean_mag /= weight
    square = product = 0.0
    for at in places:
        if mjd[at] >= since and error[at] > 0 and np.isfinite(error[at]):
            w = 1.0 / np.float64(error[at]) ** 2
            away = mjd[at] - since - mean_time
            square += w * away * away
            product += w * away * (mean_mag - np.float64(mag[at]))
    if not square > 0:
        return np.nan, np.nan
    return product / square, 1.0 / np.sqrt(square)


@njit
def _fluxes(places: Any, band: Any, wanted: Any, flux: Any, error: Any) -> Any:
    """Give weighted mean, weighted standard deviation and reduced chi square of the fluxes in a band."""
    number, weight, mean = 0, 0.0, 0.0
    for at in places:
        if band[at] == wanted and np.isfinite(flux[at]) and error[at] > 0 and np.isfinite(error[at]):
            w = 1.0 / np.float64(error[at]) ** 2
            number += 1
            weight += w
            mean += w * np.float64(flux[at])
    if not number:
        return np.nan, np.nan, np.nan
    mean /= weight
    if number == 1:
        return mean, np.nan, np.nan
    chi2 = 0.0
    for at in places:
        if band[at] == wanted and np.isfinite(flux[at]) and error[at] > 0 and np.isfinite(error[at]):
            chi2 += (np.float64(flux[at]) - mean) ** 2 / np.float64(error[at]) ** 2
    chi2 /= number - 1
    return mean, np.sqrt(chi2 * number / weight), chi2


@njit
def _once(places: Any, mjd: Any, identifier: Any) -> Any:
    """Put detections in order of time, each once."""
    places = places[np.argsort(identifier[places], kind="mergesort")]
    places = places[np.argsort(mjd[places], kind="mergesort")]
    number = 0
    for at in places:
        before = places[number - 1]
        if number and mjd[at] == mjd[before] and identifier[at] == identifier[before]:
            continue
        places[number] = at
        number += 1
    return places[:number]


@njit(cache=True, nogil=True)
def sum_up(alerts: Any, measured: Any, told: Any, counted: Any) -> None:
    """Fill ``told`` and ``counted``, a row an alert, with what its measurements say.

    Parameters
    ----------
    alerts
        Columns of the alerts: time, band (-1 for none), whether each is brighter than the template, and
        ecliptic longitude in degrees (NaN for none).
    measured
        Columns of the measurements, in any order: row of the alert, kind, identifier, time, band, flux and
        its error, magnitude and its error, limiting magnitude, whether it is brighter than the template. NaN
        where there is none.
    told
        Shape (alerts, :data:`TOLD`), NaN.
    counted
        Shape (alerts, :data:`COUNTED`), zero.
    """
    alert_mjd, alert_band, alert_positive, longitude = alerts
    row, kind, identifier, mjd, band, flux, flux_error, mag, mag_error, limiting_mag, positive = measured
    starts = np.zeros(len(alert_mjd) + 1, np.int64)
    for place in range(len(row)):
        starts[row[place] + 1] += 1
    for number in range(len(alert_mjd)):
        starts[number + 1] += starts[number]
    filled = starts[:-1].copy()
    places = np.empty(len(row), np.int64)
    for place in range(len(row)):
        places[filled[row[place]]] = place
        filled[row[place]] += 1
    last = np.empty(len(BANDS), np.int64)
    for number in range(len(alert_mjd)):
        out, counts = told[number], counted[number]
        own = places[starts[number] : starts[number + 1]]
        detections = np.empty(len(own), np.int64)
        found = 0
        for at in own:
            if kind[at] == DETECTION and np.isfinite(mjd[at]):
                detections[found] = at
                found += 1
        detections = _once(detections[:found], mjd, identifier)
        first = mjd[detections[0]] if len(detections) else np.nan
        out[_AGE] = alert_mjd[number] - first

        counts[_N_SEASONS] = -1
        if np.isfinite(longitude[number]):
            out[_SEASON_AGE] = _since_sun(alert_mjd[number], longitude[number])
            counts[_N_SEASONS] = 0
            season = np.nan
            for at in detections:
                now = _season(mjd[at], longitude[number])
                counts[_N_SEASONS] += now != season
                season = now

        unseen = -np.inf
        for at in own:
            if kind[at] == DETECTION:
                continue
            shows = abs(np.float64(flux[at])) > SIGNIFICANT * np.float64(flux_error[at])
            known = flux_error[at] > 0 and np.isfinite(flux_error[at]) and np.isfinite(flux[at])
            if kind[at] == FORCED and known and shows:
                counts[_N_FORCED] += 1
            elif (kind[at] == LIMIT or (kind[at] == FORCED and known)) and unseen < mjd[at] < first:
                unseen = mjd[at]
                out[_LIMIT_MAG] = limiting_mag[at]
        out[_GAP] = first - unseen

        # From here on the detections on the alert's side of the template: magnitudes have no sign.
        same = np.empty(len(detections), np.int64)
        found = 0
        last[:] = -1
        counts[_BRIGHTEST_BAND] = -1
        for at in detections:
            if band[at] >= 0:
                counts[band[at]] += 1
            if positive[at] != alert_positive[number] or not np.isfinite(mag[at]):
                continue
            if not out[_BRIGHTEST] <= mag[at]:
                out[_BRIGHTEST], out[_BRIGHTEST_MJD] = mag[at], mjd[at]
                counts[_BRIGHTEST_BAND] = band[at]
            if band[at] < 0:
                continue
            last[band[at]] = at
            g, r, i = last[_G], last[_R], last[_I]
            if at in (g, r) and g >= 0 and r >= 0 and abs(mjd[g] - mjd[r]) <= TOGETHER:
                out[_G_R] = np.float64(mag[g]) - np.float64(mag[r])
            if at in (r, i) and r >= 0 and i >= 0 and abs(mjd[r] - mjd[i]) <= TOGETHER:
                out[_R_I] = np.float64(mag[r]) - np.float64(mag[i])
            if band[at] == alert_band[number]:
                same[found] = at
                found += 1
        same = same[:found]
        if alert_band[number] < 0:
            continue
        if found > 1:
            bright, faint = np.inf, -np.inf
            for at in same:
                bright, faint = min(bright, np.float64(mag[at])), max(faint, np.float64(mag[at]))
            out[_AMPLITUDE] = faint - bright
        out[_RATE_3], out[_ERROR_3] = _fit(same, mjd, mag, mag_error, alert_mjd[number] - 3.0)
        out[_RATE_10], out[_ERROR_10] = _fit(same, mjd, mag, mag_error, alert_mjd[number] - 10.0)
        out[_MEAN], out[_SIGMA], out[_CHI2] = _fluxes(detections, band, alert_band[number], flux, flux_error)
