"""An exported archive, asked where it lies: by DuckDB or by Spark, on the same Parquet."""

# ruff: noqa: S608 -- what is put into the text are names of tables and columns
from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NoReturn

import duckdb
import pyarrow as pa

from vobroker.alerts.columns import ALERT, MEASUREMENT, OBJECT
from vobroker.archive.archive import About, Archive
from vobroker.archive.bulk import BulkReader
from vobroker.archive.errors import ArchiveError, QueryStopped
from vobroker.archive.export import FORMAT, files, manifest
from vobroker.archive.folder import _FolderReading, sentence
from vobroker.archive.reading import BATCH_ROWS, Reading
from vobroker.archive.replay import Page
from vobroker.archive.tables import quote
from vobroker.archive.transaction import Transaction
from vobroker.votypes.columns import Column, Table

PREFIXES = {"hats:": "duckdb", "spark+hats:": "spark"}
"""How a place begins, and the engine."""


def open_hats(where: str, authority: str) -> HatsArchive:
    """Open an exported archive: ``hats:FOLDER`` for DuckDB, ``spark+hats:FOLDER`` for Spark.

    Raises
    ------
    ArchiveError
        If there is none, or Spark is not installed.
    """
    prefix = next(prefix for prefix in PREFIXES if where.startswith(prefix))
    folder = Path(where.removeprefix(prefix))
    return (_ByDuckDB if PREFIXES[prefix] == "duckdb" else _BySpark)(folder, where, authority)


