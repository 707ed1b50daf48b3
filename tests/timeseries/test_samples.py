"""The same series as the authors of the proposals wrote it: each document is read, numbers and metadata."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from vobroker.timeseries import documents
from vobroker.timeseries.errors import TimeSeriesError
from vobroker.timeseries.series import MJD, Band, Quantity, Series, SpaceFrame, TimeFrame

GAIA_2_G = Band("G", "GAIA/GAIA2.G", Quantity(6.23e-7, "m"), Quantity(2836.53, "Jy"), "", "Vega")
GAIA_2R_G = Band("G", "GAIA/GAIA2r.G", Quantity(6246.77, "Angstrom"), Quantity(2.49524e-9), "", "Vega")
GAIA_2R = (
    GAIA_2R_G,
    Band("BP", "GAIA/GAIA2r.Gbp", Quantity(5278.58, "Angstrom"), Quantity(4.03528e-9), "", "Vega"),
    Band("RP", "GAIA/GAIA2r.Grp", Quantity(7740.87, "Angstrom"), Quantity(1.29363e-9), "", "Vega"),
)
GAIA_RP = Band("RP", "GAIA/GAIA2rp/RP", Quantity(7692.17, "Angstrom"), Quantity(2461.22, "Jy"), "", "Vega")
ZTF_G = Band("zg", "zg", Quantity(472.4, "nm"), Quantity(3963.97, "Jy"), "", "Vega")
VEGA = tuple(Band(name, magnitude_system="Vega") for name in ("G", "BP", "RP"))
BARYCENTRIC_JD = TimeFrame("TCB", 0.0, "BARYCENTER")
BARYCENTRIC_MJD = TimeFrame("TCB", MJD, "BARYCENTER")
STAR, MULTIBAND, RP_STAR = "1866721434011386240", "5813181197970338560", "6680733225618222592"
ICRS_EPOCH = SpaceFrame("ICRS", "", "J2015.5")
AT_BARYCENTER = SpaceFrame("ICRS", position="BARYCENTER")
BOTH = SpaceFrame("ICRS", "J2015.5", "J2015.5")
# Coords has an equinox and no epoch: authors gave it the epoch.

DOCUMENTS = {
    "raw_data/ts.vot": ("votable", STAR, 38, "obs_time", BARYCENTRIC_JD, ICRS_EPOCH, (GAIA_2_G,)),
    "md-proposal/ts.vot": ("gavo", STAR, 38, "obs_time", BARYCENTRIC_JD, ICRS_EPOCH, (GAIA_2_G,)),
    "mcd-implementation/ts_annotated.vot": (
        "vodml-mapping",
        STAR,
        38,
        "obs_time",
        BARYCENTRIC_JD,
        BOTH,
        (GAIA_2_G,),
    ),
    "modelinstanceinvot-mapping/cube_ts.annot.xml": (
        "modelinstance",
        STAR,
        38,
        "obs_time",
        BARYCENTRIC_JD,
        SpaceFrame("ICRS", "2015.5", "J2015.5"),
        (GAIA_2R_G,),
    ),
    "vodml-mapper/ts-vodml-mapper.xml": (
        "vodml-mapping",
        STAR,
        38,
        "obs_time",
        BARYCENTRIC_JD,
        SpaceFrame("ICRS", "J2015.5"),
        (GAIA_2R_G,),
    ),
    "raw_data/gaia_multiband.xml": (
        "gaia-individual",
        MULTIBAND,
        251,
        "time",
        TimeFrame("TCB", 2455197.5, "BARYCENTER"),
        SpaceFrame(),
        VEGA,
    ),
    "mcd-implementation/gaia_multiband_annotated.vot": (
        "vodml-mapping",
        MULTIBAND,
        251,
        "time",
        BARYCENTRIC_MJD,
        SpaceFrame("ICRS", "J2015.5"),
        GAIA_2R,
    ),
    "mivot-gaia-multiband.xml": (
        "mivot",
        MULTIBAND,
        10,
        "time",
        BARYCENTRIC_MJD,
        SpaceFrame("ICRS", "J2015.5"),
        GAIA_2R,
    ),
    "fb+ml-proposal/TimeSeriesGAVO-Gaia-RP-annot.xml": (
        "modelinstance",
        RP_STAR,
        43,
        "obs_time",
        BARYCENTRIC_JD,
        SpaceFrame(),
        (GAIA_RP,),
    ),
    "fb+ml-proposal/TimeSeriesGAVO-Gaia-RP.new.xml": (
        "modelinstance",
        RP_STAR,
        43,
        "obs_time",
        BARYCENTRIC_JD,
        AT_BARYCENTER,
        (GAIA_RP,),
    ),
    "fb+ml-proposal-mivot/TimeSeriesGAVO-Gaia-RP.mivot.xml": (
        "mivot",
        RP_STAR,
        43,
        "obs_time",
        BARYCENTRIC_JD,
        AT_BARYCENTER,
        (GAIA_RP,),
    ),
    "raw_data/TimeSeriesZTF.xml": (
        "votable",
        "686103400034440",
        297,
        "hjd",
        TimeFrame(),
        SpaceFrame(),
        (Band("zg"),),
    ),
    "fb+ml-proposal/TimeSeriesMangoZTF.annot.xml": (
        "modelinstance",
        "686103400034440",
        297,
        "mjd",
        BARYCENTRIC_MJD,
        AT_BARYCENTER,
        (ZTF_G,),
    ),
    "fb+ml-proposal/TimeSeriesMangoZTF.new.xml": (
        "modelinstance",
        "686103400034440",
        297,
        "mjd",
        BARYCENTRIC_MJD,
        AT_BARYCENTER,
        (ZTF_G,),
    ),
    "timesys_example.vot": (
        "votable",
        "",
        1,
        "obs_time",
        TimeFrame("TCB", 2455197.5, "BARYCENTER"),
        SpaceFrame("ICRS", "", "J2015.5", "BARYCENTER"),
        (),
    ),
}
"""Dialect, first object, measurements, column of times, its frame, frame of coordinates, bands."""

NO_SERIES = {
    "stc_example1.vot": r"TABLE, line 5: no column holds times: .* are RA, Dec, Name, RVel, e_RVel, R",
    "SOURCES.txt": "the document is in no known dialect; those known are mivot, ",
}

NOTES = {
    "raw_data/TimeSeriesZTF.xml": (
        'nothing refers to /VOTABLE/RESOURCE/TIMESYS[@ID="htime"], line 5',
        "of the times in the column hjd the document does not say: scale, origin, reference position",
    ),
    "mcd-implementation/gaia_multiband_annotated.vot": (
        "with the origin JD 2400000.5 the times would lie in the years 1864 to 1865",
    ),
    "mcd-implementation/ts_annotated.vot": (
        "/@tableref, line 167 refers to _cube1, which is not in the document",
    ),
    "modelinstanceinvot-mapping/cube_ts.annot.xml": (
        "band.zero_point is 2.49524e-09 at /VOTABLE/MODEL_INSTANCE/GLOBALS/",
        "but 2836.53 Jy at /VOTABLE/RESOURCE/GROUP",
    ),
    "fb+ml-proposal/TimeSeriesMangoZTF.new.xml": (
        "has the name of the column magerr as a value; it is no ref",
    ),
    "fb+ml-proposal-mivot/TimeSeriesGAVO-Gaia-RP.mivot.xml": (
        "line 132 refers to TimeSystem, which is not in the document; the only time frame in it is taken",
    ),
    "vodml-mapper/ts-vodml-mapper.xml": (
        "the column phot has neither unit nor UCD; it is taken for a magnitude",
        "the column obs_time has no unit",
    ),
}


@pytest.fixture(scope="module")
def samples(shared: Path) -> Path:
    return shared / "timeseries"


def read(path: Path) -> documents.Document:
    return documents.read(path.read_bytes())


def test_every_sample_is_accounted_for(samples: Path) -> None:
    there = {path.relative_to(samples).as_posix() for path in samples.rglob("*") if path.is_file()}
    assert there == {*DOCUMENTS, *NO_SERIES}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_sample_is_read_with_its_metadata(samples: Path, name: str) -> None:
    dialect, identifier, rows, column, frame, space, bands = DOCUMENTS[name]
    found = read(samples / name)
    first = found.series[0]
    assert found.dialect == dialect
    assert (first.object_id, sum(map(len, found.series))) == (identifier, rows)
    assert (first.roles["time"], first.time, first.space) == (column, frame, space)
    assert first.bands == bands
    for note in NOTES.get(name, ()):
        assert any(note in sentence for sentence in first.notes), first.notes


@pytest.mark.parametrize("name", NO_SERIES)
def test_what_is_no_series_says_why(samples: Path, name: str) -> None:
    with pytest.raises(TimeSeriesError, match=NO_SERIES[name]):
        read(samples / name)


def cells(path: Path) -> dict[str, list[str]]:
    """Columns of the last table as text, by a reader of its own."""
    table = [one for one in ET.parse(path).iter() if one.tag.endswith("}TABLE")][-1]
    names = [one.get("name") for one in table if one.tag.endswith("}FIELD")]
    rows = [[cell.text or "" for cell in row] for row in table.iter() if row.tag.endswith("}TR")]
    return dict(zip(names, zip(*rows, strict=True), strict=True))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_numbers_are_those_of_the_file(samples: Path, name: str) -> None:
    text, series = cells(samples / name), read(samples / name).series
    compared = 0
    for role in ("time", "flux", "flux_error", "mag", "mag_error", "limiting_mag", "ra", "dec"):
        if role not in series[0].roles:
            continue
        values = np.concatenate([one.column(role).to_numpy() for one in series])
        wanted = np.array([float(one or "nan") for one in text[series[0].roles[role]]]).astype(values.dtype)
        np.testing.assert_array_equal(values, wanted, err_msg=role)
        compared += 1
    assert compared >= 2


RAW = {
    "raw_data/ts.vot": [
        "md-proposal/ts.vot",
        "mcd-implementation/ts_annotated.vot",
        "modelinstanceinvot-mapping/cube_ts.annot.xml",
        "vodml-mapper/ts-vodml-mapper.xml",
    ],
    "raw_data/gaia_multiband.xml": ["mcd-implementation/gaia_multiband_annotated.vot"],
    "raw_data/TimeSeriesZTF.xml": [
        "fb+ml-proposal/TimeSeriesMangoZTF.annot.xml",
        "fb+ml-proposal/TimeSeriesMangoZTF.new.xml",
    ],
    "fb+ml-proposal/TimeSeriesGAVO-Gaia-RP-annot.xml": [
        "fb+ml-proposal/TimeSeriesGAVO-Gaia-RP.new.xml",
        "fb+ml-proposal-mivot/TimeSeriesGAVO-Gaia-RP.mivot.xml",
    ],
}


@pytest.mark.parametrize(("raw", "name"), [(raw, name) for raw, names in RAW.items() for name in names])
def test_the_numbers_are_those_of_the_raw_file(samples: Path, raw: str, name: str) -> None:
    wanted, found = read(samples / raw).series, read(samples / name).series
    assert [one.object_id for one in wanted] == [one.object_id for one in found]
    for one, other in zip(wanted, found, strict=True):
        for column in set(one.points.column_names) & set(other.points.column_names):
            assert one.points[column].equals(other.points[column]), column
        for role in set(one.roles) & set(other.roles) - {"time"}:
            assert one.column(role).equals(other.column(role)), role


def test_a_statement_says_where_it_stands(samples: Path) -> None:
    (one,) = read(samples / "raw_data" / "ts.vot").series
    (scale,) = one.statements["time.scale"]
    assert scale.place == '/VOTABLE/RESOURCE/TIMESYS[@ID="ts"]/@timescale, line 22'
    assert [at.line for at in one.statements["band.G.filter"]] == [25, 32]
    (annotated,) = read(samples / "mcd-implementation" / "ts_annotated.vot").series
    first, second = annotated.statements["time.scale"]
    assert first.path.endswith('ATTRIBUTE[@dmrole="coords:TimeFrame.timescale"]/LITERAL/@value')
    assert second.path.endswith("TIMESYS/@timescale")


def test_frames_of_further_times_are_kept(samples: Path) -> None:
    one: Series = read(samples / "fb+ml-proposal" / "TimeSeriesMangoZTF.new.xml").series[0]
    assert one.times["hjd"] == TimeFrame("TCB", 0.0, "HELIOCENTER")
