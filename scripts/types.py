"""Write the tables of docs/types.md from the type table.

Run as ``.venv/bin/python -m scripts.types`` in the checkout, or by ``make types``.
"""

from __future__ import annotations

from pathlib import Path

from vobroker.votypes.databases import DATABASES, LACKS, stored
from vobroker.votypes.types import EXTENDED, TYPES, DataType

PAGE = Path(__file__).resolve().parents[1] / "docs" / "types.md"
BEGIN = "<!-- tables: written by make types -->"
TITLES = {
    "duckdb": "DuckDB",
    "postgresql": "PostgreSQL",
    "sqlite": "SQLite",
    "mariadb": "MariaDB",
    "spark": "Spark",
    "sqlserver": "SQL Server",
    "oracle": "Oracle",
    "trino": "Trino",
}


def page_part() -> str:
    """Write the part of the page with the tables."""
    rows = (*TYPES.values(), *EXTENDED.values())
    lines = [
        BEGIN,
        "",
        "## In the VO and in Arrow",
        "",
        *_table(
            ("Type", "ADQL", "datatype", "arraysize", "xtype", "Arrow", "Source"),
            [
                (_code(r.name), _code(_adql(r)), r.votable, r.arraysize, r.xtype, _code(r.arrow), r.source)
                for r in rows
            ],
        ),
        "",
        "## In databases",
        "",
        *_table(
            ("Type", *(TITLES[engine] for engine in DATABASES)),
            [(_code(r.name), *(_code(stored(r.name, engine)) for engine in DATABASES)) for r in rows],
        ),
        "",
        "What a database has no place for, so that nothing can bring it back:",
        "",
        *_table(("Database", "Lacks"), [(TITLES[engine], lacks) for engine, lacks in LACKS.items()]),
    ]
    return "\n".join(lines) + "\n"


def _adql(row: DataType) -> str:
    return row.adql if not row.element or not row.adql else f"{row.adql} of {row.element}"


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    return ["| " + " | ".join(row) + " |" for row in (head, ("---",) * len(head), *rows)]


def main() -> None:
    """Write the page; what stands before the tables stays."""
    before = PAGE.read_text(encoding="utf-8").partition(BEGIN)[0]
    PAGE.write_text(before + page_part(), encoding="utf-8")


if __name__ == "__main__":
    main()
