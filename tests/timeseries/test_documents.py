"""Documents that are damaged, vague or meant to do harm: an error, or a note that names the place."""

from __future__ import annotations

import base64
import gzip
import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from astropy.io import fits
from astropy.table import Table
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from vobroker.timeseries import compare, documents, plot, xml
from vobroker.timeseries.dialects import DIALECTS
from vobroker.timeseries.errors import TimeSeriesError
from vobroker.timeseries.series import MJD, Band, Document, Series, TimeFrame, described

HEAD = '<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE>'
TAIL = "</RESOURCE></VOTABLE>"


def votable(fields: str, rows: str = "", before: str = "") -> bytes:
    table = f"<TABLE>\n{fields}<DATA><TABLEDATA>{rows}</TABLEDATA></DATA></TABLE>"
    return f"{HEAD}{before}{table}{TAIL}".encode()


TIME = '<FIELD name="t" datatype="double" ucd="time.epoch" unit="d"/>\n'
MAG = '<FIELD name="m" datatype="float" ucd="phot.mag" unit="mag"/>\n'
FRAME = '<TIMESYS ID="ts" timescale="TCB" timeorigin="2455197.5" refposition="BARYCENTER"/>'
ROW = "<TR><TD>1.5</TD><TD>15</TD></TR>"


def one(document: bytes) -> Series:
    (series,) = documents.read(document).series
    return series


def simple(**more: object) -> Series:
    schema = pa.schema(
        [
            described("t", pa.float64(), unit="d", ucd="time.epoch"),
            described("f", pa.float64(), unit="nJy", ucd="phot.flux.density"),
        ]
    )
    points = pa.table([pa.array([59000.0, 59001.0]), pa.array([1.0, 2.0])], schema=schema)
    given_by = {"times": {"t": TimeFrame("TAI", MJD, "TOPOCENTER")}} | more
    return Series("x", points, {"time": "t", "flux": "f"}, **given_by)


def test_times_without_a_scale_stay_without_and_it_is_said() -> None:
    found = one(votable(TIME + MAG, ROW))
    assert found.time == TimeFrame()
    note = "of the times in the column t the document does not say: scale, origin, reference position"
    assert note in found.notes


def test_a_time_system_that_says_unknown_says_nothing() -> None:
    system = '<TIMESYS ID="ts" timescale="UNKNOWN" refposition="UNKNOWN"/>'
    found = one(votable(TIME.replace("/>", ' ref="ts"/>'), "<TR><TD>1</TD></TR>", system))
    assert found.time == TimeFrame()


def test_a_scale_that_does_not_exist_is_named_with_its_place() -> None:
    found = one(votable(TIME.replace("/>", ' ref="ts"/>') + MAG, ROW, FRAME.replace("TCB", "CET")))
    assert any(
        "'CET' at /VOTABLE/RESOURCE/TIMESYS/@timescale, line 1 is not in the vocabulary" in n
        for n in found.notes
    )


def test_nan_positions_and_values_are_no_values() -> None:
    place = (
        '<PARAM name="ra" datatype="double" ucd="pos.eq.ra" value="NaN"/>'
        '<PARAM name="dec" datatype="double" ucd="pos.eq.dec" value=""/>'
    )
    found = one(votable(place + TIME + MAG, "<TR><TD>1.5</TD><TD>NaN</TD></TR>"))
    assert (found.ra, found.dec) == (None, None)
    assert found.column("mag").to_pylist() == [None]


@pytest.mark.parametrize(
    ("field", "sentence"),
    [
        (
            MAG.replace('unit="mag"', 'unit="furlong/fortnight^x"'),
            "the unit 'furlong/fortnight^x' of the column m is no unit",
        ),
        (MAG.replace('unit="mag"', 'unit="Jy"'), "the unit 'Jy' of the column m is none of magnitudes"),
        (MAG.replace(' unit="mag"', ""), "the column m has no unit"),
    ],
)
def test_wrong_units_are_named(field: str, sentence: str) -> None:
    assert sentence in one(votable(TIME + field, ROW)).notes


