"""What the dialects with annotations share: how the table is read beside them, and where they stand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lxml import etree

from vobroker.timeseries import plain
from vobroker.timeseries.annotation import annotation, tell
from vobroker.timeseries.findings import Findings
from vobroker.timeseries.look import Look
from vobroker.timeseries.models import Model, model
from vobroker.timeseries.series import Document, Series, banded
from vobroker.timeseries.writing import Parts, document, parts, resource
from vobroker.timeseries.xml import place, within

BORROWED = {"space.epoch": "Coords 1.0 has no epoch of coordinates"}
"""What COOSYS says beside an annotation by the model Coords, which has no place for it."""

NOTED = {"column.kind": "a column of the table only", "column.identifier": "a column of the table only"}
"""What stands in columns that no annotation mentions."""


def block(look: Look, name: str) -> etree._Element | None:
    """Find the annotation of a VOTable: the first element with the name."""
    if not look.is_xml or name not in look.tags:
        return None
    return next(iter(within(look.root, name)), None)


def read(look: Look, blocks: Sequence[etree._Element], dialect: str) -> Document:
    """Read the tables of a VOTable with annotations: what these say goes before what the table says.

    Raises
    ------
    TimeSeriesError
        If no table has times.
    """
    notes = [annotation(one) for one in blocks]
    series: list[Series] = []
    said: list[str] = []
    for table in look.tables:
        found = Findings()
        for one in notes:
            if table.element.getparent() in _scope(one.element):
                tell(one, table, found)
        if "time" in found.roles or plain.is_timed(table):
            series += plain.series(table, found)
        else:
            said.append(f"{place(table.element)} has no times and is left out")
    if not series:
        raise plain.no_times(look.tables)
    return Document(tuple(series), dialect, tuple(said))


def _scope(one: etree._Element) -> list[etree._Element]:
    """Resources that an annotation is about: the one it is in, or the one around that, and all within."""
    around = one.getparent()
    while around is not None and around.get("type") == "meta":
        around = around.getparent()
    return [] if around is None else list(around.iter("{*}RESOURCE"))


def write(series: Sequence[Series], annotate: Callable[[Sequence[Parts], Sequence[Model]], str]) -> bytes:
    """Write series with one annotation, and TIMESYS, COOSYS and groups for readers that know no annotations.

    Parameters
    ----------
    series
        What to write.
    annotate
        Writes the annotation of tables.
    """
    written = [parts(banded(one), number) for number, one in enumerate(series, 1)]
    return document(
        annotate(written, [model(one) for one in written]),
        *(resource(*one.systems, one.table(*one.calibrations)) for one in written),
    )
