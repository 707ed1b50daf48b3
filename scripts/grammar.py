"""Draw the grammar of ADQL as railroad diagrams: docs/grammar.md and docs/images/grammar/.

Run as ``.venv/bin/python -m scripts.grammar`` in the checkout, or by ``make grammar``.
"""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import railroad

from vobroker.adql import peg

ROOT = Path(__file__).resolve().parents[1]
GRAMMAR = ROOT / "src" / "vobroker" / "adql" / "adql.peg"
PAGE = ROOT / "docs" / "grammar.md"
IMAGES = ROOT / "docs" / "images" / "grammar"
BEGIN = "<!-- diagrams: written by make grammar -->"

# One look for light and dark pages: boxes carry their own ground, and lines are grey.
STYLE = """
path { stroke: #8a8f98; stroke-width: 2; fill: none }
rect { stroke: #8a8f98; stroke-width: 1.5; fill: #eef1f6 }
.terminal rect { fill: #fdf1dc }
text { font: 14px ui-monospace, Menlo, Consolas, monospace; text-anchor: middle; fill: #1b2230 }
"""
_MOST_OPTIONS = 12  # of a choice of words, before they are laid out in columns


def diagrams() -> dict[str, str]:
    """Draw every rule; SVG by name of the rule."""
    grammar = peg._read(GRAMMAR.read_text(encoding="utf-8"))
    drawn = {}
    for name, rule in grammar.rules.items():
        picture = io.StringIO()
        diagram = railroad.Diagram(_drawn(rule.body), type="simple")
        diagram.writeStandalone(picture.write, css=STYLE)
        # Accessible by name; the library numbers nothing, so the text is the same every time.
        title = f"<title>{name}</title>"
        drawn[name] = re.sub(r"(<svg [^>]*>)", rf"\1{title}", picture.getvalue(), count=1) + "\n"
    return drawn


def _drawn(part: Any) -> Any:
    match part:
        case peg._Text(text=text):
            return railroad.Terminal(text)
        case peg._Name(name=name):
            return railroad.NonTerminal(name)
        case peg._Label(part=inner):
            return _drawn(inner)
        case peg._Sequence(parts=parts):
            return railroad.Sequence(*map(_drawn, parts))
        case peg._Choice(options=options):
            if len(options) > _MOST_OPTIONS:
                third = -(-len(options) // 3)
                columns = [options[i : i + third] for i in range(0, len(options), third)]
                return railroad.HorizontalChoice(*(railroad.Choice(0, *map(_drawn, c)) for c in columns))
            return railroad.Choice(0, *map(_drawn, options))
        case peg._Repeat(part=inner, sign="?"):
            return railroad.Optional(_drawn(inner))
        case peg._Repeat(part=inner, sign="*"):
            return railroad.ZeroOrMore(_drawn(inner))
        case peg._Repeat(part=inner, sign="+"):
            return railroad.OneOrMore(_drawn(inner))
        case peg._Repeat(part=inner, separator=separator):
            return railroad.OneOrMore(_drawn(inner), railroad.Terminal(separator))
    raise TypeError(f"no drawing for {part}")


def page_part() -> str:
    """Write the part of the page with the diagrams: the sections of the grammar file, rule by rule."""
    lines = []
    started = False
    for line in GRAMMAR.read_text(encoding="utf-8").splitlines():
        if section := re.match(r"# --- (.*?) -+$", line):
            started = "Tokens" not in section[1]
            lines += ["", f"## {section[1]}", ""] if started else []
        elif started and (rule := re.match(r"(\w+)( \"[^\"]*\")? +<-", line)):
            name = rule[1]
            lines += [f"### {name}", "", f"![{name}](images/grammar/{name}.svg)", ""]
    return "\n".join([BEGIN, *lines]).rstrip() + "\n"


def main() -> None:
    """Write the pictures and the page."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    drawn = diagrams()
    for old in IMAGES.glob("*.svg"):
        if old.stem not in drawn:
            old.unlink()
    for name, picture in drawn.items():
        (IMAGES / f"{name}.svg").write_text(picture, encoding="utf-8")
    before = PAGE.read_text(encoding="utf-8").partition(BEGIN)[0]
    PAGE.write_text(before + page_part(), encoding="utf-8")


if __name__ == "__main__":
    main()