def test_an_empty_table_is_an_empty_series() -> None:
    assert len(one(votable(TIME + MAG))) == 0


def test_two_places_that_contradict_each_other_are_both_named() -> None:
    annotated = """<VODML><TEMPLATES><INSTANCE dmtype="stc2:TimeCoordinate"><ATTRIBUTE dmrole="frame">
<INSTANCE dmtype="stc2:TimeFrame"><ATTRIBUTE dmrole="timescale" value="TT"/></INSTANCE></ATTRIBUTE>
<ATTRIBUTE dmrole="location" ref="t"/></INSTANCE></TEMPLATES></VODML>"""
    field = '<FIELD ID="t" name="t" datatype="double" ucd="time.epoch" ref="ts"/>'
    document = f"{HEAD}{FRAME}<TABLE>{field}</TABLE>{TAIL}".replace("<RESOURCE>", f"{annotated}<RESOURCE>")
    found = one(document.encode())
    assert found.time.scale == "TT"
    (note,) = [n for n in found.notes if n.startswith("time.scale")]
    assert note.startswith("time.scale is TT at /VOTABLE/VODML/TEMPLATES/")
    assert "but TCB at /VOTABLE/RESOURCE/TIMESYS/@timescale, line 3" in note


BOMB = b'<!DOCTYPE VOTABLE [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><VOTABLE>&b;</VOTABLE>'
OUTSIDE = b'<!DOCTYPE VOTABLE [<!ENTITY a SYSTEM "file:///etc/passwd">]><VOTABLE>&a;</VOTABLE>'


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b"", "the document is empty"),
        (b"\x00\x01\x02", "in no known dialect"),
        (b"<html><body/></html>", "/html, line 1: the document is html, not VOTABLE"),
        (BOMB, "declares a document type; that is not allowed"),
        (OUTSIDE, "declares a document type; that is not allowed"),
        (f"{HEAD}{TAIL}".encode(), "/VOTABLE, line 1: the VOTable has no table"),
        (votable(TIME + MAG, ROW)[:-30], "not well-formed XML: .* line"),
        (votable(MAG, "<TR><TD>1</TD></TR>"), "TABLE, line 1: no column holds times: .*; the columns are m"),
        (votable(TIME + MAG, "<TR><TD>1</TD></TR>"), "TR, line 4: row 1 has 1 cells for 2 columns"),
        (
            votable(TIME + MAG, "<TR><TD>1</TD><TD>bright</TD></TR>"),
            r'FIELD\[@name="m"\], line 3: row 1 of the column m holds .bright., which is no float',
        ),
        (votable(TIME + TIME), r"FIELD\[2\], line 3: two columns are called t"),
        (votable('<FIELD datatype="int"/>' + TIME), "FIELD.*: the FIELD has neither name nor ID"),
        (votable(TIME.replace("/>", ' arraysize="99999999"/>'), "<TR><TD/></TR>" * 9), "needs more than"),
        (f'{HEAD}<TABLE nrows="999999999">{TIME}</TABLE>{TAIL}'.encode(), "announces 999999999 rows"),
        (
            f'{HEAD}<TABLE>{TIME}<DATA><BINARY><STREAM href="http://localhost/x"/></BINARY></DATA></TABLE>{TAIL}'.encode(),
            "a STREAM that is not base64 in the document itself",
        ),
        (
            f"{HEAD}<TABLE>{TIME}<DATA><BINARY2><STREAM encoding='base64'>"
            f"{base64.b64encode(b'abc').decode()}</STREAM></BINARY2></DATA></TABLE>{TAIL}".encode(),
            "BINARY2, line 2: the stream cannot be read",
        ),
        (b"PAR1 and then nothing", "the Parquet file cannot be read"),
        (b"SIMPLE  =                    T" + b" " * 20, "FITS file cannot be read|the file has no table"),
        (b"# %ECSV 1.0\n# ---\n# datatype:\n# - {name: [time\ntime\n1\n", "the ECSV cannot be read"),
        (b'{"columns": [], "points": []}', r"\$.columns: no column has the role time"),
        (b'{"columns": 7}', r"\$: this is no light curve of ours"),
        (b"[" * 100_000, "in no known dialect"),
        (b'{"a":' * 100_000, "the document is not JSON"),
        (b"time,mag\n1,2\n3\n", "the CSV cannot be read"),
        (b"time,mag\nsoon,2\n", "the CSV cannot be read: .*soon"),
        (gzip.compress(b"x", mtime=0), "in no known dialect"),
    ],
)
def test_what_cannot_be_read_says_why_and_where(document: bytes, reason: str) -> None:
    with pytest.raises(TimeSeriesError, match=reason):
        documents.read(document)


