"""What a person sees when a query is wrong."""

from __future__ import annotations

import pytest

from vobroker.adql import AdqlError, check, parse
from vobroker.votypes.columns import Table


def error(text: str, tables: dict[str, Table]) -> AdqlError:
    with pytest.raises(AdqlError) as caught:
        check(parse(text), tables)
    return caught.value


def marked(rendered: str) -> str:
    """Text that the carets of a rendered error stand under."""
    lines = rendered.splitlines()
    number = next(n for n, line in enumerate(lines) if "^" in line)
    start, end = lines[number].index("^"), lines[number].rindex("^") + 1
    return lines[number - 1][start:end]


def test_rendering() -> None:
    with pytest.raises(AdqlError) as caught:
        parse("SELECT ra\nFROM alert\n\tWHERE mag << 5")
    assert caught.value.render() == (
        "'<' cannot stand here; expected a value.\n   3 | \tWHERE mag << 5\n     | \t           ^"
    )
    assert (caught.value.line, caught.value.column, caught.value.code) == (3, 13, "syntax")


@pytest.mark.parametrize(
    ("text", "under", "suggestion"),
    [
        ("SELECT rra FROM stars", "rra", "Did you mean ra?"),
        ("SELECT ra FROM star", "star", "Did you mean stars?"),
        ("SELECT SQTR(ra) FROM stars", "SQTR(ra)", "Did you mean SQRT?"),
        ("SELECT s.rra FROM stars AS s", "rra", "Did you mean ra?"),
        ("SELECT stras.ra FROM stars", "stras", "Did you mean stars?"),
        ("SELECT distance FROM stars", "FROM", 'write "distance" in double quotes'),
        ("SELECT ra, size FROM stars", "size", 'write "size" in double quotes'),
        ("SELECT ra FROM stars WHERE name = “x”", "“", 'write " instead'),
        ("SELECT ra FROM stars WHERE name = ‘x’", "‘", "write ' instead"),
        ("SELECT ra FROM stars LIMIT 5", "5", "SELECT TOP n"),
        ("SELECT ra FROM stars WHERE ra > 1 LIMIT 5", "LIMIT", "SELECT TOP n"),
        ("SELECT ra FROM stars WHERE CONTAINS(POINT(ra, dec), CIRCLE(1, 2, 3))", "", "1 = CONTAINS"),
        ("SELECT ra FROM stars WHERE CONTAINS(POINT(ra, dec), CIRCLE(1, 2, 3)) AND n > 1", "AND",
         "1 = CONTAINS"),
        ("SELECT ra FROM stars WHERE variable = TRUE", "TRUE", "compare the column with 1"),
        ("SELECT ra FROM stars WHERE n == 3", "=", "one ="),
        ("SELECT ra FROM stars WHERE n =< 3", "<", "Write <= instead of =<"),
        ("SELECT ra, FROM stars", "FROM", "a comma too many before FROM"),
        ("SELECT ra FROM stars WHERE variable", "", "compare it, as in variable = 1"),
        ("SELECT ra FROM stars WHERE variable AND n > 3", "AND", "compare it, as in variable = 1"),
        ("SELECT ra FROM stars WHERE name = q", "q", "single quotes: 'q'"),
        ("SELECT date FROM stars", "date", 'write "date" in double quotes'),
        ("SELECT ra FROM stars WHERE n = 3;", ";", "without a semicolon"),
        ("SELECT ra FORM stars", "stars", "Did you mean FROM?"),
        ("SELECT ra FROM stars WERE n > 3", "n", "Did you mean WHERE?"),
        ("SELECT ra FROM stars WHERE name = 'x", "'", "never closed"),
        ('SELECT ra FROM stars WHERE name = "x"', '"x"', "single quotes: 'x'"),
        ('SELECT "RA" FROM stars', '"RA"', "write ra"),
        ("SELECT label FROM stars", "label", "Table labels has one"),
        ("SELECT id FROM stars, labels", "id", "Write stars.id"),
        ("SELECT ra FROM stars WHERE id = '12'", "id = '12'", "Leave the quotes away: 12"),
        ("SELECT ra FROM stars WHERE name = 12", "name = 12", "Put it in quotes: '12'"),
        ("SELECT ra + ra_error FROM stars", "ra_error", "IN_UNIT(..., 'deg')"),
        ("SELECT ra FROM stars WHERE SIN(dec) > 0", "dec", "RADIANS"),
        ("SELECT ra FROM stars JOIN labels", "JOIN labels", "NATURAL JOIN"),
        ("SELECT ra FROM stars WHERE AVG(mag) > 3", "AVG(mag)", "HAVING"),
        ("SELECT IN_UNIT(ra, 'arcsecs') FROM stars", "'arcsecs'", "Did you mean arcsec?"),
    ],
)  # fmt: skip
def test_the_caret_is_under_the_trouble_and_help_is_near(
    text: str, under: str, suggestion: str, tables: dict[str, Table]
) -> None:
    found = error(text, tables)
    rendered = found.render()
    assert suggestion in found.suggestion, rendered
    assert marked(rendered) == under, rendered
    assert str(found).startswith(f"line {found.line}, column {found.column}: ")


def test_a_long_line_is_cut_around_the_caret() -> None:
    with pytest.raises(AdqlError) as caught:
        parse("SELECT " + "a, " * 500 + "=, b FROM t")
    rendered = caught.value.render()
    assert marked(rendered) == "="
    assert all(len(line) < 120 for line in rendered.splitlines())


def test_an_error_for_programs_has_its_span_in_characters() -> None:
    with pytest.raises(AdqlError) as caught:
        parse("SELECT 'é', x FROM t LIMIT 3")
    described = caught.value.describe()
    assert (described["line"], described["start"], described["end"]) == (1, 27, 28)
    assert described["code"] == "syntax"
    assert "TOP" in str(described["suggestion"])
