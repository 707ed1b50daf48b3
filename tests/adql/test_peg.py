"""The engine on small grammars."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from vobroker.adql.peg import GrammarError, Limits, Parser, SyntaxFailureError

TOKENS = """
Blank  = [ ]+
Number = [0-9]+
Word   = [a-z]+
@blank Blank
@nest "("
@reserved Word LET IN
"""


@dataclass(frozen=True)
class Let:
    span: tuple[int, int]
    name: str
    value: object


def parser(rules: str, limits: Limits | None = None) -> Parser:
    return Parser(TOKENS + rules, {"Let": Let, "Total": total}, "Start", limits)


def total(span: tuple[int, int], numbers: tuple[str, ...]) -> int:
    return sum(map(int, numbers))


@pytest.mark.parametrize(
    ("rules", "text", "value"),
    [
        ('Start <- Number', " 12 ", "12"),
        ('Start <- Number "+" Number', "1 + 2", ("1", "2")),
        ('Start <- Number / Word', "ab", "ab"),
        ('Start <- "(" Number? ")"', "()", None),
        ('Start <- Number*', "1 2 3", ("1", "2", "3")),
        ('Start <- Number+ Word', "1 2 b", (("1", "2"), "b")),
        ('Start <- Number % ","', "1,2, 3", ("1", "2", "3")),
        ('Start <- !"let" Word', "x", "x"),
        ('Start <- ("let" / "in")+', "let in let", ("LET", "IN", "LET")),
        ('Start <- Number ("," Word)?', "1, a", ("1", "a")),
        ('Start <- Total\nTotal <- numbers:(Number % "+")', "1 + 20+300", 321),
        ('@memo\nStart <- "(" Start ")" / Word', "((a))", "a"),
    ],
)  # fmt: skip
def test_values_of_the_notation(rules: str, text: str, value: object) -> None:
    assert parser(rules.replace('"let"', '"LET"').replace('"in"', '"IN"')).parse(text) == value


def test_labels_fill_the_fields_of_a_dataclass() -> None:
    grammar = 'Start <- Let\nLet <- "LET" name:Word "=" value:(Number / Let)'
    assert parser(grammar).parse("let a = let b = 5") == Let((0, 17), "a", Let((8, 17), "b", "5"))


@pytest.mark.parametrize(
    ("rules", "text", "at", "expected"),
    [
        ('Start <- Number "+" Number', "1 + a", 2, ("Number",)),
        ('Start <- Number "+" Number', "1", 1, ("+",)),
        ('Start <- Number / "LET" Word', "a", 0, ("LET", "Number")),
        ('Start <- Number ("+" Number)*', "1 + 2 - 3", 3, ("+", "the end of the query")),
        ('Start <- "LET" Thing\nThing "a thing" <- Number / "(" Number ")"', "let x", 1, ("a thing",)),
        ('Start <- "LET" Thing\nThing "a thing" <- Number / "(" Number ")"', "let (x", 2, ("Number",)),
        ('Start <- Word', "let", 0, ("Word",)),
        ('Start <- Number', "1 ß", 1, ("the end of the query",)),
    ],
)  # fmt: skip
def test_the_farthest_failure_and_what_was_expected(
    rules: str, text: str, at: int, expected: tuple[str, ...]
) -> None:
    with pytest.raises(SyntaxFailureError) as caught:
        parser(rules).parse(text)
    assert (caught.value.code, caught.value.at, caught.value.expected) == ("syntax", at, expected)


@pytest.mark.parametrize(
    ("text", "code"),
    [("a" * 101, "too-long"), ("(" * 6 + "a" + ")" * 6, "too-deep"), ("a b " * 20, "too-many-steps")],
)
def test_limits(text: str, code: str) -> None:
    # Each Pair begins with another try of the rest of the text: quadratic, which the budget stops.
    rules = '@memo\nStart <- Pair Start / Pair\n@memo\nPair <- "(" Pair ")" / Word'
    with pytest.raises(SyntaxFailureError) as caught:
        parser(rules, Limits(length=100, depth=5, steps_per_token=1)).parse(text)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("rules", "complaint"),
    [
        ("Start <- Nosuch", "no rule Nosuch"),
        ('Start <- "NEW" Word', "not reserved: NEW"),
        ("Start <- Let\nLet <- value:Number name:Word", "not the fields"),
        ("Start <- Other\nOther <- name:Word", "no builder"),
        ("Start <- ( Word", "not closed"),
        ("Start <- Word ~", "unknown sign"),
    ],
)
def test_mistakes_in_a_grammar(rules: str, complaint: str) -> None:
    with pytest.raises(GrammarError, match=complaint):
        parser(rules).parse("x")
