"""ADQL 2.1: parse, check, translate.

>>> from vobroker import adql
>>> query = adql.parse("SELECT ra, dec FROM alert WHERE mag < 19")
>>> checked = adql.check(query, {"alert": table})  # doctest: +SKIP
>>> adql.translate(checked, "duckdb")  # doctest: +SKIP
"""

from vobroker.adql.check import CheckedQuery, ValueType, check
from vobroker.adql.errors import AdqlError
from vobroker.adql.formatter import format_query
from vobroker.adql.functions import Signature
from vobroker.adql.parser import EXTENSIONS, VERSIONS, parse
from vobroker.adql.platforms import ENGINES, Translation, translate
from vobroker.adql.printer import to_text

__all__ = [
    "ENGINES",
    "EXTENSIONS",
    "VERSIONS",
    "AdqlError",
    "CheckedQuery",
    "Signature",
    "Translation",
    "ValueType",
    "check",
    "format_query",
    "parse",
    "to_text",
    "translate",
]
