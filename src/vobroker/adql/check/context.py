"""Where checking stands: the query, what its names may mean, and what was found out so far.

Values hold conditions (CASE), conditions hold queries (EXISTS, IN) and queries hold values. Each of the three
has a file of its own; they reach one another through the context.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from vobroker.adql import tree
from vobroker.adql.check.model import CheckedQuery, Field, Output, Source, ValueType
from vobroker.adql.errors import AdqlError
from vobroker.adql.functions import FUNCTIONS, Signature
from vobroker.votypes.columns import Table


@dataclass(slots=True)
class Relation:
    """What a FROM clause, or a part of it, offers: its tables, and its columns in the order of ``*``."""

    sources: list[Source]
    columns: list[Field]


@dataclass(slots=True)
class Scope:
    """Where names are looked up: the relation, then the query around."""

    relation: Relation
    outer: Scope | None = None
    outputs: tuple[Output, ...] = ()
    aggregates: str = ""  # why a set function may not stand here; empty where it may


@dataclass(frozen=True, slots=True)
class CommonTable:
    """A query of the WITH clause; ``table`` is the name that translators give it."""

    name: tree.Identifier
    table: str
    outputs: tuple[Output, ...]


class Context(ABC):
    """One check of one query."""

    def __init__(
        self, query: tree.Query, tables: Mapping[str, Table], functions: Mapping[str, Signature]
    ) -> None:
        self.text = query.text
        self.tables = tables
        self.declared = {name.upper(): signature for name, signature in functions.items()}
        self.function_names = [*FUNCTIONS, *functions]
        self.checked = CheckedQuery(query)
        self.ctes: list[CommonTable] = []
        self.count = 0

    def fail(self, code: str, message: str, node: tree.Node, suggestion: str = "") -> NoReturn:
        """Refuse the query for what stands at a node."""
        raise AdqlError(code, message, self.text, node.span, suggestion)

    @abstractmethod
    def value(self, node: tree.Value, scope: Scope, *, outputs_first: bool = False) -> ValueType:
        """Find the type of a value and of all in it."""

    @abstractmethod
    def condition(self, node: tree.Condition, scope: Scope) -> None:
        """Check a condition and all in it."""

    @abstractmethod
    def query(self, body: tree.QueryBody, outer: Scope | None) -> tuple[Output, ...]:
        """Check a query and give its columns; ``outer`` is where it stands in another one."""
