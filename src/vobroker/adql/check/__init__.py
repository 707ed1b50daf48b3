"""Names, types and units: everything that can be known to be wrong before an engine sees the query.

Each value gets its type, unit and UCD; each column reference the column it means (ADQL 2.1 section 2.1.3
for upper and lower case); each ``*`` its columns. The result is what the translators work from.
"""

from __future__ import annotations

from collections.abc import Mapping

from vobroker.adql import tree
from vobroker.adql.check.checker import Checker
from vobroker.adql.check.model import CheckedQuery, Field, Output, Source, ValueType
from vobroker.adql.check.types import arithmetic_type
from vobroker.adql.errors import AdqlError
from vobroker.adql.functions import Signature
from vobroker.votypes.columns import Table

__all__ = ["CheckedQuery", "Field", "Output", "Source", "ValueType", "arithmetic_type", "check"]


def check(
    query: tree.Query,
    tables: Mapping[str, Table],
    functions: Mapping[str, Signature] | None = None,
) -> CheckedQuery:
    """Check a query against tables.

    Parameters
    ----------
    query
        Tree from :func:`vobroker.adql.parse`.
    tables
        Tables by name; a name may have dots for schema and catalog.
    functions
        User-defined functions by name.

    Raises
    ------
    AdqlError
        For an unknown or ambiguous name, a value of the wrong type, units that certainly do not fit, a
        misplaced aggregate.
    """
    checker = Checker(query, tables, functions or {})
    try:
        return checker.run()
    except RecursionError:
        raise AdqlError("too-deep", "The query is nested too deeply.", query.text, query.span) from None
