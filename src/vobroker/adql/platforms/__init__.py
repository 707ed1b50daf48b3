"""One file per engine: how a checked ADQL tree is written in its SQL."""

from collections.abc import Mapping

from vobroker.adql.check import CheckedQuery
from vobroker.adql.platforms.base import Translation, Translator
from vobroker.adql.platforms.cells import Cells
from vobroker.adql.platforms.duckdb import DuckDB
from vobroker.adql.platforms.mariadb import MariaDB
from vobroker.adql.platforms.oracle import Oracle
from vobroker.adql.platforms.postgresql import PostgreSQL
from vobroker.adql.platforms.postgresql_pgsphere import PostgreSQLpgSphere
from vobroker.adql.platforms.postgresql_q3c import PostgreSQLq3c
from vobroker.adql.platforms.spark import Spark
from vobroker.adql.platforms.sqlite import SQLite
from vobroker.adql.platforms.sqlserver import SQLServer
from vobroker.adql.platforms.trino import Trino

__all__ = ["ENGINES", "EXECUTED", "PRIMARY", "Cells", "Translation", "Translator", "translate"]

PRIMARY = ("duckdb", "postgresql", "postgresql-q3c", "postgresql-pgsphere", "sqlite")
"""Platforms that every release must do all it can on."""

EXECUTED = (*PRIMARY, "mariadb", "spark")
"""Platforms on which the tests execute every translation; those of the others are only read by a parser."""

ENGINES: dict[str, type[Translator]] = {
    "duckdb": DuckDB,
    "postgresql": PostgreSQL,
    "postgresql-q3c": PostgreSQLq3c,
    "postgresql-pgsphere": PostgreSQLpgSphere,
    "sqlite": SQLite,
    "mariadb": MariaDB,
    "spark": Spark,
    "sqlserver": SQLServer,
    "oracle": Oracle,
    "trino": Trino,
}
"""Translators by platform."""


def translate(
    checked: CheckedQuery,
    engine: str,
    *,
    stored: Mapping[str, str] | None = None,
    cells: Cells | None = None,
) -> Translation:
    """Write a checked query in an engine's SQL.

    Parameters
    ----------
    checked
        The query.
    engine
        A name in :data:`ENGINES`.
    stored
        What stands for a table in the database where that is not its name: another name, or a query of ours
        in parentheses.
    cells
        What knows the HEALPix cells under a shape: the module :mod:`vobroker.sky`. With it, tables that keep
        the cell of their positions are asked for cells first; the rows are the same.

    Raises
    ------
    AdqlError
        Code ``unsupported``, if the engine cannot do exactly what the query asks.
    """
    if engine not in ENGINES:
        raise ValueError(f"there is no engine {engine}; known: {', '.join(ENGINES)}")
    return ENGINES[engine](checked, stored or {}, cells).translate()
