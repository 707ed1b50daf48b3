"""What two documents say, point by point, and whether their numbers agree."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from lxml import html as lxml_html

from vobroker.timeseries import documents, report
from vobroker.timeseries.compare import Comparison, Numbers, Point, compare
from vobroker.timeseries.errors import TimeSeriesError
from vobroker.timeseries.series import MJD, Band, Document, Quantity, Series, TimeFrame, described

TAI = TimeFrame("TAI", MJD, "TOPOCENTER")


def series(
    moments: list[float],
    fluxes: list[float | None],
    frame: TimeFrame = TAI,
    unit: str = "nJy",
    **more: object,
) -> Series:
    schema = pa.schema([described("t", pa.float64(), unit="d"), described("f", pa.float64(), unit=unit)])
    points = pa.table([pa.array(moments, pa.float64()), pa.array(fluxes, pa.float64())], schema=schema)
    return Series("x", points, {"time": "t", "flux": "f"}, times={"t": frame}, **more)


def of(*found: Series) -> Comparison:
    return compare({f"{number}.vot": Document((one,), "votable") for number, one in enumerate(found)})


def point(comparison: Comparison, key: str) -> Point:
    return next(one for one in comparison.points if one.key == key)


def agreement(comparison: Comparison, title: str) -> str:
    return next(str(one) for one in comparison.numbers[0].agreements if one.title == title)


def test_the_same_is_the_same() -> None:
    one = series([59000.0, 59001.0], [1.0, 2.0], bands=(Band("r", magnitude_system="AB"),))
    found = of(one, one)
    assert {p.verdict for p in found.points if any(p.said)} == {"same"}
    assert agreement(found, "Times") == "2 numbers, all the same"
    assert agreement(found, "Fluxes") == "2 numbers, all the same"


def test_times_are_compared_in_one_scale_from_one_origin() -> None:
    utc = TimeFrame("UTC", 0.0, "TOPOCENTER")
    found = of(series([59000.0], [1.0]), series([2459000.5 - 37 / 86400], [1.0], utc))
    assert (point(found, "time.scale").verdict, point(found, "time.origin").verdict) == ("differ", "differ")
    one = found.numbers[0]
    assert (one.rows, one.matched) == ((1, 1, 1), "time and band")
    assert one.agreements[0].difference == pytest.approx(0, abs=1e-4)  # s; a Julian date has 40 µs


def test_a_wrong_origin_is_seen_though_the_numbers_are_the_same() -> None:
    found = of(series([59000.0], [1.0]), series([59000.0], [1.0], TimeFrame("TAI", 0.0, "TOPOCENTER")))
    assert agreement(found, "Times").startswith(
        "1 numbers, different by up to 2.4e+06 d; the numbers in the documents"
    )


def test_times_at_different_places_are_not_compared() -> None:
    found = of(series([59000.0], [1.0]), series([59000.003], [1.0], TimeFrame("TAI", MJD, "BARYCENTER")))
    assert agreement(found, "Times") == (
        "not comparable; measured at TOPOCENTER and at BARYCENTER; "
        "the numbers in the documents are 0.003 apart"
    )


def test_fluxes_are_compared_in_one_unit_and_nulls_are_counted() -> None:
    found = of(
        series([1.0, 2.0, 3.0], [1.0, 2.0, None]), series([1.0, 2.0, 3.0], [1e-9, 2.5e-9, 1.0], unit="Jy")
    )
    text = agreement(found, "Fluxes")
    assert text == (
        "2 numbers, different by up to 0.5 nJy (0.25 of the value); converted from Jy; "
        "1 are there in one document only"
    )


@pytest.mark.parametrize(
    ("unit", "text"),
    [
        (
            "mag",
            "not comparable; nJy and mag are no units of one quantity; "
            "the numbers in the documents are the same",
        ),
        ("", "1 numbers, all the same; one document gives no unit"),
        ("frob", "not comparable; 'frob' is no unit; the numbers in the documents are the same"),
    ],
)
def test_units_that_do_not_fit_are_named(unit: str, text: str) -> None:
    assert agreement(of(series([1.0], [5.0]), series([1.0], [5.0], unit=unit)), "Fluxes") == text


def test_zero_points_in_other_units_are_the_same() -> None:
    one = series([1.0], [1.0], bands=(Band("r", zero_point=Quantity(3631.0, "Jy")),))
    other = series([1.0], [1.0], bands=(Band("r", zero_point=Quantity(3.631e12, "nJy")),))
    assert point(of(one, other), "band.r.zero_point").verdict == "same"


def test_what_one_document_lacks_is_named() -> None:
    found = of(series([1.0], [1.0]), series([1.0], [1.0], TimeFrame(), survey="ztf"))
    assert (point(found, "time.scale").verdict, point(found, "object.survey").verdict) == ("only", "only")
    assert point(found, "object.position").verdict == "lacking"
    assert agreement(found, "Times").startswith(
        "not comparable; measured at TOPOCENTER and at an unknown place; the"
    )


def test_rows_are_matched_by_identifier_where_there_is_one() -> None:
    def numbered(first: int, moments: list[float]) -> Series:
        one = series(moments, [1.0] * len(moments))
        ids = pa.array(range(first, first + len(moments)), pa.int64())
        return replace(
            one,
            points=one.points.append_column("candid", ids),
            roles={**one.roles, "measurement_id": "candid"},
        )

    found: Numbers = of(numbered(1, [1.0, 2.0, 3.0]), numbered(2, [20.0, 30.0, 40.0])).numbers[0]
    assert (found.rows, found.matched) == ((3, 3, 2), "identifier and band")


def test_two_documents_at_least_are_needed() -> None:
    with pytest.raises(TimeSeriesError, match="two documents at least"):
        of(series([1.0], [1.0]))
    with pytest.raises(TimeSeriesError, match="b: there is no series in it"):
        compare({"a": Document((series([1.0], [1.0]),)), "b": Document(())})


@pytest.fixture(scope="module")
def gaia(shared: Path) -> Comparison:
    folder = shared / "timeseries"
    names = (
        "raw_data/gaia_multiband.xml",
        "mcd-implementation/gaia_multiband_annotated.vot",
        "mivot-gaia-multiband.xml",
    )
    return compare({name: documents.read((folder / name).read_bytes()) for name in names})


def test_the_samples_are_151_years_apart(gaia: Comparison) -> None:
    origin = point(gaia, "time.origin")
    assert [said.value for said in origin.said if said] == ["2455197.5", "2400000.5", "2400000.5"]
    assert origin.said[1].places[0].path.endswith('ATTRIBUTE[@dmrole="coords:MJD.date"]/COLUMN/@ref')
    times = gaia.numbers[0].agreements[0]
    assert (times.difference, times.unit) == (55197.0, "d")
    assert all(one.same for one in gaia.numbers[0].agreements[1:])
    assert gaia.numbers[1].rows == (251, 10, 10)


def test_a_comparison_is_written_for_people_and_programs(gaia: Comparison) -> None:
    text = report.markdown(gaia)
    assert (
        "| Time origin (JD) | 2455197.5<br>`Gaia DR2 and DR3 documentation, epoch photometry` | 2400000.5<br>"
        in text
    )
    assert "251 of 251 and 251" in text
    page = lxml_html.fromstring(report.html(gaia))
    assert next(page.iter("h1")).text == "Time series compared"
    assert len(page.findall(".//tr[@class='differ']")) >= 1
    value = json.loads(report.as_json(gaia))
    scale = next(one for one in value["points"] if one["key"] == "time.scale")
    assert scale["said"][2]["places"][0]["path"].startswith("/VOTABLE/RESOURCE/RESOURCE/VODML/GLOBALS/")


def test_names_and_values_start_no_markup() -> None:
    hostile = replace(series([1.0], [1.0]), title="<script>alert(1)</script> | `x` *y*", survey="a|b")
    found = of(hostile, hostile)
    assert "<script>" not in report.html(found)
    assert r"\<script\>alert(1)\</script\> \| \`x\` \*y\*" in report.markdown(found)
