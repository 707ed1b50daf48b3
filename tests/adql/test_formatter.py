"""ADQL in lines: the same tree, every comment, and nothing left to format."""

from __future__ import annotations

import json
import re
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vobroker.adql import AdqlError, corpus, format_query, parse
from vobroker.adql.layout import WIDTH

from .sentences import sentences

CORPUS = Path(__file__).parents[2] / "corpus" / "adql"

BLANKS = (*[" "] * 6, "\n", "\t", " -- same line\n", "\n-- own line\n", "\n  --first\n --second\r\n", "--\n")
"""What may stand between two tokens."""


def comments(text: str) -> list[str]:
    """Comments of a text, found without the tokens that the formatter goes by."""
    parts = re.findall(r"'[^']*'|\"[^\"]*\"|--[^\n]*", text)
    return sorted(part.rstrip() for part in parts if part.startswith("--"))


def is_query(text: str) -> bool:
    try:
        parse(text)
    except AdqlError:
        return False
    return True


def assert_formatted(text: str, **how: object) -> None:
    query = parse(text, **how)  # type: ignore[arg-type]
    formatted = format_query(query)
    assert parse(formatted, **how) == query  # type: ignore[arg-type]
    assert format_query(parse(formatted, **how)) == formatted  # type: ignore[arg-type]
    assert comments(formatted) == comments(text)
    assert not re.search(r"[ \t]+$", formatted.replace("'two\nlines'", "''"), re.MULTILINE)


@pytest.mark.parametrize(
    ("text", "formatted"),
    [
        (
            "select a,b from t where a<1 and b=2 order by a offset 3",
            """\
            SELECT a, b
            FROM t
            WHERE a < 1 AND b = 2
            ORDER BY a
            OFFSET 3
            """,
        ),
        (
            f"select top 3 {', '.join('column_' + str(n) for n in range(4))}, {'x' * 70} from t",
            f"""\
            SELECT TOP 3
                column_0,
                column_1,
                column_2,
                column_3,
                {"x" * 70}
            FROM t
            """,
        ),
        (
            f"select a from t where b = 1 and (c = 2 or {'d' * 80} = 4) or e = 5 and f in (1, 2)",
            f"""\
            SELECT a
            FROM t
            WHERE
                b = 1
                    AND (
                        c = 2
                        OR {"d" * 80} = 4
                    )
                OR e = 5 AND f IN (1, 2)
            """,
        ),
        (
            "select a from t join u using (id) left join (v join w using (id)) "
            f"on v.a = t.a and {'u' * 30} = 1",
            f"""\
            SELECT a
            FROM t
                INNER JOIN u USING (id)
                LEFT JOIN (v INNER JOIN w USING (id)) ON v.a = t.a AND {"u" * 30} = 1
            """,
        ),
        (
            "with w as (select a from t) select a from w where not exists (select b from u) union all"
            " (select a from (select a from v) as s order by a)",
            """\
            WITH w AS (
                SELECT a
                FROM t
            )
            SELECT a
            FROM w
            WHERE NOT EXISTS (
                SELECT b
                FROM u
            )
            UNION ALL
            (
                SELECT a
                FROM (
                    SELECT a
                    FROM v
                ) AS s
                ORDER BY a
            )
            """,
        ),
        (
            f"select case when a > 1 and b > 2 then '{'x' * 50}' else '{'y' * 40}' end as c, d from t",
            f"""\
            SELECT
                CASE
                    WHEN a > 1 AND b > 2 THEN '{"x" * 50}'
                    ELSE '{"y" * 40}'
                END AS c,
                d
            FROM t
            """,
        ),
    ],
)
def test_lines(text: str, formatted: str) -> None:
    assert format_query(parse(text)) == dedent(formatted)
    assert_formatted(text)


def test_comments_stay_at_their_place() -> None:
    text = dedent("""\
        -- What this asks
        select a, -- of a
          b -- of b
          , c
        -- before FROM
        from t
        where a = 1 and -- of the first condition
          -- before the second
          (b = 2 or c = 3) -- of the second
          and d in ( -- of the bracket
            select e from u -- of the subquery
            -- before the closing bracket
          )
        order by f(a, -- within a value
          b) desc
        -- at the end""")
    assert format_query(parse(text)) == dedent("""\
        -- What this asks
        SELECT
            a, -- of a
            b, -- of b
            c
        -- before FROM
        FROM t
        WHERE a = 1 -- of the first condition
            -- before the second
            AND (b = 2 OR c = 3) -- of the second
            AND d IN ( -- of the bracket
                SELECT e
                FROM u -- of the subquery
                -- before the closing bracket
            )
        -- within a value
        ORDER BY f(a, b) DESC
        -- at the end
        """)


def test_a_string_is_no_comment() -> None:
    formatted = format_query(parse("SELECT '-- a', \"-- b\" FROM t -- c"))
    assert formatted == "SELECT '-- a', \"-- b\"\nFROM t -- c\n"


def test_only_what_cannot_be_broken_is_longer_than_a_line() -> None:
    conditions = " AND ".join(f"(column_{n} = {n} OR column_{n} IS NULL)" for n in range(40))
    formatted = format_query(parse(f"SELECT a FROM t WHERE {conditions}"))
    assert max(map(len, formatted.splitlines())) <= WIDTH


@pytest.mark.parametrize("group", corpus.read(CORPUS), ids=lambda group: group.name)
def test_the_corpus(group: corpus.Group) -> None:
    texts = [query.text for query in group.queries if is_query(query.text)]
    assert texts
    for text in texts:
        assert_formatted(text)


def test_the_corpus_of_the_validator(shared: Path) -> None:
    lines = (shared / "adql" / "lyonetia.jsonl").read_text().splitlines()
    texts = [text for text in (json.loads(line)["query"] for line in lines) if is_query(text)]
    assert len(texts) > 400
    for text in texts:
        assert_formatted(text)


@pytest.mark.parametrize(
    ("text", "how"),
    [
        ("SELECT offset, a FROM t -- x\nWHERE a = 1", {"version": "2.0"}),
        (
            "SELECT a FROM t WHERE -- x\n CONTAINS(POINT(a, b), CIRCLE(1, 2, 3)) AND a = 1",
            {"extensions": ["irsa"]},
        ),
    ],
)
def test_other_versions_and_extensions(text: str, how: dict[str, object]) -> None:
    assert_formatted(text, **how)


@settings(max_examples=150)
@given(st.data())
def test_sentences_of_the_grammar_with_comments_anywhere(data: st.DataObject) -> None:
    tokens = data.draw(sentences())
    blanks = data.draw(st.lists(st.sampled_from(BLANKS), min_size=len(tokens) + 1, max_size=len(tokens) + 1))
    text = "".join(map(str.__add__, blanks, [*tokens, ""]))
    assume(is_query(text))
    assert_formatted(text)
