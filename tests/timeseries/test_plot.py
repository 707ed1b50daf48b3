"""Light curves as an astronomer draws them."""

from __future__ import annotations

import io
import threading
import xml.etree.ElementTree as ET
from typing import Any

import matplotlib as mpl
import matplotlib.image
import numpy as np
import pyarrow as pa
import pytest
from matplotlib._pylab_helpers import Gcf
from matplotlib.axes import Axes
from matplotlib.dates import num2date

from vobroker.timeseries import LightCurve, plot
from vobroker.timeseries.model import BANDS, POINTS
from vobroker.timeseries.style import DARK, LIGHT, MARKERS


def curve(*points: dict[str, Any]) -> LightCurve:
    rows = [dict.fromkeys(POINTS.names) | {"band": "r", "kind": "detection"} | point for point in points]
    return LightCurve("lsst", "42", 10.0, -20.0, pa.Table.from_pylist(rows, schema=POINTS))


def drawn(light_curve: LightCurve, **options: bool) -> Axes:
    return plot.figure(light_curve, **options).axes[0]


def marks(axes: Axes) -> set[tuple[str, bool, float, float]]:
    """Every marker on the axes: its shape, whether it is filled, and its place to three digits."""
    return {
        (str(line.get_marker()), line.get_markerfacecolor() != "none", round(float(x), 3), round(float(y), 3))
        for line in axes.lines
        if line.get_marker() not in (None, "None", "")
        for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
    }


def legend(light_curve: LightCurve, **options: bool) -> list[str]:
    return [
        text.get_text() for one in plot.figure(light_curve, **options).legends for text in one.get_texts()
    ]


def test_magnitudes_grow_downwards_and_fluxes_upwards(ztf21abiuvdk: LightCurve) -> None:
    assert drawn(ztf21abiuvdk).yaxis_inverted()
    assert not drawn(ztf21abiuvdk, flux=True).yaxis_inverted()


def test_every_point_is_on_the_plot(ztf21abiuvdk: LightCurve) -> None:
    found = marks(drawn(ztf21abiuvdk))
    shape = {
        (kind, band): "v" if kind == "limit" else MARKERS[band]
        for kind in ("detection", "limit")
        for band in "gr"
    }
    assert {(mark, mjd, value) for mark, _, mjd, value in found} == {
        (
            shape[p["kind"], p["band"]],
            round(p["mjd"], 3),
            round(p["limiting_mag" if p["mag"] is None else "mag"], 3),
        )
        for p in ztf21abiuvdk.points.to_pylist()
    }


def test_axes_say_what_they_are(ztf21abiuvdk: LightCurve) -> None:
    axes = drawn(ztf21abiuvdk)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("MJD (TAI)", "AB magnitude of the difference")
    assert axes.get_title(loc="left") == "ZTF21abiuvdk"
    assert axes.get_title(loc="right") == "ZTF   0.81429° +16.14568° ICRS"
    assert drawn(ztf21abiuvdk, flux=True).get_ylabel() == "Difference flux density (mJy)"


def test_the_upper_axis_is_the_date_in_utc(ztf21abiuvdk: LightCurve) -> None:
    axes = drawn(ztf21abiuvdk)
    axes.figure.savefig(io.BytesIO())
    (dates,) = axes.child_axes
    assert dates.get_xlabel() == "2021 (UTC)"
    # 2021-07-01 00:00 UTC is MJD 59396 and 37 seconds in TAI.
    forward = dates._functions[0]
    assert num2date(forward(59396 + 37 / 86400)).isoformat()[:19] == "2021-07-01T00:00:00"
    assert "01 Jul" in [label.get_text() for label in dates.get_xticklabels()]


def test_error_bars_are_the_errors(ztf21abiuvdk: LightCurve) -> None:
    axes = drawn(curve({"mjd": 1.0, "mag": 20.0, "mag_error": 0.25}))
    (bars,) = (container for container in axes.containers if len(container[0].get_xdata()))
    (segment,) = bars[2][0].get_segments()
    assert segment[:, 1].tolist() == [19.75, 20.25]


def test_every_band_has_its_own_marker_and_colour_on_both_grounds() -> None:
    for style in (LIGHT, DARK):
        assert len({style.colour(band) for band in BANDS}) == len(BANDS)
    assert len({MARKERS[band] for band in BANDS} | {"v"}) == len(BANDS) + 1


def test_forced_photometry_is_open() -> None:
    both = curve(
        {"mjd": 1.0, "flux": 3631.0, "flux_error": 100.0, "mag": 22.5},
        {"mjd": 2.0, "kind": "forced", "flux": 3631.0, "flux_error": 100.0},
    )
    assert marks(drawn(both)) == {("s", True, 1.0, 22.5), ("s", False, 2.0, 22.5)}
    assert legend(both) == ["r", "forced"]


