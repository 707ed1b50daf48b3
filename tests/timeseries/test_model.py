"""The light curve as data."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vobroker.timeseries import LightCurve, merge
from vobroker.timeseries.model import POINTS


def curve(*points: dict[str, Any], object_id: str = "a", ra: float = 1.0) -> LightCurve:
    rows = [dict.fromkeys(POINTS.names) | {"kind": "detection", "band": "r"} | point for point in points]
    return LightCurve("ztf", object_id, ra, 2.0, pa.Table.from_pylist(rows, schema=POINTS))


def ids(light_curve: LightCurve) -> list[int | None]:
    return light_curve.points["measurement_id"].to_pylist()


def test_points_stand_by_time() -> None:
    assert ids(curve({"mjd": 3.0, "measurement_id": 3}, {"mjd": 1.0, "measurement_id": 1})) == [1, 3]


def test_points_take_the_types_of_the_column_table() -> None:
    wide = POINTS.empty_table().set_column(6, "flux", pa.array([], pa.float64())).select(POINTS.names[::-1])
    assert LightCurve("ztf", "a", 1, 2, wide).points.schema.equals(POINTS, check_metadata=True)


def test_a_missing_column_is_named() -> None:
    with pytest.raises(ValueError, match="the light curve has no column mjd"):
        LightCurve("ztf", "a", 1, 2, POINTS.empty_table().drop_columns(["mjd"]))


def test_a_column_of_the_wrong_kind_is_named() -> None:
    words = POINTS.empty_table().set_column(4, "mjd", pa.array([], pa.string()))
    rows = pa.concat_tables([words, curve({"mjd": 1.0}).points.set_column(4, "mjd", pa.array(["soon"]))])
    with pytest.raises(ValueError, match=r"column mjd of the light curve is not double: .*soon"):
        LightCurve("ztf", "a", 1, 2, rows)


def test_bands_stand_by_wavelength() -> None:
    points = ({"mjd": float(day), "band": band} for day, band in enumerate(["z", "g", "c", None, "u", "g"]))
    assert curve(*points).bands == ("u", "g", "z", "c")


def test_kinds() -> None:
    kinds = curve({"kind": "limit", "mjd": 1.0}, {"kind": "forced", "mjd": 2.0}, {"mjd": 3.0}, {"mjd": 4.0})
    assert (len(kinds.limits), len(kinds.forced), len(kinds.detections), len(kinds)) == (1, 1, 2, 4)
    with pytest.raises(
        ValueError, match="'guess' is no kind of measurement; the kinds are detection, forced, limit"
    ):
        kinds.of_kind("guess")


def test_merging_keeps_each_measurement_once_as_the_first_has_it() -> None:
    first = curve({"mjd": 1.0, "measurement_id": 1, "mag": 15.5}, {"mjd": 2.0, "measurement_id": 2})
    again = curve({"mjd": 1.0, "measurement_id": 1, "mag": 15.0}, {"mjd": 3.0, "measurement_id": 3}, ra=1.1)
    both = merge([first, again])
    assert ids(both) == [1, 2, 3]
    assert both.points["mag"][0].as_py() == 15.5
    assert both.ra == 1.1


def test_forced_photometry_on_a_detection_is_another_measurement() -> None:
    at_once = {"mjd": 1.0, "measurement_id": 7}
    assert len(merge([curve(at_once), curve(at_once | {"kind": "forced"})])) == 2


def test_limits_without_identifier_are_the_same_when_time_and_band_are() -> None:
    limit = {"kind": "limit", "mjd": 1.0}
    others = curve(limit | {"band": "g"}, limit | {"mjd": 1.5}, limit)
    assert len(merge([curve(limit), others])) == 3


def test_objects_do_not_mix() -> None:
    with pytest.raises(ValueError, match="one object is needed to merge light curves, not 2: ztf a, ztf b"):
        merge([curve(), curve(object_id="b")])
    with pytest.raises(ValueError, match="not 0"):
        merge([])


moments = st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["detection", "forced"])), max_size=30)


@given(st.lists(moments, min_size=1, max_size=5))
def test_merging_overlapping_histories_gives_their_union(histories: list[list[tuple[int, str]]]) -> None:
    curves = [
        curve(*({"mjd": float(n), "measurement_id": n, "kind": kind} for n, kind in one)) for one in histories
    ]
    merged = merge(curves)
    found = list(zip(ids(merged), merged.points["kind"].to_pylist(), strict=True))
    assert sorted(found) == sorted({point for one in histories for point in one})
    assert merge([merged, *curves]).points.equals(merged.points)


def test_the_nova_has_34_detections_and_16_limits(ztf21abiuvdk: LightCurve) -> None:
    assert len(ztf21abiuvdk.detections) == 34
    assert len(ztf21abiuvdk.limits) == 16
    assert ztf21abiuvdk.bands == ("g", "r")
    assert math.isclose(min(ztf21abiuvdk.detections["mag"].to_pylist()), 12.4256, abs_tol=1e-4)


def test_a_series_in_other_units_or_times_is_none_of_ours(ztf21abiuvdk: LightCurve) -> None:
    series = ztf21abiuvdk.series
    assert LightCurve.of(series).points.equals(ztf21abiuvdk.points)
    place = series.points.column_names.index("flux")
    field = series.points.schema.field("flux").with_metadata({"unit": "Jy"})
    jansky = series.points.set_column(place, field, series.points["flux"])
    with pytest.raises(ValueError, match="the column flux is in Jy, not in nJy"):
        LightCurve.of(replace(series, points=jansky))
    with pytest.raises(ValueError, match="the times are unknown scale"):
        LightCurve.of(replace(series, times={}))
