"""Filters that name catalogues: what they may say, and that each alert is judged with its best match."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vobroker.adql import AdqlError
from vobroker.alerts.batch import AlertBatch
from vobroker.enrich import Enrichment, catalogue
from vobroker.enrich.catalogue import Roles
from vobroker.enrich.formats import open_source
from vobroker.filters import Filter, compile_filter, filter_tables, run

USING = "USING (survey, alert_id)"


@pytest.fixture(scope="module")
def batch(nights: dict[str, list[AlertBatch]]) -> AlertBatch:
    return nights["lsst"][0]


@pytest.fixture(scope="module")
def enrichment(batch: AlertBatch, tmp_path_factory: pytest.TempPathFactory) -> Enrichment:
    """A catalogue of every third alert, every second of those with a neighbour; and one of nothing near."""
    folder = tmp_path_factory.mktemp("store")
    ra, dec = (np.array(batch.alert[name])[::3] for name in ("ra", "dec"))
    kind = ["AGN", "star"] * len(ra)
    columns = {
        "ra": np.r_[ra, ra[::2]],
        "dec": np.r_[dec, dec[::2] + 0.5 / 3600],
        "kind": kind[: len(ra)] + ["galaxy"] * len(ra[::2]),
        "z": pa.array(np.r_[np.arange(len(ra)) / 100, np.full(len(ra[::2]), np.nan)]),
    }
    pq.write_table(pa.table(columns), folder / "near.parquet")
    pq.write_table(pa.table({"ra": [0.0], "dec": [88.0], "kind": ["x"]}), folder / "far.parquet")
    for name in ("near", "far"):
        source = open_source(folder / f"{name}.parquet")
        catalogue.add(folder / "store", name, source, Roles("ra", "dec", radius=1))
    return Enrichment.open(folder / "store")


def compiled(enrichment: Enrichment, text: str, name: str = "f") -> Filter:
    return compile_filter(name, text, filter_tables() | enrichment.tables)


def test_a_join_lets_through_who_has_a_match(batch: AlertBatch, enrichment: Enrichment) -> None:
    found = enrichment.of(batch)
    texts = [
        f"SELECT alert.alert_id, m.kind, m.separation, m.z FROM alert JOIN match_near AS m {USING}",
        f"SELECT alert_id FROM alert LEFT JOIN match_near AS m {USING} WHERE m.separation IS NULL",
        f"SELECT kind FROM alert JOIN match_near {USING} WHERE n_matches > 1 AND kind = 'AGN'",
        f"SELECT m.kind FROM match_near AS m JOIN alert {USING} LEFT JOIN match_far AS f {USING}"
        " WHERE f.kind IS NULL AND m.z > 0.015",
        f"SELECT psfFlux FROM alert JOIN lsst {USING} JOIN match_near {USING} JOIN match_far {USING}",
        "SELECT z + 1 AS y FROM match_near WHERE kind <> 'galaxy'",
        "SELECT mag FROM alert",
    ]
    answers = run([compiled(enrichment, text, f"f{n}") for n, text in enumerate(texts)], batch, found)
    assert [answer.error for answer in answers] == [None] * len(texts)
    third = list(range(0, len(batch), 3))
    rows = [answer.rows.to_pylist() for answer in answers]
    assert rows[0] == third
    assert rows[1] == sorted(set(range(len(batch))) - set(third))
    assert rows[2] == third[::2]
    assert rows[3] == [row for n, row in enumerate(third) if n / 100 > 0.015]
    assert rows[4] == []
    assert rows[5] == third
    assert rows[6] == list(range(len(batch)))
    first = answers[0].result
    assert first["alert_id"].to_pylist() == [batch.alert["alert_id"][row].as_py() for row in third]
    assert first["z"].to_pylist() == pytest.approx([n / 100 for n in range(len(third))])
    assert answers[5].result["y"].to_pylist() == pytest.approx([1 + n / 100 for n in range(len(third))])


def test_a_catalogue_that_fails_fails_those_who_name_it(batch: AlertBatch, enrichment: Enrichment) -> None:
    text = f"SELECT mag FROM alert JOIN match_near {USING}"
    filters = [compiled(enrichment, text, "a"), compiled(enrichment, "SELECT mag FROM alert", "b")]
    named, other = run(filters, batch, {})
    assert (named.error, len(named.rows)) == ("there is no match_near any more", 0)
    assert (other.error, len(other.rows)) == (None, len(batch))


@pytest.mark.parametrize(
    "tables",
    [
        "alert, match_near",
        "alert JOIN match_near ON alert.alert_id = match_near.alert_id",
        "alert NATURAL JOIN match_near",
        "match_near RIGHT JOIN alert USING (survey, alert_id)",
        "alert FULL JOIN match_near USING (survey, alert_id)",
        "alert LEFT JOIN lsst USING (survey, alert_id)",
        "alert JOIN match_near USING (alert_id)",
        "alert JOIN match_near AS a USING (survey, alert_id) JOIN match_near AS b USING (survey, alert_id)",
        "lsst JOIN ztf USING (survey, alert_id) JOIN match_near USING (survey, alert_id)",
    ],
)
def test_other_joins_are_refused(tables: str, enrichment: Enrichment) -> None:
    with pytest.raises(AdqlError) as error:
        compiled(enrichment, f"SELECT 1 AS one FROM {tables}")
    assert error.value.code in ("filter", "type", "ambiguous-column")


def test_the_version_of_a_filter_is_that_of_its_text(enrichment: Enrichment, tmp_path: Path) -> None:
    text = f"SELECT kind FROM alert JOIN match_near {USING}"
    assert (
        compiled(enrichment, text).version
        == compiled(enrichment, text.lower().replace("using", "USING")).version
    )
    assert compiled(enrichment, text).enriched == {"match_near": True}
