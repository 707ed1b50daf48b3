"""What every output format is told: the head of a result, its rows in batches, and how it ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from vobroker.votypes.columns import Column, Table


@dataclass(frozen=True, slots=True)
class Head:
    """What is known of a result before its first row.

    Parameters
    ----------
    columns
        Its columns.
    title
        One sentence on what it is; empty for none.
    infos
        Name, value and text of the INFO elements: the query, the service, how to cite.
    resources
        Further RESOURCE elements of a VOTable, as XML (DataLink 1.1, section 4); elsewhere they are left out.
        A FIELD's ID is its column's name where that is an NCName and no other column has it.
    """

    columns: tuple[Column, ...]
    title: str = ""
    infos: tuple[tuple[str, str, str], ...] = ()
    resources: tuple[str, ...] = ()

    @property
    def table(self) -> Table:
        """The result as a table."""
        return Table("result", self.columns, self.title)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a result ended: all rows, more rows than were allowed, or broken off (DALI 1.1, section 4.4)."""

    status: Literal["OK", "OVERFLOW", "ERROR"] = "OK"
    message: str = ""


class BrokenOffError(Exception):
    """The rows were broken off in a format that cannot say so: the transfer has to break off as well."""


Batches = Iterator[pa.RecordBatch]
Ending = Callable[[], Outcome]
Writer = Callable[[Batches, Head, Ending], Iterator[bytes]]


@dataclass(frozen=True, slots=True)
class Format:
    """One output format.

    Parameters
    ----------
    name
        Short name, as RESPONSEFORMAT has it (DALI 1.1, section 3.4.3).
    title
        Name for a person.
    media_type
        What the response declares.
    suffix
        Suffix of a file, without the dot.
    writer
        Writes it: pieces of the file, each as soon as its rows are there.
    aliases
        Further names that RESPONSEFORMAT may have.
    standard_id
        Its identifier in the capabilities (TAPRegExt 1.0, section 2.3); empty for none.
    binary
        Whether it is not for a terminal.
    """

    name: str
    title: str
    media_type: str
    suffix: str
    writer: Writer
    aliases: tuple[str, ...] = ()
    standard_id: str = ""
    binary: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """All names that it goes by."""
        return (self.name, self.media_type, *self.aliases)
