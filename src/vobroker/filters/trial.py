"""A filter on the alerts of the archive: what it would have let through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from vobroker.adql import translate
from vobroker.archive.errors import ArchiveError
from vobroker.enrich.layer import command_of
from vobroker.filters.compile import Filter, compile_filter
from vobroker.filters.tables import filter_tables
from vobroker.votypes.arrow import schema
from vobroker.votypes.columns import Table

if TYPE_CHECKING:
    from vobroker.archive import Archive


@dataclass(frozen=True, slots=True)
class Trial:
    """Alerts that a filter was shown, how many passed, and the first of them."""

    filter: Filter
    seen: int
    passed: int
    rows: pa.Table


def try_on(filter_: Filter, archive: Archive, *, rows: int = 20, seconds: float = 600) -> Trial:
    """Run a filter over an archive.

    Parameters
    ----------
    filter_
        The filter; it is compiled anew for the tables of the archive.
    archive
        Where the alerts are.
    rows
        Most rows to give.
    seconds
        Time that each of its queries may take.

    Raises
    ------
    AdqlError
        If it names a column that the archive does not have.
    ArchiveError
        If a query fails or takes too long.
    """
    tables = archive.tables()
    known = {name: tables.get(name, table) for name, table in filter_tables().items()}
    missing = [name for name in filter_.enriched if name not in tables]
    if missing:
        raise ArchiveError(
            f"no alert of {archive.place} has been compared with {missing[0]};"
            f" 'vobroker {command_of(missing[0])}' does so"
        )
    known |= {name: tables[name] for name in filter_.enriched}
    if filter_.survey is not None and filter_.survey not in tables:
        return Trial(filter_, 0, 0, schema(Table("result", filter_.columns)).empty_table())
    fitted = compile_filter(filter_.name, filter_.text, known)
    translation = translate(fitted.checked, archive.platform)
    asked = "SELECT count(*) AS n FROM "
    seen = archive.query(f'{asked} "{filter_.survey or "alert"}"', seconds=seconds)["n"][0].as_py()
    passed = archive.query(f"{asked} ({translation.sql}) AS passed", translation.parameters, seconds=seconds)[
        "n"
    ][0].as_py()
    result = archive.query(translation.sql, translation.parameters, rows=rows, seconds=seconds)
    return Trial(fitted, seen, passed, result.cast(schema(Table("result", fitted.columns))))
