"""What the light curve did: each alert's own history, summed up in a row.

The table ``history`` has a row for every alert. It is made of the measurements in the alert's packet and of
nothing else, so it never knows more than was known when the alert came.
"""

from __future__ import annotations

import erfa
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vobroker.alerts.batch import AlertBatch
from vobroker.alerts.surveys.survey import real
from vobroker.enrich.history_kernel import BANDS, COUNTED, TOLD, sum_up
from vobroker.enrich.layer import HISTORY, J2000, KEYS, Found, keys, positions
from vobroker.timeseries.columns import KINDS
from vobroker.votypes.arrow import schema
from vobroker.votypes.columns import Column, Table

_RATE = "arith.rate;phot.mag"
_RATE_ERROR = "stat.error;phot.mag"
_FLUX = "phot.flux.density"


def _rate(days: int) -> tuple[Column, Column]:
    """Columns of a fit over some days."""
    return (
        Column(
            f"rate_{days}d",
            "REAL",
            "mag/d",
            _RATE,
            f"Brightening in the alert's band over the last {days} days, linear fit; negative when it fades",
        ),
        Column(f"rate_{days}d_error", "REAL", "mag/d", _RATE_ERROR, f"Standard error of rate_{days}d"),
    )


TABLE = Table(
    HISTORY,
    (
        *KEYS,
        *(
            Column(f"n_{band}", "INTEGER", "", "meta.number;obs", f"Number of detections in {band}")
            for band in BANDS
        ),
        Column(
            "n_forced",
            "INTEGER",
            "",
            "meta.number;obs",
            "Number of forced measurements whose flux is more than 3 standard errors from zero",
        ),
        Column("age", "DOUBLE", "d", "time.duration", "Days from the first detection to the alert"),
        Column(
            "gap",
            "DOUBLE",
            "d",
            "time.interval",
            "Days from the last limit, or forced measurement within 3 standard errors of zero, to the first"
            " detection",
        ),
        Column("limit_mag", "REAL", "mag", "phot.mag;stat.max", "5-sigma limiting magnitude at that time"),
        Column("brightest_mag", "REAL", "mag", "phot.mag;stat.min", "Magnitude of the brightest detection"),
        Column(
            "brightest_mjd",
            "DOUBLE",
            "d",
            "time.epoch;phot.mag;stat.min",
            "When it was brightest, MJD in TAI, topocentric",
            system="TAI_MJD",
        ),
        Column("brightest_band", "VARCHAR", "", "instr.bandpass", "Band of the brightest detection"),
        Column(
            "amplitude",
            "REAL",
            "mag",
            "src.var.amplitude;phot.mag",
            "From the faintest to the brightest detection in the alert's band",
        ),
        *_rate(3),
        *_rate(10),
        Column("g_r", "REAL", "mag", "phot.color", "g - r of the last detections at most a day apart"),
        Column("r_i", "REAL", "mag", "phot.color", "r - i of the last detections at most a day apart"),
        Column(
            "flux_mean",
            "REAL",
            "nJy",
            f"{_FLUX};stat.mean",
            "Weighted mean flux of the detections in the alert's band",
        ),
        Column("flux_sigma", "REAL", "nJy", f"stat.stdev;{_FLUX}", "Weighted standard deviation of these"),
        Column(
            "flux_chi2",
            "REAL",
            "",
            f"stat.fit.chi2;{_FLUX}",
            "Chi square of a constant flux, by degrees of freedom, of these",
        ),
        Column(
            "season_age",
            "DOUBLE",
            "d",
            "time.duration",
            "Days since the Sun passed the ecliptic longitude of the alert, where a season of observation"
            " begins; null for an object of the solar system",
        ),
        Column(
            "n_seasons",
            "INTEGER",
            "",
            "meta.number;obs",
            "Number of seasons with detections, from one passing of the Sun to the next; null likewise",
        ),
    ),
    "What the light curve in each alert's packet did",
)

_BANDS = pa.array(BANDS)
_KINDS = pa.array(KINDS)


class History:
    """The light curves of alerts, summed up."""

    table = TABLE

    def of(self, batch: AlertBatch) -> Found:
        """Sum up the light curves; see :class:`vobroker.enrich.layer.Layer`."""
        return summed_up(batch.alert, batch.measurements())


def summed_up(alert: pa.RecordBatch, measured: pa.RecordBatch) -> Found:
    """Sum up the measurements of alerts.

    Parameters
    ----------
    alert
        The alerts, in the columns of ``ALERT``.
    measured
        Their measurements, in the columns of ``MEASUREMENT`` with ``row`` before them, in any order.
    """
    told = np.full((len(alert), len(TOLD)), np.nan)
    counted = np.zeros((len(alert), len(COUNTED)), np.int32)
    sum_up(
        (
            _real(alert["mjd"]),
            _number(alert["band"], _BANDS),
            _brighter(alert["positive"]),
            _longitude(alert),
        ),
        (
            np.asarray(measured["row"]),
            _number(measured["kind"], _KINDS),
            np.asarray(measured["measurement_id"]),
            _real(measured["mjd"]),
            _number(measured["band"], _BANDS),
            *(_real(measured[name]) for name in ("flux", "flux_error", "mag", "mag_error", "limiting_mag")),
            _brighter(measured["positive"]),
        ),
        told,
        counted,
    )
    rows = np.arange(len(alert))
    values = keys(alert, rows)
    values |= {name: pa.array(counted[:, n], mask=counted[:, n] < 0) for n, name in enumerate(COUNTED)}
    values["brightest_band"] = _BANDS.take(values["brightest_band"])
    target = pa.schema([(f.name, f.type) for f in schema(TABLE)])
    for n, name in enumerate(TOLD):
        column = told[:, n]
        narrow = target.field(name).type == pa.float32()
        values[name] = real(column) if narrow else pa.array(column, mask=~np.isfinite(column))
    return Found(TABLE, rows, pa.table([values[f.name] for f in target], schema=target))


def _longitude(alert: pa.RecordBatch) -> NDArray[np.float64]:
    """Give the ecliptic longitudes of alerts, degrees, mean J2000; NaN where an object moves."""
    ra, dec = positions(alert)
    fixed = np.isfinite(ra) & np.isfinite(dec) & ~np.asarray(alert["solar_system"].fill_null(False))
    found = np.full(len(alert), np.nan)
    found[fixed] = np.degrees(erfa.eqec06(J2000, 0.0, np.radians(ra[fixed]), np.radians(dec[fixed]))[0])
    return found


def _real(column: pa.Array) -> NDArray[np.floating]:
    """Give numbers in their own width, NaN for null."""
    return np.asarray(column.fill_null(float("nan")))


def _number(column: pa.Array, names: pa.Array) -> NDArray[np.int32]:
    """Give the place of each name in a list; -1 for none and for others."""
    return np.asarray(pc.index_in(column, names).fill_null(-1), np.int32)


def _brighter(column: pa.Array) -> NDArray[np.bool_]:
    """Tell whether each is brighter than the template: where nobody says, it is."""
    return np.asarray(column.fill_null(True))
