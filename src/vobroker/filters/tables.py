"""The tables that a filter may name."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from vobroker.alerts.columns import ALERT
from vobroker.alerts.schemas import PacketSchema, default_schemas, read_schema, ztf_schema_text
from vobroker.alerts.surveys import native_table, survey_of
from vobroker.votypes.columns import Table

_LSST_FILE = re.compile(r"lsst\.v(\d+)_(\d+)\.alert\.avsc")


@cache
def filter_tables() -> dict[str, Table]:
    """Give ``alert`` and the native table of each survey, as its newest schema here has it.

    Packets of an older schema may lack columns; a filter that names one of those fails on these packets,
    and says so.
    """
    tables = {ALERT.name: ALERT}
    for schema in _newest_schemas():
        survey = survey_of(schema)
        if survey is not None:
            tables[survey.name] = native_table(survey, schema)
    return tables


def _newest_schemas() -> list[PacketSchema]:
    source = default_schemas()
    versions = [version for folder in source.folders for version in _lsst_versions(folder)]
    newest = [source.by_id(100 * major + minor) for major, minor in sorted(versions)[-1:]]
    return [*newest, read_schema(ztf_schema_text())]


def _lsst_versions(folder: Path) -> list[tuple[int, int]]:
    found = (_LSST_FILE.fullmatch(path.name) for path in folder.rglob("*.alert.avsc"))
    return [(int(match[1]), int(match[2])) for match in found if match]