def test_large_documents_and_tables_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TimeSeriesError, match="the document has 2000 bytes; the limit is 1000"):
        documents.read(b" " * 2000, max_bytes=1000)
    monkeypatch.setattr("vobroker.timeseries.tables.MAX_ROWS", 2)
    with pytest.raises(TimeSeriesError, match="TABLEDATA, line 4: the table has more than 2 rows"):
        documents.read(votable(TIME + MAG, ROW * 3))
    monkeypatch.setattr("vobroker.timeseries.tables.MAX_COLUMNS", 1)
    with pytest.raises(TimeSeriesError, match="TABLE, line 1: it has 2 columns; the limit is 1"):
        documents.read(votable(TIME + MAG, ROW))


def test_a_fits_file_that_ends_early_is_refused() -> None:
    content = documents.write([simple()], "fits").rstrip(b"\x00")
    with pytest.raises(TimeSeriesError, match=r"HDU 1: the table ends before its 2 rows|cannot be read"):
        documents.read(content[:-10])


def test_a_column_whose_name_is_no_text_is_refused() -> None:
    with pytest.raises(TimeSeriesError, match="name of a column is not UTF-8"):
        documents.read(b"mjd,\x80,mag\n60000.5,1,20.1\n", "csv")


@pytest.mark.parametrize(
    ("name", "what", "instead"),
    [("gaia-raw", b"source_id", b"sourceXid"), ("fits", b"BINTABLE", b"BINTABL\xff")],
)
def test_what_a_reader_stumbles_over_is_told_as_damage(name: str, what: bytes, instead: bytes) -> None:
    with pytest.raises(TimeSeriesError):
        documents.read(CONTENTS[name].replace(what, instead), name)


@settings(max_examples=60)
@given(
    name=st.sampled_from([name for name in DIALECTS if name not in ("obscore", "ssap")]),
    damage=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.binary(max_size=3)), min_size=1, max_size=3
    ),
    cut=st.floats(0.1, 1),
)
def test_damaged_documents_are_read_or_refused(
    name: str, damage: list[tuple[float, bytes]], cut: float
) -> None:
    document = CONTENTS[name]
    for where, what in damage:
        place = int(where * len(document))
        document = document[:place] + what + document[place + 1 :]
    try:
        found = documents.read(document[: int(cut * len(document))], name)
    except TimeSeriesError:
        return
    assert all(isinstance(one, Series) for one in found.series)


def contents() -> dict[str, bytes]:
    found = {}
    for name in DIALECTS:
        series = simple(bands=(Band("r", magnitude_system="AB"),), ra=10.0, dec=-5.0)
        if name.startswith("gaia"):
            schema = pa.schema([described(n, pa.float64(), unit=u) for n, u in (("t", "d"), ("f", "e-/s"))])
            points = pa.table([np.array([1.0, 2.0]), np.array([3.0, 4.0])], schema=schema)
            frame = {"t": TimeFrame("TCB", 2455197.5, "BARYCENTER")}
            series = Series("7", points, {"time": "t", "flux": "f"}, times=frame, bands=(Band("G"),))
        found[name] = documents.write([series], name)
    return found


