"""Positions matched with a catalogue: ours by zones against scipy's KD-tree, on one core.

Scipy is no dependency of vobroker; where it is not installed its row says so.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from bench import report
from vobroker import sky
from vobroker.sky.crossmatch import Catalogue

ARCSEC = 1 / 3600
Places = tuple[np.ndarray, np.ndarray]


def places(count: int, rng: np.random.Generator) -> Places:
    """Give positions all over the sky, degrees."""
    return rng.uniform(0, 360, count), np.degrees(np.arcsin(rng.uniform(-1, 1, count)))


def tree(entries: Places, positions: Places, radius: float) -> tuple[float, float, np.ndarray]:
    """Match by a KD-tree of unit vectors; give the seconds to build and to ask, and the matches."""
    from scipy.spatial import cKDTree

    def vectors(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
        lon, lat = np.radians(ra), np.radians(dec)
        return np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])

    built, made = timed(lambda: cKDTree(vectors(*entries)))
    chord = 2 * np.sin(np.radians(radius) / 2)
    asked, (_, found) = timed(lambda: made.query(vectors(*positions), distance_upper_bound=chord))
    return built, asked, np.where(found == len(entries[0]), -1, found)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Give the seconds that something takes, and what it gives."""
    start = time.perf_counter()
    answer = work()
    return time.perf_counter() - start, answer


def main() -> None:
    """Measure and show the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--entries", type=int, default=2_000_000, help="entries of the catalogue")
    options.add_argument("--positions", type=int, default=200_000, help="positions to match")
    options.add_argument("--radius", type=float, default=2.0, help="arcsec")
    chosen = options.parse_args()
    rng = np.random.default_rng(1)
    entries = places(chosen.entries, rng)
    # Half of them near an entry, half anywhere.
    near = rng.integers(0, chosen.entries, chosen.positions // 2)
    moved = sky.offset(
        entries[0][near], entries[1][near], rng.uniform(0, 360, len(near)), rng.uniform(0, ARCSEC, len(near))
    )
    anywhere = places(chosen.positions - len(near), rng)
    positions = tuple(np.concatenate(pair) for pair in zip(moved, anywhere, strict=True))
    radius = chosen.radius * ARCSEC
    small = Catalogue([1.0], [1.0])  # compiles, or reads what was compiled
    small.nearest([1.0], [1.0], 1)
    small.within([1.0], [1.0], 1)

    built, catalogue = timed(lambda: Catalogue(*entries))
    rows = []
    asked, (found, _) = timed(lambda: catalogue.nearest(*positions, radius))
    rows.append(("nearest, by zones", built, asked))
    around, _ = timed(lambda: catalogue.within(*positions, radius))
    rows.append(("all within, by zones", built, around))
    shown = [
        (name, f"{made:.2f}", f"{chosen.positions / took:,.0f}", f"{took / asked:.2f}")
        for name, made, took in rows
    ]
    if importlib.util.find_spec("scipy"):
        made, took, theirs = tree(entries, positions, radius)
        if not np.array_equal(theirs, found):
            raise SystemExit(f"{np.count_nonzero(theirs != found)} matches differ from the KD-tree's")
        shown.append(
            ("nearest, KD-tree", f"{made:.2f}", f"{chosen.positions / took:,.0f}", f"{took / asked:.2f}")
        )
    else:
        shown.append(("nearest, KD-tree", "scipy is not installed", "-", "-"))
    header = ("match", "seconds to build", "positions/s", "time, to nearest by zones")
    report.show(f"{chosen.entries:,} entries, radius {chosen.radius:g}″", header, shown)


if __name__ == "__main__":
    main()
