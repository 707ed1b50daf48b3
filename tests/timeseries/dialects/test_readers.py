"""What other programs make of our documents, and we of theirs."""

from __future__ import annotations

import io
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.io import votable as astropy_votable
from astropy.table import QTable, Table
from astropy.time import Time
from astropy.timeseries import TimeSeries
from lxml import etree
from pyvo.mivot.viewer.mivot_viewer import MivotViewer
from pyvo.utils.prototype import activate_features
from tests.stilts import Stilts

from vobroker.timeseries import LightCurve, documents
from vobroker.timeseries.dialects import splat
from vobroker.timeseries.series import Series

activate_features("MIVOT")


@pytest.fixture(scope="module")
def gaia(shared: Path) -> Series:
    """A star in G, BP and RP as Gaia's DataLink gave it, 251 measurements."""
    (one,) = documents.read((shared / "timeseries" / "raw_data" / "gaia_multiband.xml").read_bytes()).series
    return one


@pytest.mark.parametrize(
    "name", ["votable", "votable-bands", "votable-long", "splat", "ssap", "gaia-raw", "mivot", "obscore"]
)
def test_votlint_has_nothing_to_say(gaia: Series, stilts: Stilts, tmp_path: Path, name: str) -> None:
    file = tmp_path / "document.vot"
    # The STILTS of Debian 12 knows VOTable 1.4 at most.
    file.write_bytes(
        documents.write([gaia], name).replace(b'VOTABLE version="1.5"', b'VOTABLE version="1.4"', 1)
    )
    foreign = "Element VODML in foreign namespace (http://www.ivoa.net/xml/mivot)"
    assert [line for line in stilts.lint(file) if foreign not in line] == []


