"""Tables of strangers: read in a process of their own, recognised, made, or refused with the reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import Table

from vobroker.enrich import EnrichError, apart, catalogue
from vobroker.enrich.recognise import recognised
from vobroker.votypes.columns import Column

CSV = "name,RAJ2000,DEJ2000,mag\nM31,10.68,41.27,3.4\nM33,23.46,30.66,5.7\n"
ROLES = {"ra": "RAJ2000", "dec": "DEJ2000", "id": "name", "radius": 5.0}


def quiet(*_: object) -> None:
    pass


def answer(file: Path, *, rows: int = 1000, **roles: object) -> dict:
    """What the process answers, without one."""
    told = {"store": str(file.parent / "made"), "name": "mine", "roles": ROLES | roles, "rows": rows}
    return apart.answer({"do": "make", "file": str(file), "origin": "mine.csv"} | told)


def test_a_table_is_looked_at_and_made(tmp_path: Path) -> None:
    file = tmp_path / "table"
    file.write_text(CSV + "nowhere,NaN,1,1\n")
    look = apart.look(file, called="mine.csv", rows=1000)
    assert look.roles == {"ra": "RAJ2000", "dec": "DEJ2000", "id": "name"}
    assert look.first[0] == ["M31", "10.68", "41.27", "3.4"]
    seen: list[tuple] = []
    (said,) = apart.make(
        tmp_path / "made",
        file,
        "mine",
        ROLES,
        called="mine.csv",
        rows=9,
        watch=lambda *on: seen.append(on),
        owner="ada",
    )
    assert "1 row is left out" in said
    info = catalogue.read(tmp_path / "made" / "mine")
    assert (info.rows, info.owner, info.source, info.kind) == (2, "ada", "mine.csv", "watchlist")
    assert seen[0][0] == "reading"


def fits(path: Path) -> None:
    Table({"ra": [1.0] * 1000, "dec": [2.0] * 1000}).write(path, format="fits")
    path.write_bytes(path.read_bytes()[:6000])


def bomb(path: Path) -> None:
    """Some 100 kB that unpack to 3.6 GB of positions."""
    zeros = pa.table({"RAJ2000": np.zeros(10_000_000), "DEJ2000": np.zeros(10_000_000)})
    with pq.ParquetWriter(path, zeros.schema, compression="zstd") as writer:
        for _ in range(3):
            writer.write_table(zeros, row_group_size=10_000_000)


REFUSED = {
    "same": (lambda path: path.write_text(CSV + "M31,1,1,1\n"), {}, "the identifier M31 is there 2 times"),
    "words": (
        lambda path: path.write_text(CSV.replace("10.68", "x")),
        {},
        "RAJ2000 is VARCHAR, and no number",
    ),
    "nowhere": (
        lambda path: path.write_text("name,RAJ2000,DEJ2000\na,NaN,1\nb,1,NaN\n"),
        {},
        "none of its 2 rows",
    ),
    "beyond": (lambda path: path.write_text("name,RAJ2000,DEJ2000\na,1,91\n"), {}, "none of its 1 rows"),
    "truncated": (fits, {"ra": "ra", "dec": "dec", "id": ""}, "table"),
    "bomb": (bomb, {"id": ""}, "more than 1,000 rows"),
    "page": (lambda path: path.write_text("<html><body>502</body></html>"), {}, "cannot be read as VOTable"),
    "packed": (lambda path: path.write_bytes(b"\x1f\x8b" + bytes(600)), {}, "packed with gzip"),
    "noise": (lambda path: path.write_bytes(bytes(range(256)) * 40), {}, "cannot be read as CSV"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_used_is_refused_with_the_reason(tmp_path: Path, what: str) -> None:
    write, roles, said = REFUSED[what]
    file = tmp_path / "table"
    write(file)
    assert said in answer(file, **roles)["error"]
    assert not list((tmp_path / "made").glob("*"))


def test_reading_ends_with_its_memory_and_says_nothing_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "table"
    bomb(file)
    monkeypatch.setattr(apart, "BYTES", 100_000_000)
    with pytest.raises(EnrichError) as error:
        apart.look(file, called="mine.parquet", rows=1000)
    assert str(tmp_path) not in str(error.value)


def test_positions_are_recognised_by_ucd_and_then_by_name() -> None:
    columns = [
        Column("ra", "VARCHAR", "", "", ""),
        Column("alpha", "DOUBLE", "deg", "pos.eq.ra", ""),
        Column("best", "DOUBLE", "deg", "pos.eq.ra;meta.main", ""),
        Column("Dec", "REAL", "deg", "", ""),
    ]
    assert recognised(columns) == {"ra": "best", "dec": "Dec"}
