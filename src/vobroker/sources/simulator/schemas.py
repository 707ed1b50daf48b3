"""The surveys' own schemas."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import fastavro.schema

from vobroker.alerts.schemas import ztf_schema_text

LSST_VERSIONS = ((10, 0), (11, 0), (11, 1))
"""Versions whose fields the simulator fills."""


@cache
def lsst(major: int, minor: int) -> dict[str, Any]:
    """LSST alert schema from the ``lsst-alert-packet`` distribution.

    Raises
    ------
    ValueError
        If the simulator does not know how to fill this version.
    """
    if (major, minor) not in LSST_VERSIONS:
        known = ", ".join(f"{a}.{b}" for a, b in LSST_VERSIONS)
        raise ValueError(f"the simulator writes LSST schemas {known}, not {major}.{minor}")
    import lsst.alert.packet

    folder = Path(lsst.alert.packet.__file__).parent / "schema" / str(major) / str(minor)
    schema: Any = fastavro.schema.load_schema(str(folder / f"lsst.v{major}_{minor}.alert.avsc"))
    return dict(schema)


def ztf() -> dict[str, Any]:
    """ZTF alert schema 4.02."""
    return dict(json.loads(ztf_schema_text()))


def records(schema: Any) -> dict[str, dict[str, Any]]:
    """All record schemas inside a schema, by short name."""
    found: dict[str, dict[str, Any]] = {}

    def walk(node: Any) -> None:
        if isinstance(node, list):
            for branch in node:
                walk(branch)
        elif isinstance(node, dict):
            if node.get("type") == "record":
                found[node["name"].rpartition(".")[2]] = node
                for entry in node["fields"]:
                    walk(entry["type"])
            else:
                walk(node.get("items"))

    walk(schema)
    return found
