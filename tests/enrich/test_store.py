"""A store is looked at before each batch: what comes is used, what is damaged is told, what goes is gone."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.enrich.conftest import Make

from vobroker.alerts.decode import decode
from vobroker.alerts.schemas import default_schemas
from vobroker.enrich import EnrichError, Enrichment, store
from vobroker.sources.simulator import as_raw_batches, simulate


def test_what_comes_and_goes_is_noticed(make: Make, tmp_path: Path) -> None:
    place = tmp_path / "store"
    enrichment = Enrichment.open(place)
    (raw,) = as_raw_batches(simulate("ztf", seed=1, visits=1, alerts_per_visit=2, cutouts=False))
    (batch,) = decode(raw, default_schemas()).batches
    ra, dec = (batch.alert[name].to_pylist() for name in ("ra", "dec"))
    assert list(enrichment.of(batch)) == ["context", "history"]
    make({"ra": ra[:1], "dec": dec[:1]}, name="one")
    make({"ra": ra[1:], "dec": dec[1:]}, name="two", kind="watchlist")
    found = enrichment.of(batch)
    assert {name: one.rows.tolist() for name, one in found.items()} == {
        "match_one": [0],
        "watchlist_two": [1],
        "context": [0, 1],
        "history": [0, 1],
    }
    before = enrichment.layers
    enrichment.of(batch)
    assert all(one is other for one, other in zip(enrichment.layers, before, strict=True))

    store.remove(place, "one", "catalogue")
    (place / "two" / "vobroker.json").write_text("{}")
    assert list(enrichment.of(batch)) == ["context", "history"]
    assert "is no catalogue, or a damaged one" in enrichment.damaged["match_two"]
    with pytest.raises(EnrichError, match="is no catalogue"):
        Enrichment.open(place)
    store.remove(place, "two", "watchlist")
    assert store.names(place) == []
    with pytest.raises(EnrichError, match="there is no watchlist called 'two'"):
        store.remove(place, "two", "watchlist")
