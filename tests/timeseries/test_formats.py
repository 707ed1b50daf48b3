"""Every form of a light curve holds the same numbers."""

from __future__ import annotations

import io
import json

import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from vobroker.timeseries import LightCurve
from vobroker.timeseries.formats import FORMATS, format_of, write
from vobroker.timeseries.model import POINTS

BEGINNINGS = {
    "votable": b"<?xml",
    "csv": b'"survey"',
    "json": b"{",
    "parquet": b"PAR1",
    "fits": b"SIMPLE  =",
    "ecsv": b"# %ECSV",
    "mivot": b"<?xml",
    "svg": b"<?xml",
    "png": b"\x89PNG\r\n\x1a\n",
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_written(ztf21abiuvdk: LightCurve, name: str) -> None:
    assert write(ztf21abiuvdk, name).startswith(BEGINNINGS[name])


@pytest.mark.parametrize(
    ("suffix", "name"),
    [
        (".vot", "votable"),
        (".XML", "votable"),
        (".png", "png"),
        (".fits", "fits"),
        (".dat", None),
        ("", None),
    ],
)
def test_a_suffix_names_its_format(suffix: str, name: str | None) -> None:
    assert format_of(suffix) == name


def test_csv_reads_back(ztf21abiuvdk: LightCurve) -> None:
    options = csv.ConvertOptions(column_types=POINTS, strings_can_be_null=True)
    assert csv.read_csv(io.BytesIO(write(ztf21abiuvdk, "csv")), convert_options=options).equals(
        ztf21abiuvdk.points
    )


def test_parquet_reads_back_with_its_metadata(ztf21abiuvdk: LightCurve) -> None:
    table = parquet.read_table(io.BytesIO(write(ztf21abiuvdk, "parquet")))
    assert table.equals(ztf21abiuvdk.points.select(table.column_names))
    assert table.schema.field("flux").metadata[b"unit"] == b"nJy"
    header = table.schema.metadata[b"IVOA.VOTable-Parquet.content"]
    assert b'value="ZTF21abiuvdk"' in header
    assert b'timescale="TAI"' in header


def test_json_keeps_64_bit_identifiers_as_strings(ztf21abiuvdk: LightCurve) -> None:
    content = json.loads(write(ztf21abiuvdk, "json"))
    assert content["time"] == {
        "format": "MJD",
        "origin": 2400000.5,
        "scale": "TAI",
        "position": "TOPOCENTER",
    }
    first = next(point for point in content["points"] if point["kind"] == "detection")
    assert first["measurement_id"] == "1642404680815015001"
    assert {column["name"]: column["unit"] for column in content["columns"]}["flux"] == "nJy"
    assert set(first) == {column["name"] for column in content["columns"]}


def test_json_numbers_read_back(ztf21abiuvdk: LightCurve) -> None:
    content = json.loads(write(ztf21abiuvdk, "json"))
    for name in ("mjd", "flux", "mag", "limiting_mag", "positive", "ra"):
        back = pa.array([point[name] for point in content["points"]], POINTS.field(name).type)
        assert back.equals(ztf21abiuvdk.points[name].combine_chunks()), name
    assert content["points"][0]["limiting_mag"] == 20.3547
    assert content["points"][0]["mag"] is None


def test_json_of_an_object_without_position() -> None:
    content = json.loads(
        write(LightCurve("lsst", "ss1", float("nan"), float("nan"), POINTS.empty_table()), "json")
    )
    assert content["ra"] is None
    assert content["points"] == []
