"""A MOC in any of its forms is one set of cells, and alerts are in it or not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st
from tests.enrich.conftest import Alerts

from vobroker.enrich import EnrichError, cells, region
from vobroker.sky import healpix29, healpix29_centre
from vobroker.sky.healpix import CELLS


@st.composite
def cell_s(draw: st.DrawFn) -> tuple[int, int]:
    order = draw(st.integers(0, 29))
    return order, draw(st.one_of(st.integers(0, 12 * 4**order - 1), st.just(12 * 4**order - 1)))


@given(st.lists(cell_s(), min_size=1, max_size=30))
def test_cells_of_all_orders_are_the_union_of_their_ranges(found: list[tuple[int, int]]) -> None:
    order, cell = np.array(found, np.int64).T
    uniq = 4 * 4**order + cell
    back = cells.from_uniq(uniq, "x")
    assert (back[0].tolist(), back[1].tolist()) == (order.tolist(), cell.tolist())
    pairs = cells.merged(cells.ranges(order, cell))
    assert (pairs[1:, 0] > pairs[:-1, 1]).all()
    edges = np.unique(np.r_[cells.ranges(order, cell).ravel(), 0, CELLS - 1])
    probes = np.clip(np.r_[edges, edges - 1], 0, CELLS - 1)
    inside = [any(a <= p < b for a, b in cells.ranges(order, cell)) for p in probes.tolist()]
    assert (cells.place(pairs[:, 0], pairs[:, 1], probes) >= 0).tolist() == inside


def as_fits(path: Path, numbers: list[int], **header: Any) -> Path:
    unit = fits.BinTableHDU.from_columns([fits.Column("X", "K", array=np.array(numbers, np.int64))])
    unit.header.update({"MOCDIM": "SPACE", "COORDSYS": "C", **header})
    unit.writeto(path)
    return path


def text(path: Path, content: str) -> Path:
    path.write_text(content)
    return path


WRITE = {
    "nuniq": lambda path: as_fits(path, [4 * 4**1 + 5, 4 * 4**2 + 100], ORDERING="NUNIQ"),
    "range": lambda path: as_fits(path, [5 << 56, 6 << 56, 100 << 54, 101 << 54], ORDERING="RANGE"),
    "json": lambda path: text(path, json.dumps({"1": [5], "2": [100]})),
    "text": lambda path: text(path, "1/5 2/100"),
}


@pytest.mark.parametrize("form", WRITE)
def test_every_form_is_the_same_region(form: str, tmp_path: Path, alerts: Alerts) -> None:
    info = region.add(tmp_path / "store", "field", WRITE[form](tmp_path / "moc"))
    assert (info.ranges, info.sky) == (2, pytest.approx(1 / 48 + 1 / 192))
    layer = region.Region(tmp_path / "store" / "field")
    ra, dec = healpix29_centre([5 << 56, (6 << 56) - 1, 6 << 56, 100 << 54])
    found = layer.of(alerts(np.r_[ra, np.nan], np.r_[dec, np.nan]))
    assert found.rows.tolist() == [0, 1, 3]
    assert found.values.to_pylist()[-1] == {"survey": "lsst", "alert_id": 4}


def test_poles_and_the_meridian_are_no_special_places(tmp_path: Path, alerts: Alerts) -> None:
    ra, dec = np.array([0.0, 359.9999999, 1e-13, 45.0, 200.0]), np.array([0.0, 0.0, 0.0, 90.0, -90.0])
    for number, cell in enumerate((healpix29(ra, dec) >> 2 * (29 - 9)).tolist()):
        region.add(tmp_path / "store", f"r{number}", text(tmp_path / "moc", f"9/{cell}"))
        layer = region.Region(tmp_path / "store" / f"r{number}")
        assert number in layer.of(alerts(ra, dec)).rows.tolist()


WRONG = {
    "is no MOC: its ordering is NESTED": lambda path: as_fits(path, [1], ORDERING="NESTED"),
    "is a MOC of time": lambda path: as_fits(path, [4], ORDERING="NUNIQ", MOCDIM="TIME"),
    "in the system G": lambda path: as_fits(path, [4], ORDERING="NUNIQ", COORDSYS="G"),
    "row 2: 3 is no cell in NUNIQ": lambda path: as_fits(path, [4, 3], ORDERING="NUNIQ"),
    "row 3: there is no such range": lambda path: as_fits(path, [1, 2, 9, 9], ORDERING="RANGE"),
    "order 0 has no cell 12": lambda path: text(path, '{"0": [12]}'),
    "'30' is no order": lambda path: text(path, '{"30": [1]}'),
    "order 1 has no cell True": lambda path: text(path, '{"1": [true]}'),
    "is empty": lambda path: text(path, "{}"),
    "is no MOC in FITS, JSON or text": lambda path: text(path, "[" * 100_000),
    "cannot read": lambda path: path,
}


@pytest.mark.parametrize("sentence", WRONG)
def test_what_is_no_moc_is_told(sentence: str, tmp_path: Path) -> None:
    with pytest.raises(EnrichError, match=sentence):
        region.add(tmp_path / "store", "field", WRONG[sentence](tmp_path / "moc"))
    assert not (tmp_path / "store" / "field").exists()