@pytest.mark.parametrize(
    ("kind", "filled", "named"), [("forced", False, ["r", "forced"]), ("detection", True, ["r"])]
)
def test_less_than_three_sigma_is_a_limit_among_magnitudes_and_a_point_among_fluxes(
    kind: str, filled: bool, named: list[str]
) -> None:
    faint = curve({"mjd": 1.0, "kind": kind, "flux": -20.0, "flux_error": 100.0, "mag": 28.1})
    five_sigma = round(31.4 - 2.5 * np.log10(500), 3)
    assert marks(drawn(faint)) == {("v", False, 1.0, five_sigma)}
    assert marks(drawn(faint, flux=True)) == {("s", filled, 1.0, -20.0)}
    assert legend(faint) == ["r", "5σ upper limit"]
    assert legend(faint, flux=True) == named


def test_a_source_fainter_than_its_template_is_marked() -> None:
    faded = curve({"mjd": 1.0, "flux": -3631.0, "flux_error": 100.0, "mag": 22.5, "positive": False})
    assert marks(drawn(faded)) == {("s", True, 1.0, 22.5), ("_", True, 1.0, 22.5)}
    assert legend(faded) == ["r", "fainter than\nthe template"]
    assert marks(drawn(faded, flux=True)) == {("s", True, 1.0, -3.631)}


def test_flux_limits_stand_at_the_flux_of_their_magnitude() -> None:
    limit = curve({"mjd": 1.0, "kind": "limit", "limiting_mag": 22.5})
    assert marks(drawn(limit, flux=True)) == {("v", False, 1.0, round(10 ** (8.9 / 2.5), 3))}


@pytest.mark.parametrize("format", ["svg", "png"])
def test_the_same_light_curve_gives_the_same_bytes(ztf21abiuvdk: LightCurve, format: plot.Format) -> None:
    assert plot.render(ztf21abiuvdk, format) == plot.render(ztf21abiuvdk, format)


def test_the_svg_speaks(ztf21abiuvdk: LightCurve) -> None:
    root = ET.fromstring(plot.render(ztf21abiuvdk, "svg"))
    space = "{http://www.w3.org/2000/svg}"
    assert root.get("role") == "img"
    assert root.findtext(f"{space}title") == "Light curve of ZTF21abiuvdk"
    assert root.findtext(f"{space}desc") == (
        "ZTF21abiuvdk, ztf: 34 detections, 16 upper limits in g, r from 2021-06-17 to 2021-09-04 UTC."
    )


def test_a_name_cannot_break_out_of_the_svg() -> None:
    evil = LightCurve("x", "</title><script>$x^$", 1.0, 2.0, curve({"mjd": 1.0, "mag": 20.0}).points)
    assert b"<script" not in plot.render(evil, "svg")


def test_the_ground_is_white_or_transparent(ztf21abiuvdk: LightCurve) -> None:
    light, dark = (
        matplotlib.image.imread(io.BytesIO(plot.render(ztf21abiuvdk, "png", dark=dark)))
        for dark in (False, True)
    )
    assert light[0, 0].tolist() == [1, 1, 1, 1]
    assert dark[0, 0, 3] == 0
    assert light.shape == (720, 1200, 4)


def test_nothing_measured_is_said() -> None:
    empty = curve()
    assert [text.get_text() for text in drawn(empty).texts] == ["42: no measurements"]
    assert plot.render(empty, "png")
    assert plot.describe(empty) == "42, lsst: no measurements."


def test_one_moment_is_shown_with_its_day() -> None:
    assert np.ptp(drawn(curve({"mjd": 60000.5, "mag": 20.0})).get_xlim()) == pytest.approx(1)


def test_times_to_come_are_drawn_without_complaint() -> None:
    assert plot.render(curve({"mjd": 70000.0, "mag": 20.0}, {"mjd": 70400.0, "mag": 20.0}), "png")


def test_a_time_that_has_no_date_is_drawn_without_one() -> None:
    """Early Rubin sample packets carry seconds where days belong."""
    light_curve = curve({"mjd": 1480360995.0, "mag": 20.0, "mag_error": 0.1, "flux": 4e4, "flux_error": 4e2})
    assert "MJD 1.48036e+09" in plot.describe(light_curve)
    assert plot.render(light_curve, "svg")


def test_another_format_is_refused(ztf21abiuvdk: LightCurve) -> None:
    with pytest.raises(ValueError, match="drawn as svg or png, not 'gif'"):
        plot.render(ztf21abiuvdk, "gif")


def test_drawing_in_threads_leaves_no_trace(ztf21abiuvdk: LightCurve) -> None:
    before, images = dict(mpl.rcParams), []
    threads = [
        threading.Thread(target=lambda: images.append(plot.render(ztf21abiuvdk, "svg"))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(images)) == 1
    assert len(images) == 3
    assert dict(mpl.rcParams) == before
    assert not Gcf.figs  # where pyplot would keep them
