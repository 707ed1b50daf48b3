"""Texts and their trees, production by production of ADQL 2.1."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vobroker.adql import AdqlError, parse, to_text, tree
from vobroker.adql.parser import parser


def value(text: str) -> tree.Value:
    select = parse(f"SELECT {text} FROM t").body
    assert isinstance(select, tree.Select)
    item = select.items[0]
    assert isinstance(item, tree.DerivedColumn)
    return item.value


def where(text: str) -> tree.Condition:
    select = parse(f"SELECT a FROM t WHERE {text}").body
    assert isinstance(select, tree.Select)
    assert select.where is not None
    return select.where


def kind(node: tree.Node) -> str:
    return type(node).__name__


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("1", "Number"), (".5e-3", "Number"), ("12.", "Number"), ("'it''s'", "String"), ("NULL", "Null"),
        ("a.b.c.d", "ColumnReference"), ('"a b"."c""d"', "ColumnReference"), ("-a", "Signed"),
        ("a + b * 2", "Arithmetic"), ("a || 'x' || b", "Concatenation"), ("PI()", "Function"),
        ("ROUND(a, -2)", "Function"), ("ivo_fn()", "Function"), ("ivo_fn(a, 'x', POINT(1, 2))", "Function"),
        ("COUNT(*)", "Aggregate"), ("COUNT(DISTINCT a)", "Aggregate"), ("COALESCE(a, 1)", "Function"),
        ("CAST(a AS DOUBLE PRECISION)", "Cast"), ("CAST(a AS VARCHAR(12))", "Cast"),
        ("IN_UNIT(a, 'arcsec')", "InUnit"), ("CASE WHEN a > 1 THEN 2 ELSE 3 END", "Case"),
        ("CASE a WHEN 1 THEN 'x' END", "Case"), ("POINT(1, 2)", "Point"), ("POINT('ICRS', 1, 2)", "Point"),
        ("CIRCLE(1, 2, 3)", "Circle"), ("CIRCLE(p, 3)", "Circle"), ("CIRCLE('', POINT(1, 2), 3)", "Circle"),
        ("BOX(1, 2, 3, 4)", "Box"), ("BOX(POINT(1, 2), 3, 4)", "Box"), ("POLYGON(1,2, 3,4, 5,6)", "Polygon"),
        ("POLYGON(p, q, r, s)", "Polygon"), ("CENTROID(CIRCLE(1, 2, 3))", "Centroid"),
        ("REGION('circle 1 2 3')", "Region"), ("DISTANCE(1, 2, 3, 4)", "Function"),
        ("DISTANCE(p, POINT(1, 2))", "Function"), ("(((a)))", "ColumnReference"),
    ],
)  # fmt: skip
def test_values(text: str, node: str) -> None:
    assert kind(value(text)) == node


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("a = 1", "Comparison"), ("a != 1", "Comparison"), ("a <> 1 AND b >= 2", "Logical"),
        ("NOT a < 1", "Not"), ("a BETWEEN 1 AND 2", "Between"), ("a NOT IN (1, 'b', c)", "In"),
        ("a IN (SELECT b FROM t)", "In"), ("a LIKE 'x%'", "Like"), ("a NOT ILIKE b || '%'", "Like"),
        ("a IS NOT NULL", "IsNull"), ("EXISTS (SELECT * FROM t)", "Exists"),
        ("((a > 1) OR (b > 1))", "Logical"),
        ("(a + b) * 2 > (1)", "Comparison"), ("1 = CONTAINS(POINT(1, 2), CIRCLE(1, 2, 3))", "Comparison"),
    ],
)  # fmt: skip
def test_conditions(text: str, node: str) -> None:
    assert kind(where(text)) == node


@pytest.mark.parametrize(
    "text",
    [
        "SELECT DISTINCT TOP 5 a AS x, b y, t.*, * FROM t",
        "SELECT a FROM cat.sch.t AS x, (SELECT b FROM u) AS v, w",
        "SELECT a FROM t NATURAL JOIN u LEFT OUTER JOIN v ON t.a = v.a FULL JOIN w USING (a, b)",
        "SELECT a FROM t INNER JOIN (u RIGHT JOIN v ON u.a = v.a) ON t.a = u.a",
        "SELECT a, COUNT(*) FROM t GROUP BY a, b + 1 HAVING COUNT(*) > 2 ORDER BY a DESC, 2 ASC OFFSET 3",
        "SELECT a FROM t UNION ALL SELECT b FROM u INTERSECT (SELECT c FROM v EXCEPT SELECT d FROM w)",
        "WITH x AS (SELECT a FROM t), y AS (SELECT a FROM x) SELECT a FROM y",
        "select a--comment with 'quote\n\tfrom\r\nt -- end",
        "SELECT a FROM t WHERE(a+1)>2AND b<3",
    ],
)
def test_queries(text: str) -> None:
    assert kind(parse(text)) == "Query"


def test_chains_are_flat_and_operators_bind_as_in_the_standard() -> None:
    assert len(where(" OR ".join(["a = 1 AND b = 2"] * 500)).operands) == 500  # type: ignore[union-attr]
    total = value("a + b * c - d / e * f")
    assert isinstance(total, tree.Arithmetic)
    assert [step[0] for step in total.steps] == ["+", "-"]
    union = parse("SELECT a FROM t UNION SELECT a FROM u INTERSECT SELECT a FROM v").body
    assert isinstance(union, tree.SetExpression)
    assert isinstance(union.steps[0].operand, tree.SetExpression)


@pytest.mark.parametrize(
    ("text", "bracketed"),
    [
        ("a JOIN b JOIN c ON 1 = 1 ON 2 = 2", "a JOIN (b JOIN c ON 1 = 1) ON 2 = 2"),
        ("a LEFT JOIN b RIGHT JOIN c USING (x) ON 2 = 2", "a LEFT JOIN (b RIGHT JOIN c USING (x)) ON 2 = 2"),
        ("a JOIN b JOIN c ON 1 = 1 JOIN d ON 2 = 2 ON 3 = 3",
         "a JOIN (b JOIN c ON 1 = 1 JOIN d ON 2 = 2) ON 3 = 3"),
        ("a JOIN b NATURAL JOIN c ON 1 = 1", "a JOIN (b NATURAL JOIN c) ON 1 = 1"),
        ("((a JOIN b ON 1 = 1))", "a JOIN b ON 1 = 1"),
        ("(a JOIN b ON 1 = 1) AS c", "(SELECT * FROM a JOIN b ON 1 = 1) AS c"),
    ],
)  # fmt: skip
def test_joins_nest_with_and_without_brackets(text: str, bracketed: str) -> None:
    assert parse(f"SELECT x FROM {text}") == parse(f"SELECT x FROM {bracketed}")


def test_as_many_joins_wait_as_brackets_nest() -> None:
    def waiting(number: int) -> str:
        return "SELECT x FROM t" + " JOIN t" * number + " ON 1 = 1" * number

    query = parse(waiting(40))
    assert parse(to_text(query)) == query
    with pytest.raises(AdqlError, match="More than 40 joins wait for their conditions"):
        parse(waiting(41))
    with pytest.raises(AdqlError, match="joins without condition are nested more than 40 deep"):
        parse(waiting(5000))


def test_a_condition_too_many_belongs_to_no_join() -> None:
    for text in ("a JOIN b ON 1 = 1 ON 2 = 2", "a NATURAL JOIN b ON 1 = 1", "a NATURAL JOIN b USING (x)"):
        with pytest.raises(AdqlError, match="belongs to one JOIN each"):
            parse(f"SELECT x FROM {text}")


def test_dec_is_no_reserved_word() -> None:
    assert isinstance(value("dec"), tree.ColumnReference)
    assert "DEC" not in parser().reserved


def test_spans_point_at_the_text() -> None:
    text = "SELECT a FROM t WHERE mag  <  19.5 AND b = 'x'"
    nodes = {text[n.span[0] : n.span[1]]: n for n in tree.walk(parse(text))}
    assert isinstance(nodes["mag  <  19.5"], tree.Comparison)
    assert isinstance(nodes["19.5"], tree.Number)
    assert isinstance(nodes["'x'"], tree.String)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT " + "(" * 5000 + "a",
        "SELECT " + "(" * 39 + "a" + ")" * 39 + " FROM t WHERE " + "((" * 19 + "a" + ")*2)" * 19 + " > 1",
        "SELECT a FROM " + "(" * 39 + "t JOIN u" + ")" * 38,
        "SELECT a FROM t WHERE " + "(" * 39 + "a" + ")" * 39,
        "SELECT " + "CASE WHEN " * 39 + "1 = 1",
        "SELECT " + "-" * 50_000,
        "SELECT a FROM t WHERE " + "NOT " * 20_000 + "a = 1",
        "SELECT " + "a+" * 40_000 + "a FROM t",
        "SELECT " + "REGION('" * 39 + "'",
        "SELECT REGION('" + "union (" * 14_000 + "') FROM t",
        "SELECT a FROM t WHERE a IN (" + "1," * 40_000 + "1)",
        "SELECT " + "COALESCE(" * 39 + "a" + ")" * 38,
        "SELECT a FROM " + "(SELECT a FROM " * 38 + "t",
        "x" * 10_000_000,
        "'" * 99_999,
        '"' * 99_999,
        "SELECT " + "POLYGON(1,2,3,4,5,6" * 39,
    ],
)
def test_hostile_texts_are_answered_soon(text: str) -> None:
    start = time.perf_counter()
    error = refused(text)
    assert error is None or error.render()
    assert time.perf_counter() - start < 5


def test_time_grows_with_length_only() -> None:
    def seconds(terms: int) -> float:
        text = "SELECT a FROM t WHERE " + " AND ".join(["(a + 1) * 2 > b"] * terms)
        best = 1e9
        for _ in range(3):
            start = time.perf_counter()
            parse(text)
            best = min(best, time.perf_counter() - start)
        return best

    assert seconds(1600) < 30 * seconds(200)


@given(st.text(max_size=300))
def test_any_text_gives_a_tree_or_an_error(text: str) -> None:
    answers(text)


WORDS = st.sampled_from(
    [*sorted(parser().reserved), "a", "b.c", '"q"', "'s'", "1", "2.5", "1e9", "(", ")", ",", ".", "*", "+",
     "-",
     "/", "=", "<>", "||", ";", "--", "\n", "“", "'", '"', "\0", "é", "SELECT a FROM t WHERE"]
)  # fmt: skip


@given(st.lists(WORDS, max_size=40).map(" ".join))
def test_any_words_give_a_tree_or_an_error(text: str) -> None:
    answers(text)


@given(st.integers(0, 200), st.integers(0, 20), st.text(max_size=5))
def test_damaged_queries_give_a_tree_or_an_error(at: int, cut: int, put: str) -> None:
    text = (
        "WITH w AS (SELECT a, COUNT(*) AS n FROM t GROUP BY a HAVING COUNT(*) > 2) SELECT TOP 5 w.a, 'x' || b"
        " FROM w JOIN u USING (a) WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE(1, -2, 3)) AND b IN ('g', 'r')"
    )
    answers(text[:at] + put + text[at + cut :])


def answers(text: str) -> None:
    error = refused(text)
    if error is not None:
        assert 0 <= error.span[0] <= error.span[1] <= len(text)
        assert error.message.endswith(".")
        assert error.render()


def refused(text: str) -> AdqlError | None:
    try:
        assert isinstance(parse(text), tree.Query)
    except AdqlError as error:
        return error
    return None
