"""What is known of the place of an alert, ready to be shown: matches, regions, sky maps, models, history."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from vobroker.archive import Archive
from vobroker.archive.known import known
from vobroker.archive.rows import jsonable
from vobroker.enrich import EnrichError, catalogue, store
from vobroker.enrich.classifiers import classifier
from vobroker.enrich.layer import CONTEXT, CROSSMATCH, HISTORY, KEYS
from vobroker.enrich.match import Matcher
from vobroker.sky import position_angle
from vobroker.votypes.columns import Column, Table
from vobroker.web import overlays

MAX_MATCHES = 20
"""Most matches of a catalogue that are shown with their columns; the table ``crossmatch`` has all."""

_PARTS = ("crossmatch", "regions", "skymaps", "classifiers", "context", "history")

NOTHING: dict[str, Any] = {name: [] for name in _PARTS}
"""What is known where there is no alert."""

_KEYS = {column.name for column in KEYS}
_OPEN = 32
_MATCHED = ("match", "watchlist")


def of_alert(archive: Archive, alert: dict[str, Any]) -> dict[str, Any]:
    """Give all that the archive knows of an alert besides its packet.

    Parameters
    ----------
    archive
        Where the alert is.
    alert
        Its row in ``alert``.

    Returns
    -------
    dict
        ``crossmatch``: for each catalogue and watchlist its description, columns and matches, the best first;
        ``regions`` and ``skymaps`` that it lies in; ``classifiers`` with what they say of it; ``context`` and
        ``history`` as columns with values, or empty. Ready for JSON.
    """
    rows = known(archive, alert["survey"], alert["alert_id"])
    tables = archive.native_tables()
    pairs: dict[str, list[dict[str, Any]]] = {}
    for row in sorted(rows.get(CROSSMATCH.name, ()), key=lambda row: row["rank"]):
        pairs.setdefault(row["catalogue"], []).append(row)
    matched = [name for name in rows if _kind(name) in _MATCHED]
    folder = overlays.store_of(archive)
    there = {one["table"]: one for one in overlays.listed(folder)}
    layers: dict[str, list[dict[str, Any]]] = {"region": [], "skymap": []}
    for name, (row, *_) in rows.items():
        if (kind := _kind(name)) in layers:
            told = there.get(name, {}).get("description") or tables[name].description
            layers[kind].append({"name": name.partition("_")[2], "table": name, "description": told}
                                | _own(row, tables[name]))  # fmt: skip
    return {
        "crossmatch": [
            _matches(folder, name, rows.get(name, [{}])[0], pairs.get(name, []), tables[name], alert)
            for name in sorted({*matched, *pairs} & {*tables}, key=lambda name: (_kind(name), name))
        ],
        "regions": layers["region"],
        "skymaps": layers["skymap"],
        "classifiers": [
            {"name": name.partition("_")[2], "table": name, "columns": _described(rows, tables, name)}
            for name in sorted(rows)
            if _kind(name) == classifier.KIND
        ],
        "context": _described(rows, tables, CONTEXT),
        "history": _described(rows, tables, HISTORY),
    }


def _kind(table: str) -> str:
    return table.partition("_")[0]


def _own(row: dict[str, Any], table: Table) -> dict[str, Any]:
    return {name: value for name, value in jsonable(row, table).items() if name not in _KEYS}


def _described(
    rows: dict[str, list[dict[str, Any]]], tables: dict[str, Table], name: str
) -> list[dict[str, Any]]:
    """Give the columns of a row that have a value, with unit and description."""
    if name not in rows:
        return []
    table = tables[name]
    return [
        {"name": key, "value": value, "unit": table[key].unit, "description": table[key].description}
        for key, value in _own(rows[name][0], table).items()
        if value is not None
    ]


def _matches(
    folder: Path,
    name: str,
    best: dict[str, Any],
    pairs: list[dict[str, Any]],
    table: Table,
    alert: dict[str, Any],
) -> dict[str, Any]:
    """Give the matches with one catalogue: what is stored, and what the catalogue says of the others."""
    kind, _, short = name.partition("_")
    matcher = _matcher(folder / short)
    said = {*_KEYS, *_OF_MATCH}  # in every row of a match, or by identifier, separation and angle
    if matcher:
        roles = matcher.info.roles
        said |= {entry for own, entry in _named(matcher).items() if own in (roles.id, roles.ra, roles.dec)}
    entries = _entries(matcher, alert) if matcher else {}
    found = []
    for pair in pairs[:MAX_MATCHES]:
        entry = entries.get(pair["source_id"], {})
        values = entry.get("values", {})
        if pair["rank"] == 1 and best:
            values = values | {key: value for key, value in _own(best, table).items() if key not in _OF_MATCH}
        found.append(
            {
                "rank": pair["rank"],
                "source_id": pair["source_id"],
                "separation": pair["separation"],
                "position_angle": entry.get("position_angle"),
                "values": values,
            }
        )
    return {
        "table": name,
        "name": short,
        "kind": "watchlist" if kind == "watchlist" else "catalogue",
        "description": matcher.info.description if matcher else table.description,
        "radius": matcher.info.roles.radius if matcher else None,
        "number": len(pairs),
        "columns": [_about(column) for column in table if column.name not in said],
        "matches": found,
    }


_OF_MATCH = ("separation", "n_matches")


def _about(column: Column) -> dict[str, str]:
    return {"name": column.name, "unit": column.unit, "description": column.description}


def _entries(matcher: Matcher, alert: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Give the entries of a catalogue, as it is now, near an alert, by identifier."""
    ra, dec = alert["ra"], alert["dec"]
    if ra is None or dec is None:
        return {}
    try:
        found = matcher.match(np.array([ra]), np.array([dec]))
        chosen = found.entry[:MAX_MATCHES]
        rows = matcher.rows(chosen)
    except EnrichError:
        return {}
    roles, columns = matcher.info.roles, Table(matcher.info.name, matcher.info.columns)
    there = np.array([rows[roles.ra].to_pylist(), rows[roles.dec].to_pylist()], np.float64)
    angles = position_angle(ra, dec, there[0], there[1]) if len(chosen) else np.empty(0)
    named = _named(matcher)
    return {
        str(row[roles.id] if roles.id else number): {
            "position_angle": float(angle) if math.isfinite(angle) else None,
            "values": {named[key]: value for key, value in jsonable(row, columns).items()},
        }
        for number, row, angle in zip(chosen.tolist(), rows.to_pylist(), np.atleast_1d(angles), strict=True)
    }


def _named(matcher: Matcher) -> dict[str, str]:
    """Give the names in the table of matches of a catalogue's own columns, which are the last of it."""
    own = [column.name for column in matcher.info.columns]
    return dict(zip(own, matcher.table.names[-len(own) :], strict=True))


def _matcher(folder: Path) -> Matcher | None:
    """Open a catalogue that is still there; it stays open until it changes."""
    try:
        return _opened(folder, (folder / catalogue.INFO).stat().st_mtime_ns)
    except (OSError, EnrichError):
        return None


@lru_cache(_OPEN)
def _opened(folder: Path, _: int) -> Matcher | None:
    opened = store.layer(folder)
    return opened if isinstance(opened, Matcher) else None
