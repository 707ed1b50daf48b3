"""A file that would fill the memory or the disk is refused by name before it does."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vobroker.enrich import EnrichError, catalogue, context, region, skymap
from vobroker.enrich.catalogue import Roles
from vobroker.enrich.formats import open_source
from vobroker.enrich.formats.fits import MAX_HEADERS
from vobroker.enrich.formats.source import MAX_TEXT


def cards(*lines: str) -> bytes:
    return b"".join(f"{line:80}".encode() for line in lines)


PRIMARY = cards(
    "SIMPLE  =                    T", "BITPIX  =                    8", "NAXIS   = 0", "END"
).ljust(2880)


def fits_without_end(path: Path) -> None:
    path.write_bytes(
        PRIMARY + cards("XTENSION= 'BINTABLE'") + cards("COMMENT and so on") * (MAX_HEADERS // 80)
    )


def fits_with_giant_axes(path: Path) -> None:
    axes = [f"NAXIS{n}  = {2**62}" for n in (1, 2)]
    told = (
        "BITPIX  = 8",
        "NAXIS   = 2",
        *axes,
        "PCOUNT  = 0",
        "GCOUNT  = 1",
        "TFIELDS = 1",
        "TFORM1  = 'D'",
        "END",
    )
    path.write_bytes(PRIMARY + cards("XTENSION= 'BINTABLE'", *told).ljust(2880))


def packed(path: Path) -> None:
    path.write_bytes(gzip.compress(PRIMARY + bytes(10**6)))


def csv_of_columns(path: Path) -> None:
    path.write_text("ra,dec" + "," * 1000 + "\n1,2\n")


def csv_of_one_line(path: Path) -> None:
    path.write_text(("ra," + "x" * 131_000) * 9)


def parquet_of_columns(path: Path) -> None:
    pq.write_table(pa.table({f"c{n}": pa.nulls(1) for n in range(1001)}), path)


def parquet_of_one_text(path: Path) -> None:
    rows = 2 * MAX_TEXT // 10**6
    texts = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array(["x" * 10**6]))
    pq.write_table(
        pa.table({"ra": np.ones(rows), "dec": np.ones(rows), "t": texts}), path, store_schema=False
    )
    assert path.stat().st_size < 2 * 10**6


def moc_of_a_number(path: Path) -> None:
    path.write_text('{"29": [' + "1" * 5000 + "]}")


def moc_of_depth(path: Path) -> None:
    path.write_text('{"29":' + "[" * 10**6)


def moc_of_bytes(path: Path) -> None:
    path.write_text("0/" + " " * region.MAX_BYTES)


ATTACKS: dict[Callable[[Path], None], str] = {
    fits_without_end: "has headers of more than 4,194,304 bytes",
    fits_with_giant_axes: "cannot be read as FITS",
    packed: "is packed with gzip; unpack it first",
    csv_of_columns: "has 1,002 columns or more; the limit is 1,000",
    csv_of_one_line: "its first line has 1,048,576 characters or more",
    parquet_of_columns: "has 1,001 columns; the limit is 1,000",
    parquet_of_one_text: "column t, from row 1 on: 536 texts have 536,000,000 bytes",
    moc_of_a_number: "is no MOC in FITS, JSON or text: Exceeds the limit",
    moc_of_depth: "is no MOC in FITS, JSON or text: maximum recursion",
    moc_of_bytes: "has more than 16,777,216 bytes; give the MOC as FITS",
}


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_a_bomb_is_refused_and_leaves_nothing(attack: Callable[[Path], None], tmp_path: Path) -> None:
    file, store = tmp_path / "bomb", tmp_path / "store"
    attack(file)
    ways: dict[str, Callable[[], object]] = {
        "catalogue": lambda: catalogue.add(store, "x", open_source(file), Roles("ra", "dec")),
        "region": lambda: region.add(store, "x", file),
        "skymap": lambda: skymap.add(store, "x", file),
        "dustmap": lambda: context.add(store, "x", file),
    }
    kinds = ["region"] if attack.__name__.startswith("moc") else ["catalogue"]
    kinds += ["region", "skymap", "dustmap"] if attack in (fits_without_end, packed) else []
    for kind in kinds:
        with pytest.raises(EnrichError) as refused:
            ways[kind]()
        assert ATTACKS[attack] in str(refused.value)
        assert str(file) in str(refused.value)
    assert not store.exists() or list(store.iterdir()) == []


def test_rows_that_unpack_to_more_than_the_disk_should_take_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "MAX_SPOOL", 0)
    ones = np.ones(10**6)
    pq.write_table(pa.table({"ra": ones, "dec": ones}), tmp_path / "rle.parquet")
    with pytest.raises(EnrichError, match=r"rle\.parquet unpacks to more than 1,\d+,\d+ bytes, which is"):
        catalogue.add(tmp_path / "store", "x", open_source(tmp_path / "rle.parquet"), Roles("ra", "dec"))
