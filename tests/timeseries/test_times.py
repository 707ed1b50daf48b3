"""Times between frames, held against astropy."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from astropy.time import Time

from vobroker.timeseries import times
from vobroker.timeseries.errors import TimeSeriesError
from vobroker.timeseries.series import MJD, Series, TimeFrame, described


def at(frame: TimeFrame, *values: float, unit: str = "d") -> Series:
    schema = pa.schema([described("t", pa.float64(), unit=unit)])
    return Series(
        "x", pa.table([pa.array(values, pa.float64())], schema=schema), {"time": "t"}, times={"t": frame}
    )


@pytest.mark.parametrize("scale", ["TAI", "UTC", "TT", "TCG", "TCB", "TDB"])
def test_scales_are_those_of_astropy(scale: str) -> None:
    series = at(TimeFrame("TAI", MJD, "TOPOCENTER"), 57753.9999, 59000.25)
    found = times.convert(series, TimeFrame(scale, MJD, "TOPOCENTER")).column("time").to_numpy()
    wanted = getattr(Time(series.column("time").to_numpy(), format="mjd", scale="tai"), scale.lower()).mjd
    np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-11)


def test_gps_runs_19_seconds_after_tai() -> None:
    found = times.convert(
        at(TimeFrame("GPS", MJD, "TOPOCENTER"), 59000.0), TimeFrame("TAI", MJD, "TOPOCENTER")
    )
    assert found.column("time")[0].as_py() == pytest.approx(59000 + 19 / 86400, rel=0, abs=1e-11)
    back = times.convert(found, TimeFrame("GPS", MJD, "TOPOCENTER"))
    assert back.column("time")[0].as_py() == pytest.approx(59000, rel=0, abs=1e-11)


def test_the_rotation_of_the_earth_is_not_guessed() -> None:
    day = np.array([2457754.0]), np.array([0.5])
    (whole,), (rest,) = times.in_scale(day, "UTC", "UT")
    assert (whole - 2457754.5 + rest) * 86400 == pytest.approx(0.5912, abs=1e-3)  # IERS Bulletin B
    with pytest.raises(TimeSeriesError, match="cannot be converted from UT to TAI"):
        times.in_scale((np.array([2500000.0]), np.array([0.5])), "UT", "TAI")


def test_origins_shift_exactly() -> None:
    gaia = TimeFrame("TCB", 2455197.5, "BARYCENTER")
    found = times.convert(at(gaia, 1705.9437360200984, float("nan")), TimeFrame("TCB", MJD, "BARYCENTER"))
    assert found.column("time").to_pylist() == [1705.9437360200984 + 55197, None]


def test_units_of_time_are_converted() -> None:
    found = times.convert(
        at(TimeFrame("TDB", MJD, "BARYCENTER"), 86400.0, unit="s"), TimeFrame("TDB", 0.0, "BARYCENTER")
    )
    assert found.column("time").to_pylist() == [MJD + 1]
    assert found.note("time", "unit") == "d"


@pytest.mark.parametrize(
    ("frame", "unit", "reason"),
    [
        (TimeFrame("TAI", MJD, "TOPOCENTER"), "d", "and cannot be given at BARYCENTER"),
        (TimeFrame("", MJD, "BARYCENTER"), "d", "their scale is not known"),
        (TimeFrame("TAI", None, ""), "d", "their origin and reference position is not known"),
        (TimeFrame("TAI", MJD, "BARYCENTER"), "mag", "the unit 'mag' of the column t is no unit of time"),
    ],
)
def test_what_cannot_be_converted_says_why(frame: TimeFrame, unit: str, reason: str) -> None:
    with pytest.raises(TimeSeriesError, match=reason):
        times.convert(at(frame, 59000.0, unit=unit), TimeFrame("TCB", 2455197.5, "BARYCENTER"))