@pytest.mark.parametrize(
    "name", ["votable", "mivot", "vodml-mapping", "gavo", "modelinstance", "votable-long"]
)
def test_astropy_reads_the_table_beside_any_annotation(gaia: Series, name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        document = astropy_votable.parse(io.BytesIO(documents.write([gaia], name)), verify="ignore")
    tables = [one.to_table(use_names_over_ids=True) for one in document.iter_tables()]
    assert sum(map(len, tables)) == 251
    times = np.concatenate([one["time"].data.filled(np.nan) for one in tables])
    np.testing.assert_array_equal(np.sort(times), np.sort(gaia.column("time").to_numpy()))
    (system,) = document.iter_timesys()
    assert (system.timescale, system.timeorigin, system.refposition) == ("TCB", 2455197.5, "BARYCENTER")


@pytest.mark.parametrize("form", ["tabledata", "binary", "binary2"])
def test_a_votable_that_astropy_wrote_has_the_same_numbers(gaia: Series, form: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        document = astropy_votable.parse(io.BytesIO(documents.write([gaia], "votable")), verify="ignore")
        written = io.BytesIO()
        document.to_xml(written, tabledata_format=form)
    (back,) = documents.read(written.getvalue()).series
    assert back.time == gaia.time
    for role in gaia.roles:
        assert back.column(role).to_pylist() == gaia.column(role).to_pylist(), role
    for name in gaia.further:
        assert back.points[name].to_pylist() == gaia.points[name].to_pylist(), name


def test_a_votable_that_stilts_wrote_has_the_same_numbers(
    gaia: Series, stilts: Stilts, tmp_path: Path
) -> None:
    file, other = tmp_path / "gaia.vot", tmp_path / "binary.vot"
    file.write_bytes(documents.write([gaia], "votable"))
    done = stilts.run("tpipe", f"in={file}", "ifmt=votable", "ofmt=votable-binary-inline", f"out={other}")
    assert done.returncode == 0, done.stderr
    (back,) = documents.read(other.read_bytes()).series
    for role in ("time", "flux", "mag", "band", "measurement_id"):
        assert back.column(role).to_pylist() == gaia.column(role).to_pylist(), role


def test_astropy_reads_a_time_series(gaia: Series) -> None:
    content = documents.write([gaia], "astropy-timeseries").decode()
    found = TimeSeries.read(content, format="ascii.ecsv")
    assert (found.time.scale, found.time.format) == ("tcb", "jd")
    wanted = Time(2455197.5, gaia.column("time").to_numpy(), format="jd", scale="tcb")
    assert np.abs((found.time - wanted).to_value(u.ns)).max() < 1
    assert (found["flux"].unit, found["mag"].unit) == (u.electron / u.s, u.mag)
    assert found.meta["times"]["time"]["position"] == "BARYCENTER"


def test_astropy_reads_quantities_from_ecsv_and_fits(ztf21abiuvdk: LightCurve) -> None:
    series = ztf21abiuvdk.series
    ecsv = Table.read(documents.write([series], "ecsv").decode(), format="ascii.ecsv")
    assert ecsv["measurement_id"].dtype == np.int64
    assert ecsv["flux"].unit == u.nJy
    content = documents.write([series], "fits")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Column 'positive' contains NULL")  # astropy has no null truth
        table = QTable.read(io.BytesIO(content), hdu=1)
    assert table["flux"].unit == u.nJy
    limits = np.array(series.column("kind").to_pylist()) == "limit"
    np.testing.assert_array_equal(np.isnan(table["flux"].value), limits)
    header = fits.getheader(io.BytesIO(content), 1)
    assert (header["TIMESYS"], header["MJDREFI"], header["MJDREFF"], header["TREFPOS"]) == (
        "TAI", 0, 0.0, "TOPOCENTER",
    )  # fmt: skip
    calibration = Table.read(io.BytesIO(content), hdu=2)
    assert list(calibration["FILTER"]) == ["Palomar/ZTF.g", "Palomar/ZTF.r"]


def test_stilts_reads_the_fluxes_of_fits(ztf21abiuvdk: LightCurve, stilts: Stilts, tmp_path: Path) -> None:
    file = tmp_path / "nova.fits"
    file.write_bytes(documents.write([ztf21abiuvdk.series], "fits"))
    found = stilts.read(file, "fits")
    wanted = ztf21abiuvdk.points["flux"].to_numpy()
    np.testing.assert_array_equal(np.ma.filled(found["flux"], np.nan), wanted)


def test_pyvo_resolves_frames_and_photometric_systems(ztf21abiuvdk: LightCurve, tmp_path: Path) -> None:
    file = tmp_path / "nova.vot"
    file.write_bytes(documents.write([ztf21abiuvdk.series], "mivot"))
    with MivotViewer(str(file), resolve_ref=True) as viewer:
        assert set(viewer.get_models()) == {"ivoa", "coords", "meas", "Phot", "ds", "cube"}
        viewer.next_row_view()
        point = viewer.dm_instance
        time, flux = point.observable[0].measure, point.observable[1].measure
        first = ztf21abiuvdk.series.of_band("g")
        assert time.coord.date.value == first["mjd"][0].as_py()
        assert time.coord.dmtype == "coords:MJD"
        assert time.coord.coordSys.frame.timescale.value == "TAI"
        assert time.coord.coordSys.frame.refPosition.position.value == "TOPOCENTER"
        system = flux.coord.coordSys
        assert system.photometryFilter.identifier.value == "Palomar/ZTF.g"
        assert (system.zeroPoint.flux.value.value, system.zeroPoint.flux.unitexpression.value) == (
            3631.0,
            "Jy",
        )
        assert system.magnitudeSystem.type.value == "AB"
    with MivotViewer(str(file), tableref="light_curve.2", resolve_ref=True) as viewer:
        system = viewer.dm_instance.observable[1].measure.coord.coordSys
        assert system.photometryFilter.identifier.value == "Palomar/ZTF.r"


def test_what_lightkurve_needs_is_there(gaia: Series) -> None:
    # lightkurve 2.6, io/generic.py: names in the first extension, one of four pairs of keywords, TIMESYS as a
    # scale of astropy, and three keywords of the primary header.
    (one, *_) = (part for part in splat.votable_bands.by_band(gaia))
    with fits.open(io.BytesIO(documents.write([one], "lightkurve"))) as units:
        table, header = units[1].data, units[1].header
        assert {"TIME", "FLUX", "FLUX_ERR"} <= set(table.names)
        assert {"MJDREFI", "MJDREFF"} <= set(header)
        when = Time(
            table["TIME"] + header["MJDREFI"] + header["MJDREFF"],
            format="mjd",
            scale=header["TIMESYS"].lower(),
        )
        assert abs(when[0].jd - (2455197.5 + one.column("time")[0].as_py())) < 1e-8
        assert units[0].header["OBJECT"] == "5813181197970338560"


def test_splat_finds_time_value_and_error(gaia: Series) -> None:
    # SPLAT-VO 3.15: TableSpecDataImpl.readTable and TableColumnChooser. No Debian package has it to run.
    root = etree.fromstring(documents.write([gaia], "splat"))
    tables = list(root.iter("{*}TABLE"))
    assert len(tables) == 3
    for table in tables:
        params = {one.get("name"): one.get("value") for one in table.iter("{*}PARAM")}
        assert params["data_product_type"] == "timeseries"
        fields = list(table.iter("{*}FIELD"))
        utypes = [(one.get("utype") or "").lower() for one in fields]
        coordinate = [n for n, one in enumerate(utypes) if re.fullmatch(".*timeaxis.*", one)]
        errors = [n for n, one in enumerate(utypes) if re.fullmatch(r".*fluxaxis\.accuracy.*", one)]
        values = [n for n, one in enumerate(utypes) if re.fullmatch(".*fluxaxis.*", one) and n not in errors]
        assert not [one for one in utypes if "spectralaxis" in one]
        assert ([fields[n].get("name") for n in coordinate], [fields[n].get("name") for n in values]) == (
            ["time"], ["mag"],
        )  # fmt: skip
        assert all(fields[n].get("datatype") in ("double", "float") for n in (*coordinate, *values, *errors))
