"""STILTS finds nothing wrong with a VOTable, and reads the same values from every format that it knows."""

from __future__ import annotations

from datetime import datetime
from math import inf, nan
from pathlib import Path

import numpy as np
import pytest
from tests.stilts import Stilts
from tests.tap.formats.results import batch, written

from vobroker.alerts.columns import ALERT
from vobroker.tap.formats import find
from vobroker.votypes.columns import Column

# Of the types with an xtype those of DALI 1.1, which this STILTS knows. Its check of polygons in a stream of
# bytes takes too few of them off and loses its place, whatever wrote them; it reads them rightly (below).
LINTED = (
    *("BOOLEAN", "SMALLINT", "INTEGER", "BIGINT", "REAL", "DOUBLE", "VARCHAR", "TIMESTAMP", "BLOB"),
    *("INTERVAL", "INTERVAL(BIGINT)", "POINT", "POINT(REAL)", "CIRCLE", "REGION"),
)
VALUES = {
    "BOOLEAN": [True, False],
    "SMALLINT": [-32767, 32767],
    "INTEGER": [1 - 2**31, 2**31 - 1],
    "BIGINT": [1 - 2**63, 2**63 - 1],
    "REAL": [0.1, -inf],
    "DOUBLE": [5e-324, inf],
    "VARCHAR": ["α Cen & <b>]]>", 'tab\t, quote " and\nline'],
    "TIMESTAMP": [datetime(2026, 11, 24, 1, 2, 3, 456789), datetime(1999, 12, 31)],
    "BLOB": [b"\x00\xff", b"a"],
    "INTERVAL": [(1.0, 2.0), (-inf, inf)],
    "INTERVAL(BIGINT)": [(1, 2), (3, 2**60)],
    "POINT": [(10.0, -20.0), (359.9, 90.0)],
    "POINT(REAL)": [(1.5, 2.5), (0.0, 0.0)],
    "CIRCLE": [(1.0, 2.0, 3.0), (4.0, 5.0, 0.5)],
    "REGION": ["Circle ICRS 10 20 0.5", "Union ICRS (Circle 1 2 3 Circle 4 5 6)"],
    "POLYGON": [(1.0, 2.0, 3.0, 4.0, 5.0, 6.0), (0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0)],
}
VOTABLES = ("votable", "votable/td", "votable/b", "votable/b2", "xml")
every = pytest.mark.parametrize("form", VOTABLES)


def put(folder: Path, form: str, columns: tuple[Column, ...], values: list[list[object]]) -> Path:
    file = folder / f"result.{find(form).suffix}"
    file.write_bytes(written(form, [batch(columns, values)] * 2, columns, title="A result"))
    return file


@every
def test_votlint_finds_nothing_wrong_with_any_type(form: str, stilts: Stilts, tmp_path: Path) -> None:
    columns = tuple(Column(f"c_{number}", name) for number, name in enumerate(LINTED))
    assert stilts.lint(put(tmp_path, form, columns, [VALUES[name] for name in LINTED])) == []


@every
def test_votlint_finds_nothing_wrong_with_alerts_and_nulls(form: str, stilts: Stilts, tmp_path: Path) -> None:
    values = [[*VALUES[column.type], None] for column in ALERT]
    service = (
        '<RESOURCE type="meta" utype="adhoc:service">'
        '<PARAM name="standardID" datatype="char" arraysize="*" value="ivo://ivoa.net/std/DataLink#links-1.1"/>'
        '<GROUP name="inputParams">'
        '<PARAM name="ID" datatype="char" arraysize="*" value="" ref="alert_id"/></GROUP>'
        "</RESOURCE>"
    )
    file = tmp_path / "alerts.vot"
    file.write_bytes(
        written(
            form,
            [batch(ALERT.columns, values)],
            ALERT.columns,
            title=ALERT.description,
            infos=(("QUERY", "SELECT * FROM alert WHERE mag < 20", ""),),
            resources=(service,),
        )
    )
    assert stilts.lint(file) == []


def test_votlint_does_find_what_is_wrong(stilts: Stilts, tmp_path: Path) -> None:
    file = put(tmp_path, "votable/td", (Column("x", "INTEGER"),), [[1, 2]])
    file.write_text(file.read_text().replace("<TD>1</TD>", "<TD>one</TD>"))
    assert any("one" in problem for problem in stilts.lint(file))


@pytest.mark.parametrize(("form", "reader"), [*((form, "votable") for form in VOTABLES), ("fits", "fits")])
def test_it_reads_every_value(form: str, reader: str, stilts: Stilts, tmp_path: Path) -> None:
    columns = tuple(Column(f"c_{number}", name) for number, name in enumerate(VALUES))
    values = [[*VALUES[column.type], None] for column in columns]
    table = stilts.read(put(tmp_path, form, columns, values), reader)
    assert len(table) == 6
    for column, wanted in zip(columns, values, strict=True):
        found = table[column.name]
        for row in (0, 1, 3, 4):
            value = wanted[row % 3]
            if isinstance(value, datetime):
                value = value.isoformat(timespec="microseconds")
            if isinstance(value, str) and form == "fits":
                value = "".join(c if " " <= c <= "~" else "?" for c in value)
            if isinstance(value, bytes | tuple):
                # Rows of two lengths come back as arrays filled up to the longer.
                part = np.asarray(found[row])[: len(value)]
                assert part.astype(np.float64).tolist() == pytest.approx(list(value)), column.type
            elif column.type == "REAL":
                assert found[row] == np.float32(value)
            else:
                assert found[row] == value, column.type
        if column.type in ("BOOLEAN", "SMALLINT", "INTEGER", "BIGINT"):
            assert found[2] is np.ma.masked
            assert found[5] is np.ma.masked
        elif column.type in ("REAL", "DOUBLE"):
            assert found[2] is np.ma.masked or np.isnan(found[2])


def test_it_reads_csv(stilts: Stilts, tmp_path: Path) -> None:
    names = ("BOOLEAN", "INTEGER", "BIGINT", "DOUBLE", "VARCHAR", "TIMESTAMP")
    columns = tuple(Column(name.lower(), name) for name in names)
    values: list[list[object]] = [[VALUES[name][0], None, VALUES[name][1]] for name in names]
    values[3] = [1.5, None, nan]
    values[4][0] = "plain"  # STILTS hands other letters on in a way that astropy does not read
    table = stilts.read(put(tmp_path, "csv", columns, values), "csv")
    assert table.colnames == [column.name for column in columns]
    assert table["boolean"].tolist()[:3] == [True, None, False]
    assert table["bigint"].tolist()[:3] == [1 - 2**63, None, 2**63 - 1]
    assert table["varchar"][2] == VALUES["VARCHAR"][1]
    assert table["double"][0] == 1.5
    assert table["timestamp"][0] == "2026-11-24T01:02:03.456789"


@every
def test_units_ucds_and_descriptions_arrive(form: str, stilts: Stilts, tmp_path: Path) -> None:
    columns = (ALERT["mag"], ALERT["ra"])
    table = stilts.read(put(tmp_path, form, columns, [[18.5], [1.0]]), "votable")
    assert (str(table["mag"].unit), table["mag"].meta["ucd"]) == ("mag", "phot.mag")
    assert table["ra"].description == ALERT["ra"].description