CONTENTS = contents()


def test_an_infinite_number_of_dialects_may_be_named_but_only_twenty_exist() -> None:
    with pytest.raises(
        TimeSeriesError, match="there is no dialect 'klingon'; there are mivot, vodml-mapping"
    ):
        documents.read(b"x", "klingon")


def test_what_the_caller_knows_is_added_and_never_replaces() -> None:
    found = one(votable(TIME + MAG, ROW))
    assumed = documents.assume(found, scale="TDB", origin=0.0)
    assert assumed.time == TimeFrame("TDB", 0.0)
    assert assumed.statements["time.scale"][0].path == "assumed, not in the document"
    with pytest.raises(TimeSeriesError, match="the scale of the times is TDB, as the document says, not UTC"):
        documents.assume(assumed, scale="UTC")
    with pytest.raises(TimeSeriesError, match="'CET' is none of TAI, TT"):
        documents.assume(found, scale="CET")


def refused(name: str, change: Callable[[], Series]) -> str:
    with pytest.raises(TimeSeriesError) as error:
        documents.write([change()], name)
    return str(error.value)


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("lightkurve", lambda: simple(times={}), "needs times of known scale and origin"),
        ("lightkurve", lambda: simple(bands=(Band("g"), Band("r"))), "one band, not g, r; choose one"),
        (
            "astropy-timeseries",
            lambda: simple(times={}),
            "the origin of the times in the column time is not known",
        ),
        ("gaia-raw", simple, "Gaia's source_id is a number, not 'x'|fluxes in e-/s"),
        ("gaia-individual", lambda: simple(bands=(Band("r"),)), "the bands G, BP, RP, not r"),
        ("gaia-individual", lambda: simple(bands=(Band("G", magnitude_system="AB"),)), "those of G are AB"),
    ],
)
def test_what_a_dialect_cannot_tell_is_refused(name: str, change: Callable[[], Series], reason: str) -> None:
    import re

    assert re.search(reason, refused(name, change))


def test_tables_that_only_have_names_are_understood() -> None:
    table = Table(
        {"mjd": [59000.0, 59001.0], "mag": [15.0, 16.0], "magerr": [0.1, 0.2], "filter": ["r", "g"]}
    )
    text = io.StringIO()
    table.write(text, format="ascii.ecsv")
    found = one(text.getvalue().encode())
    assert dict(found.roles) == {"time": "mjd", "band": "filter", "mag": "mag", "mag_error": "magerr"}
    assert found.time == TimeFrame()


def test_a_kepler_file_counts_from_its_own_origin() -> None:
    columns = [
        fits.Column("TIME", "D", unit="BJD - 2454833, days", array=[120.5, 121.5]),
        fits.Column("PDCSAP_FLUX", "E", unit="e-/s", array=[1000.0, 1001.0]),
        fits.Column("PDCSAP_FLUX_ERR", "E", unit="e-/s", array=[1.0, 1.5]),
    ]
    table = fits.BinTableHDU.from_columns(columns, name="LIGHTCURVE")
    table.header.update({"TIMESYS": "TDB", "BJDREFI": 2454833, "BJDREFF": 0.0})
    primary = fits.PrimaryHDU()
    primary.header.update({"OBJECT": "KIC 8462852", "RA_OBJ": 301.564, "DEC_OBJ": 44.457, "RADESYS": "ICRS"})
    file = io.BytesIO()
    fits.HDUList([primary, table]).writeto(file)
    found = documents.read(file.getvalue())
    assert found.dialect == "lightkurve"
    (series,) = found.series
    assert series.time == TimeFrame("TDB", 2454833.0, "BARYCENTER")
    assert (series.object_id, series.ra, series.space.system) == ("KIC 8462852", 301.564, "ICRS")
    assert (series.roles["flux"], series.roles["flux_error"]) == ("PDCSAP_FLUX", "PDCSAP_FLUX_ERR")


