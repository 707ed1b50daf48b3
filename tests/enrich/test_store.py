"""A store is looked at before each batch: what comes is used, what is damaged is told, what goes is gone."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.enrich.conftest import Alerts, Make

from vobroker.enrich import EnrichError, Enrichment, store


def test_what_comes_and_goes_is_noticed(make: Make, alerts: Alerts, tmp_path: Path) -> None:
    place = tmp_path / "store"
    enrichment = Enrichment.open(place)
    batch = alerts([1.0, 5.0], [2.0, 5.0])
    assert list(enrichment.of(batch)) == ["context"]
    make({"ra": [1.0], "dec": [2.0]}, name="one")
    make({"ra": [5.0], "dec": [5.0]}, name="two", kind="watchlist")
    found = enrichment.of(batch)
    assert {name: one.rows.tolist() for name, one in found.items()} == {
        "match_one": [0],
        "watchlist_two": [1],
        "context": [0, 1],
    }
    before = enrichment.layers
    enrichment.of(batch)
    assert all(one is other for one, other in zip(enrichment.layers, before, strict=True))

    store.remove(place, "one", "catalogue")
    (place / "two" / "vobroker.json").write_text("{}")
    assert list(enrichment.of(batch)) == ["context"]
    assert "is no catalogue, or a damaged one" in enrichment.damaged["match_two"]
    with pytest.raises(EnrichError, match="is no catalogue"):
        Enrichment.open(place)
    store.remove(place, "two", "watchlist")
    assert store.names(place) == []
    with pytest.raises(EnrichError, match="there is no watchlist called 'two'"):
        store.remove(place, "two", "watchlist")
