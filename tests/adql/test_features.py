import json

import pytest

from vobroker.adql import AdqlError, parse
from vobroker.adql.features import FEATURES, features


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT * FROM a", {"SELECT *"}),
        ("SELECT a.* FROM a", {"SELECT *"}),
        ("SELECT TOP 5 x FROM a ORDER BY x OFFSET 2", {"TOP", "ORDER BY", "OFFSET"}),
        ("SELECT DISTINCT x FROM a, b", {"DISTINCT", "comma join"}),
        ("WITH w AS (SELECT x FROM a) SELECT x FROM w", {"WITH"}),
        ("SELECT x FROM a UNION ALL SELECT x FROM b", {"UNION ALL"}),
        ("SELECT x FROM (SELECT x FROM a) AS s", {"subquery in FROM"}),
        ("SELECT x FROM a LEFT OUTER JOIN b USING (x)", {"LEFT JOIN", "USING"}),
        ("SELECT x FROM a NATURAL JOIN (b NATURAL JOIN c)", {"NATURAL JOIN", "JOIN", "nested join"}),
        ("SELECT COUNT(*), SUM(DISTINCT x) FROM a", {"COUNT(*)", "SUM", "DISTINCT in an aggregate"}),
        ("SELECT x FROM a WHERE NOT x IN (1, 2)", {"WHERE", "NOT", "IN list"}),
        ("SELECT x FROM a WHERE x IN (SELECT x FROM b)", {"WHERE", "IN subquery"}),
        ("SELECT x FROM a WHERE s ILIKE 'm%' AND x IS NOT NULL", {"WHERE", "ILIKE", "AND", "IS NULL"}),
        ("SELECT \"x\" || 'y' FROM a", {"delimited identifier", "||"}),
        ("SELECT CAST(COALESCE(x, 0) + 1 AS REAL) FROM a", {"CAST", "COALESCE", "arithmetic"}),
        ("SELECT ivo_magic(SQRT(x)) FROM a", {"user-defined function", "SQRT"}),
        ("SELECT DISTANCE(1, 2, x, y) FROM a", {"DISTANCE of four numbers"}),
        (
            "SELECT DISTANCE(POINT('ICRS', 1, 2), p) FROM a",
            {"DISTANCE", "POINT", "coordinate system argument"},
        ),
    ],
)
def test_the_features_of_a_query(text: str, expected: set[str]) -> None:
    assert features(parse(text)) == expected


def test_every_feature_of_the_public_corpus_is_in_the_vocabulary(shared) -> None:
    found = set()
    for line in (shared / "adql/lyonetia.jsonl").read_text().splitlines():
        try:
            found |= features(parse(json.loads(line)["query"]))
        except AdqlError:
            continue
    assert found <= set(FEATURES)
    assert len(found) > 80


def test_what_is_new_in_2_1_is_known_as_such() -> None:
    new = {name for name, feature in FEATURES.items() if feature.since == "2.1"}
    assert {"WITH", "UNION", "CAST", "COALESCE", "IN_UNIT", "ILIKE", "LOWER", "OFFSET"} <= new
    assert not new & {"TOP", "LEFT JOIN", "CONTAINS", "SQRT"}