def test_a_million_elements_are_refused_and_the_cells_are_not_among_them() -> None:
    with pytest.raises(TimeSeriesError, match="has 25007 elements beside its cells; the limit is 20000"):
        documents.read(votable(TIME + MAG, ROW, before="<GROUP/>" * 25_000))
    assert len(one(votable(TIME + MAG, ROW * 25_000))) == 25_000


def test_many_like_elements_are_named_as_few_are() -> None:
    few = etree.fromstring(
        "<a><b name='x'/><b name='x'/><b ID='1'/><c dmrole='r'/><ATTRIBUTE dmrole='s'/></a>"
    )
    many = etree.fromstring(etree.tostring(few))
    many.extend(etree.Element("other") for _ in range(100))
    assert [xml.path(child) for child in few] == [
        "/a/b[1]", "/a/b[2]", '/a/b[@ID="1"]', "/a/c", '/a/ATTRIBUTE[@dmrole="s"]',
    ]  # fmt: skip
    assert [xml.path(child) for child in many][:5] == [xml.path(child) for child in few]
    assert xml.path(many[-1]) == "/a/other[100]"


def test_of_many_oddities_the_first_are_told() -> None:
    systems = "".join(f'<TIMESYS ID="t{n}" timescale="TT" refposition="BARYCENTER"/>' for n in range(500))
    notes = one(votable(TIME + MAG, ROW, before=systems)).notes
    assert sum("nothing refers to " in note for note in notes) == 200
    assert "there is more that is missing or odd" in notes


def test_a_table_of_objects_is_parted_in_their_order() -> None:
    name = '<FIELD name="source_id" datatype="long" ucd="meta.id;meta.main"/>\n'
    rows = "".join(f"<TR><TD>{n}</TD><TD>15</TD><TD>{n % 3 or ''}</TD></TR>" for n in (4, 3, 1, 5))
    found = documents.read(votable(TIME + MAG + name, rows)).series
    assert [(one.object_id, one.column("time").to_pylist()) for one in found] == [
        ("1", [4.0, 1.0]), ("", [3.0]), ("2", [5.0]),
    ]  # fmt: skip


HEADER = (
    "# %ECSV 1.0\n# ---\n{}# datatype:\n# - {{name: time, datatype: float64}}\n"
    "# - {{name: mag, datatype: float64}}\n"
)


def test_yaml_makes_no_objects_and_no_avalanche() -> None:
    evil = "# meta: !!python/object/apply:os.system [true]\n"
    with pytest.raises(TimeSeriesError, match="the ECSV cannot be read"):
        documents.read(f"{HEADER.format(evil)}time mag\n1 2\n".encode())
    bomb = "# a0: &a0 [x]\n" + "".join(f"# a{n}: &a{n} [{f'*a{n - 1},' * 9}]\n" for n in range(1, 15))
    assert len(one(f"{HEADER.format(bomb)}time mag\n1 2\n".encode())) == 1


@pytest.mark.parametrize("moments", [[np.nan, np.nan], [np.inf, 59000.0], [1e300, -1e300]], ids=str)
def test_times_that_are_none_are_written_drawn_and_compared_or_refused(moments: list[float]) -> None:
    known = simple(bands=(Band("r"),))
    field = known.points.schema.field("t")
    odd = replace(known, points=known.points.set_column(0, field, pa.array(moments)))
    refused = {}
    for name in DIALECTS:
        try:
            document = documents.read(documents.write([odd], name), name)
        except TimeSeriesError as error:
            refused[name] = str(error)
            continue
        compare.compare({"one": Document((odd,)), "other": document})
        plot.figure(document.series[0]).canvas.draw()
    gaia = {"gaia-raw", "gaia-individual", "gaia-combined"}
    assert refused.keys() <= {*gaia, "astropy-timeseries", "obscore", "ssap"}
    assert not any("\n" in reason for reason in refused.values())