class HatsArchive(Archive):
    """An exported archive, of the moment when it was opened; it is only read."""

    def __init__(self, folder: Path, place: str, authority: str) -> None:
        super().__init__(place, authority)
        self.folder = folder
        self._known = manifest(folder)["tables"]
        try:
            self._tables = {
                name: Table(
                    name, tuple(Column(**column) for column in table["columns"]), table["description"]
                )
                for name, table in self._known.items()
            }
        except (KeyError, TypeError) as error:
            raise ArchiveError(f"{folder} has an export without columns: {error}") from error
        own = {table.name: table for table in (ALERT, OBJECT, MEASUREMENT)}
        self._tables |= {name: own[name] for name in own if name in self._tables}

    def exported(self) -> dict[str, Table]:
        """Give the tables that are there."""
        return self._tables

    def native_tables(self) -> dict[str, Table]:
        """Give the native table of each survey that has one."""
        common = (ALERT.name, OBJECT.name, MEASUREMENT.name)
        return {name: table for name, table in self._tables.items() if name not in common}

    def about(self) -> About:
        """Say what reads it, and how large it is."""
        size = sum(
            Path(file).stat().st_size
            for name, table in self._known.items()
            for file in files(self.folder, name, table)
        )
        return About(f"HATS, read by {self.platform}", FORMAT, size, 0)

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Refuse to change it."""
        self._refuse("it is only read")

    def bulk(self) -> AbstractContextManager[BulkReader]:
        """Refuse: it does not have all of an archive."""
        self._refuse("it has no packets")

    def stored(self, condition: str, parameters: Sequence[Any]) -> Iterator[Page]:
        """Refuse: there are no packets."""
        self._refuse("it has no packets")

    def latest(self, limit: int, before: int | None = None) -> list[dict[str, Any]]:
        """Refuse: the order of arrival is not exported."""
        self._refuse("it does not know the order of arrival")

    def _refuse(self, why: str) -> NoReturn:
        raise ArchiveError(f"{self.place} is an exported archive: {why}")


class _ByDuckDB(HatsArchive):
    platform = "duckdb"

    def __init__(self, folder: Path, place: str, authority: str) -> None:
        super().__init__(folder, place, authority)
        self._db = duckdb.connect()
        try:
            for name, table in self._tables.items():
                names = ", ".join(map(quote, table.names))
                listed = ", ".join(
                    "'" + file.replace("'", "''") + "'" for file in files(folder, name, self._known[name])
                )
                self._db.execute(
                    f"CREATE VIEW {quote(name)} AS SELECT {names}"
                    f" FROM read_parquet([{listed}], hive_partitioning = false)"
                )
        except duckdb.Error as error:
            self._db.close()
            raise ArchiveError(f"{folder} cannot be read: {sentence(error)}") from error

    def close(self) -> None:
        """Close it."""
        self._db.close()

    def query(
        self,
        sql: str,
        parameters: Sequence[Any] = (),
        *,
        rows: int | None = None,
        seconds: float | None = None,
    ) -> pa.Table:
        """Run a query that we wrote."""
        return _all(self.read(sql, parameters), rows, seconds)

    def read(
        self, sql: str, parameters: Sequence[Any] = (), *, lent: Mapping[str, pa.Table] | None = None
    ) -> Reading:
        """Start a query whose rows are taken as they come."""
        return _FolderReading(self._db.cursor(), sql, parameters, lent or {})


class _BySpark(HatsArchive):
    platform = "spark"

    def __init__(self, folder: Path, place: str, authority: str) -> None:
        super().__init__(folder, place, authority)
        try:
            from pyspark.sql import SparkSession
        except ImportError as error:
            raise ArchiveError("Spark is not installed: pip install pyspark") from error
        running = SparkSession.getActiveSession()
        self._ours = running is None
        builder = SparkSession.builder.appName("vobroker")
        for key, value in _SETTINGS.items():
            builder = builder.config(key, value)
        self._spark = running.newSession() if running else builder.getOrCreate()
        for name, table in self._tables.items():
            frame = self._spark.read.option("mergeSchema", "false").parquet(
                *files(folder, name, self._known[name])
            )
            frame.select(*(f"`{column}`" for column in table.names)).createOrReplaceTempView(f"`{name}`")

    def close(self) -> None:
        """Stop Spark, unless it ran before."""
        if self._ours:
            self._spark.stop()

    def query(
        self,
        sql: str,
        parameters: Sequence[Any] = (),
        *,
        rows: int | None = None,
        seconds: float | None = None,
    ) -> pa.Table:
        """Run a query that we wrote."""
        return _all(self.read(sql, parameters), rows, seconds)

    def read(
        self, sql: str, parameters: Sequence[Any] = (), *, lent: Mapping[str, pa.Table] | None = None
    ) -> Reading:
        """Start a query; Spark gives its rows as a whole."""
        return _SparkReading(self._spark, sql, parameters, lent or {})


_SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.shuffle.partitions": "8",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.log.level": "OFF",
    "spark.ui.showConsoleProgress": "false",
}


class _SparkReading(Reading):
    def __init__(self, spark: Any, sql: str, parameters: Sequence[Any], lent: Mapping[str, pa.Table]) -> None:
        self._spark, self._sql, self._lent = spark, sql, lent
        self._given = {f"p{number}": value for number, value in enumerate(parameters, 1)}
        self._stopped = threading.Event()
        self._tag = f"vobroker-{id(self)}"

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        from pyspark.errors import PySparkException

        try:
            for name, rows in self._lent.items():
                self._spark.createDataFrame(rows).createOrReplaceTempView(name)
            self._spark.addTag(self._tag)
            found = self._spark.sql(self._sql, args=self._given).toArrow()
        except Exception as error:
            self._check()
            # Py4J raises what Java did, which is none of Spark's errors when a job is cancelled.
            if not isinstance(error, PySparkException) and not type(error).__module__.startswith("py4j"):
                raise
            raise ArchiveError(f"the query failed: {str(error).splitlines()[0]}") from error
        finally:
            self._spark.removeTag(self._tag)
        self._check()
        yield from found.to_batches(BATCH_ROWS)

    def cancel(self) -> None:
        """Stop the query."""
        self._stopped.set()
        self._spark.interruptTag(self._tag)

    def close(self) -> None:
        """End the query; nothing is held."""

    def _check(self) -> None:
        if self._stopped.is_set():
            raise QueryStopped("the query was stopped")


def _all(reading: Reading, rows: int | None, seconds: float | None) -> pa.Table:
    timer = threading.Timer(seconds, reading.cancel) if seconds is not None else None
    if timer:
        timer.start()
    try:
        with reading:
            batches = list(reading)
            found = pa.Table.from_batches(batches) if batches else pa.table({})
            return found if rows is None else found.slice(0, rows)
    finally:
        if timer:
            timer.cancel()
