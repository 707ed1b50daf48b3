"""A folder of documents as a page of Markdown: what they hold, where each dialect puts it, what differs.

``vobroker timeseries compare FOLDER --report PAGE`` writes it; a page that has the two marks keeps what
stands around them.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import cast

from vobroker.timeseries import report
from vobroker.timeseries.aspects import ASPECTS
from vobroker.timeseries.compare import Comparison, Point, compare, together
from vobroker.timeseries.dialects import borrows
from vobroker.timeseries.folder import Folder, same_series
from vobroker.timeseries.plot import panels, picture
from vobroker.timeseries.report import code, plain, short, table
from vobroker.timeseries.series import Document, Series
from vobroker.timeseries.trial import Trial, trials

BEGIN, END = "<!-- comparison: begin -->", "<!-- comparison: end -->"

TOPICS = {
    "Scale, origin, reference position": ("time.scale", "time.origin", "time.position"),
    "Band, filter, zero point, system": (
        "band.name",
        "band.filter",
        "band.zero_point",
        "band.magnitude_system",
    ),
    "Units, errors": ("column.units", "column.errors"),
    "Position, frame": ("object.position", "space.system"),
    "Object, measurement": ("object.id", "column.identifier"),
}
"""What the table of dialects is about: its columns, with their aspects, each of which has a sign."""

_SIGNS = {"yes": "●", "beside": "○", "no": "·"}
_LEFT_OUT = frozenset({*report.TOO_LONG, "column.ucd"})
_TITLES = {one.key: one.title for one in ASPECTS}


@dataclass(frozen=True)
class Report:
    """A page and its pictures.

    Parameters
    ----------
    text
        The part of the page between the marks.
    images
        PNG files by their path from the page.
    """

    text: str
    images: dict[str, bytes]


def write(folder: Folder, step: Callable[[str], None] = lambda _: None) -> Report:
    """Write the report on a folder.

    Parameters
    ----------
    folder
        The folder.
    step
        Called before each part with its name, for who waits.
    """
    groups = list(same_series(folder))
    step("dialects")
    tried = trials([_richest(group) for group in groups]) if groups else []
    lines = ["## The files", "", *_files(folder), ""]
    if tried:
        lines += ["## What each dialect holds", "", *_matrix(tried), ""]
    images: dict[str, bytes] = {}
    for group in groups:
        step(next(iter(group)))
        found, image, content = _group(group)
        lines += [*found, ""]
        images[image] = content
    if tried:
        lines += ["## Where each dialect puts it", ""]
    for one in tried:
        lines += [*_dialect(one, folder), ""]
    return Report("\n".join(lines).rstrip() + "\n", images)


def updated(page: str, text: str, folder: str) -> str:
    """Give a page with a report put between its marks; of an empty page, a whole one.

    Raises
    ------
    ValueError
        If the page has no marks.
    """
    if not page.strip():
        page = f"# Time series compared: {plain(folder)}\n\n{BEGIN}\n{END}\n"
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the page has no place for the report, between {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{text}{END}{after}"


def _richest(group: dict[str, Document]) -> Series:
    """Choose the fullest series, of which the most is said."""
    series = [document.series[0] for document in group.values()]
    return max(series, key=lambda one: (len(one), len(one.statements)))


def _files(folder: Folder) -> list[str]:
    rows = []
    for name, document in sorted(folder.documents.items()):
        first = document.series[0]
        count = sum(map(len, document.series))
        objects = plain(first.object_id or "not named")
        if len(document.series) > 1:
            objects += f" and {len(document.series) - 1} more"
        bands = plain(", ".join(band.name for band in first.bands)) or "–"
        rows.append([f"`{code(name)}`", document.dialect, objects, str(count), bands])
    found = table(["File", "Dialect", "Object", "Measurements", "Bands"], rows)
    if folder.unread:
        found += ["", "These hold no series:", ""]
        found += [
            f"- `{code(name)}`: {plain(report.shortened(_brief(reason)))}"
            for name, reason in sorted(folder.unread.items())
        ]
    return found


def _brief(reason: str) -> str:
    """Leave out the list of all dialects."""
    return reason.partition("; those known are")[0]


def _matrix(tried: Sequence[Trial]) -> list[str]:
    rows = []
    for one in tried:
        signs = ["".join(_SIGNS[one.holds(aspect)] for aspect in aspects) for aspects in TOPICS.values()]
        rows.append([f"[`{one.dialect.NAME}`](#{one.dialect.NAME})", *signs, _numbers(one)])
    return [
        "For each of what a heading names: ● in the document; ○ beside the annotation only, in the table "
        "that it annotates; · nowhere. Under Numbers: what was read back, after a series of each object "
        "below was written in the dialect.",
        "",
        *table(["Dialect", *TOPICS, "Numbers"], rows),
    ]


def _numbers(one: Trial) -> str:
    """Say what became of the numbers."""
    if not one.agreements:
        return "none in it"
    titles = dict.fromkeys(each.title for each in one.agreements)
    found = [together([each for each in one.agreements if each.title == title]) for title in titles]
    changed = [
        f"{each.title.lower()} by up to {each.difference:.2g} {each.unit}" for each in found if not each.same
    ]
    count = sum(each.count for each in one.agreements)
    return f"{count}: {'; '.join(changed) or 'all the same'}"


def _dialect(one: Trial, folder: Folder) -> list[str]:
    """Describe a dialect: what it is, where it puts things, what it lacks."""
    dialect = one.dialect
    about = inspect.getdoc(cast(ModuleType, dialect)) or dialect.TITLE
    heading, _, more = about.partition("\n\n")
    found = [f"### {dialect.NAME}", "", f"**{dialect.TITLE}.** {_prose(heading)}", ""]
    if more:
        found += [_prose(more), ""]
    samples = [
        f"`{code(name)}`" for name, each in sorted(folder.documents.items()) if each.dialect == dialect.NAME
    ]
    if samples:
        found += [f"Samples: {', '.join(samples)}.", ""]
    rows = []
    for aspect in ASPECTS:
        place = one.places.get(aspect.key)
        if place is None or aspect.key in _LEFT_OUT:
            continue
        beside = borrows(dialect).get(aspect.key)
        rows.append([aspect.title, f"`{code(short(place.path))}`{f' ({beside})' if beside else ''}"])
    found += table(["What", "Where"], rows)
    reasons: dict[str, list[str]] = {}
    for key, reason in dialect.LACKS.items():
        reasons.setdefault(reason, []).append(_lower(_TITLES[key]))
    if reasons:
        found += ["", "Lacks:", ""]
        found += [f"- {', '.join(titles)}: {plain(reason)}" for reason, titles in reasons.items()]
    if one.refused:
        found += ["", "Not every series fits:", ""]
        found += [f"- {plain(reason)}" for reason in dict.fromkeys(one.refused)]
    return found


def _group(group: dict[str, Document]) -> tuple[list[str], str, bytes]:
    """Compare the documents of one object; with the path of the plot, and the plot."""
    comparison = compare(group)
    first = next(iter(group.values())).series[0]
    name = plain(first.object_id)
    pair = _pair(comparison, group)
    drawn = {f"{one} ({group[one].dialect})": group[one].series[0] for one in pair}
    image = f"images/time-series-{re.sub(r'[^A-Za-z0-9_-]', '_', first.object_id)[:60]}.png"
    words = f"The light curve of {name} twice: as {' and as '.join(f'{plain(one)} has it' for one in pair)}"
    content = picture(panels(drawn), "png", f"Light curves of {first.object_id}", words)
    bands = plain(", ".join(band.name for band in first.bands))
    about = f"{len(first)} measurements{f' in {bands}' if bands else ''}, in {len(group)} documents:"
    found = [f"## The same series: {name}", "", about, ""]
    found += [f"- {_letter(number)}: `{code(one)}`, {group[one].dialect}" for number, one in enumerate(group)]
    found += ["", f"![{words}]({image})", "", f"### What differs in {name}", ""]
    found += _differences(comparison) or ["Nothing."]
    found += ["", f"### Point by point in {name}", ""]
    found += [report.markdown(comparison, level=4, leave_out=_LEFT_OUT).rstrip()]
    return found, image, content


def _letter(number: int) -> str:
    """Give the name that a document has in a comparison."""
    return chr(ord("A") + number) if number < 26 else f"A{number}"


def _pair(comparison: Comparison, group: dict[str, Document]) -> tuple[str, str]:
    """Choose what to draw: the first document, and that of another dialect whose times are farthest off."""
    first, *_ = comparison.names
    apart = {
        one.name: max((each.difference or 0 for each in one.agreements if each.title == "Times"), default=0)
        for one in comparison.numbers
        if group[one.name].dialect != group[first].dialect
    }
    others = apart or dict.fromkeys(comparison.names[1:], 0.0)
    return first, max(others, key=lambda name: others[name])


def _differences(comparison: Comparison) -> list[str]:
    """Say in a sentence each what documents disagree about, and what some lack."""
    found = [
        f"- **{plain(point.title)}**: {_sides(point)}"
        for point in comparison.points
        if point.verdict != "same" and any(point.said) and point.aspect.key not in report.TOO_LONG
    ]
    for number, one in enumerate(comparison.numbers, 1):
        found += [
            f"- **{each.title}** of {_letter(number)} against A: {plain(str(each))}"
            for each in one.agreements
            if not each.same
        ]
    return found


def _sides(point: Point) -> str:
    """Give what is said with who says it, and who does not."""
    sides: dict[str, list[str]] = {}
    for number, said in enumerate(point.said):
        sides.setdefault("" if said is None else said.value, []).append(_letter(number))
    silent = sides.pop("", [])
    told = [f"{plain(value)} in {', '.join(who)}" for value, who in sides.items()]
    return "; ".join([*told, *([f"nothing in {', '.join(silent)}"] if silent else [])])


def _lower(title: str) -> str:
    return title if title[:2].isupper() else title[0].lower() + title[1:]


def _prose(text: str) -> str:
    """Make Markdown of a docstring."""
    return " ".join(text.split()).replace("``", "`")


def save(page: Path, folder: Path, found: Report) -> None:
    """Bring a page and its pictures up to date.

    Raises
    ------
    ValueError
        If the page is there and has no marks.
    OSError
        If something cannot be written.
    """
    before = page.read_text() if page.exists() else ""
    after = updated(before, found.text, folder.name)
    for name, content in found.images.items():
        image = page.parent / name
        image.parent.mkdir(parents=True, exist_ok=True)
        image.write_bytes(content)
    page.write_text(after)
