"""docs/grammar.md shows the grammar as it is; ``make grammar`` draws it anew."""

from __future__ import annotations

from lxml import etree
from scripts.grammar import IMAGES, PAGE, diagrams, page_part


def test_the_page_has_every_rule_of_the_grammar() -> None:
    assert PAGE.read_text().endswith(page_part()), "run make grammar"
    assert {path.stem for path in IMAGES.glob("*.svg")} == set(diagrams())
    assert {"Query", "Select", "Circle", "Join"} <= set(diagrams())


def test_the_diagrams_are_those_of_the_grammar() -> None:
    for name, picture in diagrams().items():
        assert (IMAGES / f"{name}.svg").read_text() == picture, "run make grammar"
        assert etree.fromstring(picture.encode()).find("{*}title").text == name
