"""The examples: described, ready for the tables that they name, and finding what they are for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.enrich.test_skymap import COUNT, ORDER, flat

from vobroker.adql import AdqlError
from vobroker.alerts.batch import AlertBatch
from vobroker.alerts.decode import decode
from vobroker.alerts.schemas import default_schemas
from vobroker.enrich import Enrichment, catalogue, skymap
from vobroker.enrich.catalogue import Roles
from vobroker.enrich.formats import open_source
from vobroker.filters import FilterRun, examples, filter_tables, run, shipped_filter, starter_filters
from vobroker.sources import simulator

Nights = dict[str, list[AlertBatch]]
NAMES = (
    "agn-flare", "cataclysmic-variable", "dwarf-nova", "high-amplitude-variable", "in-my-list",
    "in-my-sky-map", "kilonova-candidate-near-galaxy", "microlensing", "near-earth-object",
    "tidal-disruption",
)  # fmt: skip

OF_ZTF = {"agn-flare", "cataclysmic-variable", "microlensing", "tidal-disruption"}
OF_RUBIN = {"dwarf-nova", "high-amplitude-variable", "near-earth-object"}
# Nothing simulated is a microlens, these packets have no history, and ZTF's transients are too bright.
MISSED = {"microlensing", "tidal-disruption", "kilonova-candidate-near-galaxy"}
FOUND = {
    "lsst": set(NAMES) - OF_ZTF,
    "ztf": set(NAMES) - OF_RUBIN - MISSED,
}


@pytest.fixture(scope="module")
def enrichment(nights: Nights, tmp_path_factory: pytest.TempPathFactory) -> Enrichment:
    """Catalogues at the places of all alerts, with columns named as those of alerts; and a sky map."""
    folder = tmp_path_factory.mktemp("store")
    alerts = pa.concat_tables(
        pa.Table.from_batches([b.alert]) for batches in nights.values() for b in batches
    )
    ra, dec = (alerts[name].to_numpy() for name in ("ra", "dec"))
    columns = {name: alerts[name] for name in ("object_id", "ra", "mag", "mjd", "survey")}
    columns |= {"dec": dec + 1.5 / 3600, "a": np.full(len(ra), 5.0), "b": np.full(len(ra), 4.0)}
    columns |= {"pa": np.zeros(len(ra)), "z": np.full(len(ra), 0.02)}
    pq.write_table(pa.table(columns), folder / "galaxies.parquet")
    pq.write_table(pa.table({"ra": ra, "dec": dec, "id": alerts["object_id"]}), folder / "plain.parquet")
    ellipses = Roles("ra", "dec", radius=2, major="a", minor="b", angle="pa", factor=4)
    catalogue.add(folder / "s", "galaxies", open_source(folder / "galaxies.parquet"), ellipses)
    for name, kind in (("agn", "catalogue"), ("mine", "watchlist")):
        source = open_source(folder / "plain.parquet")
        catalogue.add(folder / "s", name, source, Roles("ra", "dec", "id", radius=1), kind=kind)
    prob, here = np.full(COUNT, 0.3 / COUNT), np.unique(alerts["healpix"].to_numpy() >> 2 * (29 - ORDER))
    prob[here] += 0.7 / len(here)
    event = {"MJD-OBS": float(np.nanmin(alerts["mjd"].to_numpy())) - 1}
    skymap.add(folder / "s", "event", flat(folder / "map.fits", prob / prob.sum(), **event))
    return Enrichment.open(folder / "s")


def test_examples_are_described_and_say_what_they_need() -> None:
    assert tuple(examples()) == NAMES
    for one in examples().values():
        assert one.title != one.name
        assert len(one.description) > 60
        assert all(f"Table: {table}" in one.description for table in one.needs)
        assert ("Table: " in one.description) == bool(one.needs)
        assert one.survey is None or {"ztf": "(ZTF)", "lsst": "(Rubin)"}[one.survey] in one.title
    assert not set(examples()) & {f.name for f in starter_filters()}


def test_an_example_without_its_table_says_how_to_make_it() -> None:
    with pytest.raises(
        AdqlError, match="needs the table watchlist_mine; 'vobroker watchlist add FILE --name mine'"
    ):
        shipped_filter("in-my-list", filter_tables())
    assert shipped_filter("nosuch", filter_tables()) is None
    assert shipped_filter("young-supernova", filter_tables()) is not None


@pytest.mark.parametrize("survey", ["lsst", "ztf"])
def test_examples_judge_nights(nights: Nights, enrichment: Enrichment, survey: str) -> None:
    filters = [one.compiled(filter_tables() | enrichment.tables) for one in examples().values()]
    passed: dict[str, list[FilterRun]] = {}
    for batch in nights[survey]:
        for answer in run(filters, batch, enrichment.of(batch)):
            assert answer.error is None, answer.filter.name
            passed.setdefault(answer.filter.name, []).append(answer)
    counts = {name: sum(len(answer.rows) for answer in answers) for name, answers in passed.items()}
    seen = sum(map(len, nights[survey]))
    assert set(counts) == {one.name for one in examples().values() if one.survey in (None, survey)}
    assert all(count < seen for count in counts.values())
    assert {name for name, count in counts.items() if count} >= FOUND[survey]


def test_what_asks_for_a_colour_gets_it_from_the_packets(supernova: AlertBatch, tmp_path: Path) -> None:
    enrichment = Enrichment.open(tmp_path)
    filters = [examples()["tidal-disruption"].compiled(filter_tables() | enrichment.tables)]

    def passed(batch: AlertBatch) -> int:
        (answer,) = run(filters, batch, enrichment.of(batch))
        assert answer.error is None
        return len(answer.rows)

    visits = simulator.simulate("ztf", seed=3, nights=12, visits=4, alerts_per_visit=40, cutouts=False)
    decoded = [decode(raw, default_schemas()) for raw in simulator.as_raw_batches(visits)]
    assert 0 < sum(passed(batch) for one in decoded for batch in one.batches) < 100
    assert passed(supernova) == 0  # 4 arcsec from the nearest source, and red
