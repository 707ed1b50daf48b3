"""One file per engine: how a checked ADQL tree is written in its SQL."""

from vobroker.adql.check import CheckedQuery
from vobroker.adql.platforms.base import Translation, Translator
from vobroker.adql.platforms.duckdb import DuckDB
from vobroker.adql.platforms.mariadb import MariaDB
from vobroker.adql.platforms.postgresql import PostgreSQL
from vobroker.adql.platforms.spark import Spark
from vobroker.adql.platforms.sqlite import SQLite

__all__ = ["ENGINES", "Translation", "Translator", "translate"]

ENGINES: dict[str, type[Translator]] = {
    "duckdb": DuckDB,
    "postgresql": PostgreSQL,
    "sqlite": SQLite,
    "mariadb": MariaDB,
    "spark": Spark,
}
"""Translators by engine."""


def translate(checked: CheckedQuery, engine: str) -> Translation:
    """Write a checked query in an engine's SQL.

    Raises
    ------
    AdqlError
        Code ``unsupported``, if the engine cannot do exactly what the query asks.
    """
    if engine not in ENGINES:
        raise ValueError(f"there is no engine {engine}; known: {', '.join(ENGINES)}")
    return ENGINES[engine](checked).translate()
