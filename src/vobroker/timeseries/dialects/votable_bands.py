"""Light curves with a table for each band, each with the photometric group of its band.

This is how time series were published by GAVO and others before photometry had a place in annotations: what a
table is about stands once, and no column names the band.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace

import pyarrow.compute as pc

from vobroker.timeseries import plain
from vobroker.timeseries.findings import Findings
from vobroker.timeseries.look import Look
from vobroker.timeseries.series import Document, Series, banded, joined
from vobroker.timeseries.writing import Parts, document, parts, resource

NAME = "votable-bands"
TITLE = "VOTable, a table for each band"
MEDIA_TYPE = "application/x-votable+xml"
SUFFIXES: tuple[str, ...] = ()
LACKS: dict[str, str] = {}


def recognise(look: Look) -> bool:
    """Tell whether it is a VOTable with several tables of times, none of which has a column of bands."""
    if not look.is_xml or "TABLE" not in look.tags:
        return False
    probes = []
    for table in look.tables:
        found = Findings()
        plain.give_roles(table, found)
        if "time" in found.roles:
            probes.append(found.roles)
    return len(probes) > 1 and not any("band" in roles for roles in probes)


def read(look: Look, name: str = NAME) -> Document:
    """Read the tables that have times, and join those of one object and one time frame.

    Raises
    ------
    TimeSeriesError
        If no table has times.
    """
    timed = plain.timed(look.tables)
    found = [one for table in timed for one in plain.series(table, Findings())]
    return Document(of_objects(found), name)


def of_objects(series: Sequence[Series]) -> tuple[Series, ...]:
    """Join the series of one object and one frame, whose bands stand in tables of their own."""
    groups: dict[Hashable, list[Series]] = {}
    for number, one in enumerate(series):
        own = (one.object_id, one.survey) if one.object_id else number
        groups.setdefault((own, one.time, one.space), []).append(one)
    return tuple(joined(group) for group in groups.values())


def write(series: Sequence[Series]) -> bytes:
    """Write series, each as a resource with a table for each band."""
    number, resources = 0, []
    for one in series:
        written = tables_of(one, number)
        number += len(written)
        resources.append(resource(*written[0].systems, *map(table, written)))
    return document(*resources)


def by_band(series: Series) -> list[Series]:
    """Part a series by its bands; measurements without a band come last. There is at least one part."""
    column = series.roles.get("band")
    if column is None:
        return [series]
    rest = {role: name for role, name in series.roles.items() if role != "band"}
    known = {band.name: band for band in series.bands}
    found: list[Series] = []
    for name in [*known, None]:
        values = series.points[column]
        chosen = pc.is_null(values) if name is None else pc.equal(values, name)
        rows = series.points.filter(chosen).drop_columns([column])
        if name is not None or len(rows) or not found:
            bands = () if name is None else (known[name],)
            found.append(replace(series, points=rows, roles=rest, bands=bands))
    return found


def tables_of(series: Series, before: int) -> list[Parts]:
    """Write the tables of a series, whose frames are those of the first; ``before`` are in the document."""
    bands = by_band(banded(series))
    return [parts(part, before + place, group=before + 1) for place, part in enumerate(bands, 1)]


def table(one: Parts) -> str:
    """Write the table of a band."""
    name = one.series.bands[0].name if one.series.bands else "none"
    return one.table(*one.calibrations, name=f"band_{name}")
