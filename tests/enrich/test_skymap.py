"""Where an alert lies in a sky map: the probability of the smallest credible region around it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cdshealpix
import numpy as np
import pytest
from astropy.io import fits
from astropy.time import Time
from tests.enrich.conftest import Alerts

from vobroker.enrich import EnrichError, skymap
from vobroker.sky import healpix29_centre

ORDER = 3
COUNT = 12 * 4**ORDER


def probabilities() -> np.ndarray:
    made = np.random.default_rng(2).exponential(size=COUNT) ** 3
    return made / made.sum()


def multiorder(path: Path, prob: np.ndarray, **header: Any) -> Path:
    """All cells of an order but the first four, which are one of the order before."""
    density = prob * COUNT / (4 * np.pi)
    uniq = np.r_[4 * 4 ** (ORDER - 1), 4 * 4**ORDER + np.arange(4, COUNT)]
    columns = {"UNIQ": uniq, "PROBDENSITY": np.r_[density[:4].mean(), density[4:]]}
    columns |= {"DISTMU": np.full(len(uniq), 40.0), "DISTSIGMA": np.r_[np.inf, np.full(len(uniq) - 1, 8.0)]}
    made = [fits.Column(name, "K" if name == "UNIQ" else "D", array=v) for name, v in columns.items()]
    unit = fits.BinTableHDU.from_columns(made)
    unit.header.update({"ORDERING": "NUNIQ", "COORDSYS": "C", "MJD-OBS": 57982.528, **header})
    unit.writeto(path, overwrite=True)
    return path


def flat(path: Path, prob: np.ndarray, ordering: str = "NESTED", **header: Any) -> Path:
    if ordering == "RING":
        prob = prob[cdshealpix.from_ring(np.arange(COUNT, dtype=np.uint64), ORDER)]
    unit = fits.BinTableHDU.from_columns([fits.Column("PROB", "D", array=prob)])
    unit.header.update({"ORDERING": ordering, **header})
    unit.writeto(path, overwrite=True)
    return path


def centres(cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return healpix29_centre((cells << 2 * (29 - ORDER)) + 12345)


def test_the_level_is_the_probability_of_all_that_is_denser(tmp_path: Path, alerts: Alerts) -> None:
    prob = probabilities()
    info = skymap.add(tmp_path / "store", "gw", multiorder(tmp_path / "m.fits", prob), level=0.9)
    found = skymap.SkyMap(tmp_path / "store" / "gw").of(alerts(*centres(np.arange(COUNT))))
    mean = np.r_[np.full(4, prob[:4].mean()), prob[4:]]
    level = np.array([mean[mean >= one].sum() for one in mean])
    inside = np.flatnonzero(level <= 0.9 + 1e-9)
    assert found.rows.tolist() == inside.tolist()
    rows = found.values.to_pydict()
    assert rows["credible_level"] == pytest.approx(level[inside].tolist())
    assert rows["density"] == pytest.approx((mean[inside] * COUNT / (4 * np.pi)).tolist())
    assert rows["distance_mu"] == [40.0] * len(inside)
    assert {rows["distance_sigma"][n] for n, cell in enumerate(inside) if cell < 4} <= {None}
    assert rows["event_mjd"][0] == Time(57982.528, format="mjd", scale="utc").tai.mjd
    assert info.total == pytest.approx(1)
    assert info.area == pytest.approx(len(inside) / COUNT * 41252.96, rel=1e-4)


def test_flat_maps_in_either_order_are_the_same(tmp_path: Path, alerts: Alerts) -> None:
    prob = probabilities()
    places = alerts(*centres(np.arange(COUNT)))
    answers = []
    for name in ("NESTED", "RING"):
        skymap.add(tmp_path / "store", name.lower(), flat(tmp_path / "m.fits", prob, name), level=1)
        answers.append(skymap.SkyMap(tmp_path / "store" / name.lower()).of(places).values.to_pydict())
    assert answers[0] == answers[1]
    assert len(answers[0]["credible_level"]) == COUNT
    assert answers[0]["event_mjd"][0] is None
    assert max(answers[0]["credible_level"]) == pytest.approx(1)


def damaged(change: Any) -> Any:
    def write(path: Path) -> Path:
        prob = probabilities()
        change(prob)
        return flat(path, prob)

    return write


def twice(path: Path) -> Path:
    multiorder(path, probabilities())
    with fits.open(path, mode="update") as file:
        file[1].data["UNIQ"][5] = file[1].data["UNIQ"][0]
        file[1].data["PROBDENSITY"][[0, 5]] = 0
    return path


WRONG = {
    "row 3: -0.5 is no probability": damaged(lambda prob: np.put(prob, 2, -0.5)),
    "row 8: nan is no probability": damaged(lambda prob: np.put(prob, 7, np.nan)),
    "have the sum 3, not 1": damaged(lambda prob: np.multiply(prob, 3, out=prob)),
    "row 6: the cell lies in another one": twice,
    "no sky of HEALPix cells": lambda path: flat(path, probabilities()[:-1]),
    "is in Galactic coordinates": lambda path: flat(path, probabilities(), COORDSYS="GALACTIC"),
    "its ordering is not given": lambda path: flat(path, probabilities(), ""),
    "MJD-OBS is yesterday": lambda path: multiorder(path, probabilities(), **{"MJD-OBS": "yesterday"}),
}


@pytest.mark.parametrize("sentence", WRONG)
def test_what_is_no_map_is_told(sentence: str, tmp_path: Path) -> None:
    with pytest.raises(EnrichError, match=sentence):
        skymap.add(tmp_path / "store", "gw", WRONG[sentence](tmp_path / "m.fits"))
    assert not (tmp_path / "store" / "gw").exists()


def test_a_level_is_a_probability(tmp_path: Path) -> None:
    with pytest.raises(EnrichError, match=r"a level of 1\.5 is not between"):
        skymap.add(tmp_path / "store", "gw", flat(tmp_path / "m.fits", probabilities()), level=1.5)
