"""Parsers of ADQL on the same queries, in one run: ours, DaCHS, VOLLT and queryparser.

Every parser times itself, in its own process and without any input or output, over the IVOA's lyonetia
corpus and over the queries of the project's own. The first pass is what a command meets, the warm one what
a service does: for Java that is after many passes. Parsing only; ours is measured through check and
translation too, with tables that have the columns which each query names.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from bench import report
from vobroker.adql import AdqlError, check, corpus, parse, translate, tree
from vobroker.votypes.columns import Column, Table

CHECKOUT = Path(__file__).resolve().parents[1]
PASSES = {"vobroker": 10, "VOLLT": 40, "DaCHS": 4, "queryparser": 4}
WHOLE = "vobroker: parse, check, translate"


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds of each query: in the first pass, and the median of the second half of all passes."""

    first: list[float]
    warm: list[float]

    @classmethod
    def of(cls, passes: list[list[float]]) -> Times:
        """Sum up passes over the same queries."""
        later = zip(*passes[len(passes) // 2 :], strict=True)
        return cls(passes[0], [statistics.median(times) for times in later])


def texts(folder: str) -> list[str]:
    """Give the queries of a folder of the corpus."""
    groups = corpus.read(CHECKOUT / "corpus" / folder)
    return [query.text for group in groups for query in group.queries]


def parser(name: str, queries: list[str], folder: Path) -> Times:
    """Let an installed implementation time itself."""
    command = folder / name.lower() / "run"
    if not command.is_file():
        raise SystemExit(f"{name} is not installed: run corpus/adapters/install.sh first")
    done = subprocess.run(
        [command, "--time", str(PASSES[name])],
        input=b"".join(query.encode() + b"\0" for query in queries),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    passes = [[int(word) / 1e6 for word in line.split()] for line in done.stdout.splitlines()]
    if done.returncode or [len(one) for one in passes] != [len(queries)] * PASSES[name]:
        raise SystemExit(f"{name} ended with status {done.returncode} and {len(passes)} passes")
    return Times.of(passes)


def whole_way(queries: list[str]) -> tuple[Times, int]:
    """Parse, check and translate; also give how many queries go all the way."""
    known = [catalogue(query) for query in queries]
    passes = [
        [_milliseconds(*one) for one in zip(queries, known, strict=True)] for _ in range(PASSES["vobroker"])
    ]
    arrived = sum(_translated(*one) for one in zip(queries, known, strict=True))
    return Times.of(passes), arrived


def catalogue(text: str) -> dict[str, Table]:
    """Make up the tables that a query speaks of; columns without a table go to the first of them."""
    try:
        query = parse(text)
    except AdqlError:
        return {}
    nodes = list(tree.walk(query))
    names: dict[str, str] = {}
    for node in nodes:
        if isinstance(node, tree.TableName):
            name = ".".join(part.text for part in node.path)
            names[name.lower()] = names[(node.alias or node.path[-1]).text.lower()] = name
    columns: dict[str, dict[str, Column]] = defaultdict(dict)
    for node in nodes:
        if isinstance(node, tree.ColumnReference) and names:
            table = names.get(
                ".".join(part.text.lower() for part in node.path[:-1]), next(iter(names.values()))
            )
            columns[table][node.path[-1].text.lower()] = Column(node.path[-1].text, "DOUBLE")
    nothing = (Column("x", "DOUBLE"),)
    return {name: Table(name, tuple(columns[name].values()) or nothing) for name in names.values()}


def _translated(text: str, tables: dict[str, Table]) -> bool:
    try:
        translate(check(parse(text), tables), "duckdb")
    except AdqlError:
        return False
    return True


def _milliseconds(text: str, tables: dict[str, Table]) -> float:
    begin = time.perf_counter_ns()
    _translated(text, tables)
    return (time.perf_counter_ns() - begin) / 1e6


def _percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1]


def rows(times: dict[str, Times]) -> list[tuple[str, ...]]:
    """Give the lines of the table; ratios are of warm medians, ours being 1."""
    ours = statistics.median(times["vobroker"].warm)
    return [
        (
            name,
            f"{statistics.median(t.first):.2f}",
            f"{_percentile(t.first, 99):.2f}",
            f"{statistics.median(t.warm):.3f}",
            f"{_percentile(t.warm, 99):.2f}",
            f"{statistics.median(t.warm) / ours:.2g}",
        )
        for name, t in times.items()
    ]


HEADER = ("ms a query", "first pass: median", "p99", "warm: median", "p99", "ratio")


def main() -> None:
    """Measure, print, and write where asked to."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument(
        "--installed", type=Path, default=CHECKOUT / "build" / "adql", help="implementations"
    )
    options.add_argument("--write", type=Path, help="page between whose marks the tables go")
    chosen = options.parse_args()
    written = []
    for folder, title in (("lyonetia", "lyonetia"), ("adql", "the corpus's own queries")):
        queries = texts(folder)
        times = {"vobroker": parser("vobroker", queries, chosen.installed)}
        times[WHOLE], arrived = whole_way(queries)
        times |= {name: parser(name, queries, chosen.installed) for name in PASSES if name != "vobroker"}
        heading = f"{len(queries)} queries of {title}; {arrived} of them go all the way to DuckDB's SQL"
        lines = rows(times)
        report.show(heading, HEADER, lines)
        written += [heading + ":", "", *report.markdown(HEADER, lines), ""]
    if chosen.write:
        report.between(chosen.write, "speed", "\n".join([*written, f"({report.machine()})"]))


if __name__ == "__main__":
    main()
