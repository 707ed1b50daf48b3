"""A file becomes a catalogue, or one sentence says why not."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.table import Table as AstropyTable
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.enrich.conftest import Make

from vobroker.enrich import EnrichError, catalogue
from vobroker.enrich.catalogue import Roles
from vobroker.enrich.formats import open_source
from vobroker.enrich.match import Matcher
from vobroker.enrich.store import names

RA, DEC, ID = [10.0, 350.0, 0.0], [5.0, -5.0, 89.0], [2**60 + 1, -7, 3]


def table() -> AstropyTable:
    made = AstropyTable(
        {"RAJ2000": RA, "DEJ2000": DEC, "id": ID, "name": ["a", "bé", ""], "z": [0.1, np.nan, 2.5]}
    )
    made["RAJ2000"].unit = made["DEJ2000"].unit = "deg"
    made["z"].description = "Redshift"
    return made


def as_parquet(path: Path) -> None:
    made = table()
    pq.write_table(pa.table({name: pa.array(np.asarray(made[name])) for name in made.colnames}), path)


def as_fits(path: Path) -> None:
    made = table()
    made["name"] = ["a", "be", ""]
    made.write(path, format="fits")


WRITE = {
    "c.vot": lambda path: table().write(path, format="votable"),
    "b2.vot": lambda path: table().write(path, format="votable", tabledata_format="binary2"),
    "c.fits": as_fits,
    "c.csv": lambda path: table().write(path, format="csv"),
    "c.parquet": as_parquet,
}


def add(path: Path, store: Path, name: str = "cat", **roles: Any) -> catalogue.Added:
    return catalogue.add(store, name, open_source(path), Roles("RAJ2000", "dej2000", **roles))


@pytest.mark.parametrize("name", WRITE)
def test_every_format_gives_the_same_catalogue(name: str, tmp_path: Path) -> None:
    WRITE[name](tmp_path / name)
    added = add(tmp_path / name, tmp_path / "store", id="id")
    assert added.warnings == []
    found = Matcher(tmp_path / "store" / "cat")
    assert found.info == added.info
    assert [column.name for column in added.info.columns] == ["RAJ2000", "DEJ2000", "id", "name", "z"]
    assert added.info.columns[0].unit == "deg"
    matches = found.match(np.array(RA), np.array(DEC))
    rows = found.rows(matches.entry).to_pydict()
    assert (rows["id"], rows["z"]) == (ID, [0.1, None, 2.5])
    assert rows["name"][0] == "a"
    assert rows["name"][2] in (None, "")


def test_the_layout_is_that_of_hats_and_any_parquet_reader_sees_the_rows(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vobroker.enrich.hats.PARTITION", 100)
    rng = np.random.default_rng(1)
    make({"ra": rng.uniform(0, 2, 3000), "dec": rng.uniform(0, 2, 3000)}, name="small")
    folder = tmp_path / "store" / "small"
    told = dict(line.split("=", 1) for line in (folder / "hats.properties").read_text().splitlines()[1:])
    assert told["hats_nrows"] == "3000"
    assert (told["hats_col_ra"], told["hats_col_healpix"]) == ("ra", "_healpix_29")
    assert (folder / "properties").read_text() == (folder / "hats.properties").read_text()
    pixels = [line.split(",") for line in (folder / "partition_info.csv").read_text().split()[1:]]
    assert len(pixels) > 30
    for order, pixel in pixels:
        file = folder / f"dataset/Norder={order}/Dir={int(pixel) // 10_000 * 10_000}/Npix={pixel}.parquet"
        part = pq.ParquetFile(file).read()
        cells = np.array(part["_healpix_29"])
        assert len(part) <= 100
        assert (np.diff(cells) >= 0).all()
        assert set(cells >> 2 * (29 - int(order))) == {int(pixel)}
    metadata = pq.read_metadata(folder / "dataset/_metadata")
    assert (metadata.num_rows, metadata.num_row_groups) == (3000, len(pixels))
    assert pq.read_schema(folder / "dataset/_common_metadata").field("ra").metadata[b"unit"] == b"deg"
    counted = duckdb.sql(
        f"SELECT count(DISTINCT _healpix_29) FROM '{folder}/dataset/**/*.parquet'"
    ).fetchall()
    assert counted == [(3000,)]


def test_rows_without_a_place_are_left_out_and_told(make: Make) -> None:
    added = make({"ra": [1.0, np.nan, 3.0, None, 5.0, -1.0], "dec": [1.0, 2.0, 91.0, 4.0, 5.0, 6.0]})
    assert (added.info.rows, added.info.missing, added.info.outside) == (3, 2, 1)
    (warning,) = added.warnings
    assert (
        "3 rows are left out, the first of them row 2: 2 without a position, 1 with one that is no place"
        in warning
    )


def test_what_look_like_hours_are_told(make: Make) -> None:
    added = make({"ra": np.linspace(0, 24, 200), "dec": np.zeros(200)})
    assert "no ra is above 24; if these are hours" in added.warnings[0]


SENTENCES = {
    "no column x; it has ra, dec": ({"ra": [1.0], "dec": [1.0]}, {"id": "x"}),
    "the column ra is VARCHAR, and no number": ({"ra": ["01:02:03"], "dec": [1.0]}, {}),
    "none of its 2 rows has a position in ra and dec": ({"ra": [None, 500.0], "dec": [1.0, 1.0]}, {}),
    "a radius of 0 arcsec is not between 0 and 36000": ({"ra": [1.0], "dec": [1.0]}, {"radius": 0}),
    "a radius of nan arcsec": ({"ra": [1.0], "dec": [1.0]}, {"radius": float("nan")}),
    "an entry reaches 40000 arcsec": ({"ra": [1.0], "dec": [1.0], "r": [40000.0]}, {"radius_column": "r"}),
    "an ellipse with --minor needs --major": ({"ra": [1.0], "dec": [1.0], "b": [1.0]}, {"minor": "b"}),
    "the columns dec and DEC differ by case alone": ({"ra": [1.0], "dec": [1.0], "DEC": [1.0]}, {}),
    "a column cannot be called 'a\\\\nb'": ({"ra": [1.0], "dec": [1.0], "a\nb": [1.0]}, {}),
    "no row has a number in the column m": ({"ra": [1.0], "dec": [1.0], "m": [np.nan]}, {"mag": "m"}),
}


@pytest.mark.parametrize("sentence", SENTENCES)
def test_what_cannot_be_a_catalogue_is_told_and_leaves_nothing(
    sentence: str, make: Make, tmp_path: Path
) -> None:
    columns, roles = SENTENCES[sentence]
    with pytest.raises(EnrichError, match=sentence):
        make(columns, roles=roles)
    assert not (tmp_path / "store").exists() or list((tmp_path / "store").iterdir()) == []


@pytest.mark.parametrize("name", ["", "Gaia", "../up", "a b", "a" * 41, "1st", 'x"; DROP', "é"], ids=repr)
def test_hostile_names_are_refused(name: str, make: Make, tmp_path: Path) -> None:
    make({"ra": [1.0], "dec": [1.0]}, name="source")
    with pytest.raises(EnrichError, match="cannot be called"):
        catalogue.add(tmp_path / "store", name, open_source(tmp_path / "source.parquet"), Roles("ra", "dec"))
    assert names(tmp_path / "store") == ["source"]


def test_a_name_is_given_once(make: Make) -> None:
    make({"ra": [1.0], "dec": [1.0]}, kind="watchlist")
    with pytest.raises(EnrichError, match="there is a watchlist called 'cat' already"):
        make({"ra": [1.0], "dec": [1.0]})


def test_too_many_rows_are_refused(make: Make) -> None:
    with pytest.raises(EnrichError, match="more than 5 rows"):
        make({"ra": np.arange(6.0), "dec": np.arange(6.0)}, most=5)


@pytest.mark.parametrize("unit", ["hourangle", "h"])
def test_hours_are_no_degrees(unit: str, tmp_path: Path) -> None:
    made = table()
    made["RAJ2000"].unit = unit
    made.write(tmp_path / "c.vot", format="votable")
    with pytest.raises(EnrichError, match=r"c\.vot: the column RAJ2000 is in hours, and must be in degrees"):
        add(tmp_path / "c.vot", tmp_path / "store")


def test_arcminutes_are_no_arcseconds(tmp_path: Path) -> None:
    made = table()
    made["a"] = [1.0, 2.0, 3.0]
    made["a"].unit = "arcmin"
    made.write(tmp_path / "c.vot", format="votable")
    added = add(tmp_path / "c.vot", tmp_path / "store", major="a")
    assert max(radius for radius, _ in added.info.classes) == pytest.approx(180)


def test_a_fits_bomb_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    as_fits(tmp_path / "c.fits")
    data = (tmp_path / "c.fits").read_bytes()
    declared = data.replace(b"NAXIS2  =                    3", b"NAXIS2  =           9000000000")
    assert declared != data
    (tmp_path / "bomb.fits").write_bytes(declared)
    with pytest.raises(EnrichError, match=r"bomb\.fits is truncated: extension 1 declares"):
        open_source(tmp_path / "bomb.fits")


def test_vectors_are_left_out(tmp_path: Path) -> None:
    columns = [
        fits.Column("RAJ2000", "D", array=RA),
        fits.Column("DEJ2000", "D", array=DEC),
        fits.Column("v", "3E", array=np.zeros((3, 3))),
        fits.Column("n", "J", null=-99, array=[1, -99, 3]),
        fits.Column("u", "J", bzero=2**31, array=np.array([1, 2, 2**32 - 1], np.uint32)),
    ]
    fits.BinTableHDU.from_columns(columns).writeto(tmp_path / "c.fits")
    added = add(tmp_path / "c.fits", tmp_path / "store")
    assert added.warnings == ["the column v is left out: it is 3E"]
    found = Matcher(tmp_path / "store" / "cat")
    rows = found.rows(found.match(np.array(RA), np.array(DEC)).entry).to_pydict()
    assert (rows["n"], rows["u"]) == ([1, None, 3], [1, 2, 2**32 - 1])


@pytest.mark.parametrize("name", WRITE)
def test_a_truncated_file_is_told_by_its_name_or_read(name: str, tmp_path: Path) -> None:
    WRITE[name](tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    for number, size in enumerate(range(0, len(whole) - 1, max(len(whole) // 25, 1))):
        path = tmp_path / f"cut{number}"
        path.write_bytes(whole[:size])
        if name == "c.csv" or (name == "c.fits" and len(whole) - size < 2778):
            continue  # lines that are whole; the padding of FITS
        with pytest.raises(EnrichError, match=str(path)):
            add(path, tmp_path / "store", f"c{number}")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(sorted(WRITE)),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=6),
)
def test_damage_is_an_error_and_no_accident(
    tmp_path: Path, name: str, damage: list[tuple[float, int]]
) -> None:
    if not (tmp_path / name).exists():
        WRITE[name](tmp_path / name)
    data = bytearray((tmp_path / name).read_bytes())
    for place, value in damage:
        data[int(place * (len(data) - 1))] = value
    (tmp_path / "damaged").write_bytes(data)
    store = tmp_path / "store"
    try:
        add(tmp_path / "damaged", store)
        catalogue.read(store / "cat")
    except EnrichError:
        pass
    finally:
        shutil.rmtree(store, ignore_errors=True)


def test_a_name_in_parquet_that_is_no_text_is_damage(tmp_path: Path) -> None:
    pq.write_table(pa.table({"marker": [1], "ra": [1.0], "dec": [1.0]}), tmp_path / "whole.parquet")
    damaged = (tmp_path / "whole.parquet").read_bytes().replace(b"marker", b"mark\x80r")
    (tmp_path / "damaged.parquet").write_bytes(damaged)
    with pytest.raises(EnrichError, match="cannot be read as Parquet"):
        open_source(tmp_path / "damaged.parquet")


def test_identifiers_in_csv_keep_every_digit(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("Id,ra,dec\n007,1,1\n12345678901234567890,2,2\n")
    source = open_source(tmp_path / "c.csv", identifier="id")
    catalogue.add(tmp_path / "store", "cat", source, Roles("ra", "dec", "id"))
    found = Matcher(tmp_path / "store" / "cat")
    matches = found.match(np.array([1.0, 2.0]), np.array([1.0, 2.0]))
    assert found.rows(matches.entry)["Id"].to_pylist() == ["007", "12345678901234567890"]


def test_what_a_killed_process_left_is_removed(make: Make, tmp_path: Path) -> None:
    left = tmp_path / "store" / ".cat.999999999.part"
    left.mkdir(parents=True)
    make({"ra": [1.0], "dec": [1.0]})
    assert [path.name for path in (tmp_path / "store").iterdir()] == ["cat"]


def test_text_and_times_that_a_database_could_not_hold_are_mended(make: Make, tmp_path: Path) -> None:
    late = pa.array([2**62, 0], pa.timestamp("us"))
    made = make({"ra": [1.0, 2.0], "dec": [1.0, 2.0], "t": ["a\0b", "c"], "when": late, "xmin": [1, 2]})
    found = Matcher(tmp_path / "store" / "cat")
    rows = found.rows(found.match(np.array([1.0]), np.array([1.0])).entry).to_pydict()
    assert (rows["t"], rows["when"]) == (["a\ufffdb"], [None])
    assert "xmin_cat" in found.table
    assert made.info.rows == 2


def test_wide_tables_are_to_be_chosen_from(make: Make) -> None:
    wide = {"ra": [1.0], "dec": [1.0]} | {f"c{n}": [n] for n in range(300)}
    with pytest.raises(EnrichError, match="has 302 columns; name at most 200 of them with --columns"):
        make(wide)
    assert len(make(wide, columns=("c7", "C9")).info.columns) == 4


def test_packed_files_and_nothing_are_refused(tmp_path: Path) -> None:
    for content, sentence in (
        (b"\x1f\x8b\x08", "packed with gzip"),
        (b"", "is empty"),
        (b"PK\x03\x04", "zip"),
    ):
        (tmp_path / "x").write_bytes(content)
        with pytest.raises(EnrichError, match=sentence):
            open_source(tmp_path / "x")
    with pytest.raises(EnrichError, match=r"cannot read .*nothing: No such file"):
        open_source(tmp_path / "nothing")
