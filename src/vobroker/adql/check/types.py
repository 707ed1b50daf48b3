"""Types: which ones belong together, and the one that holds the values of two."""

from __future__ import annotations

from datetime import datetime

from vobroker.adql import tree
from vobroker.adql.check.model import INTEGERS, NUMERIC, TEXTS, UNDECIDED, ValueType


def arithmetic_type(left: str, right: str) -> str:
    """Type of an operation: the wider one; a REAL with an integer is a DOUBLE, since a REAL loses digits."""
    types = {left, right} & set(NUMERIC)
    if not types or (types & {"REAL", "DOUBLE"} and types & set(INTEGERS)):
        return "DOUBLE"
    return max(types, key=NUMERIC.index)


def common_type(left: str, right: str) -> str | None:
    """Type that holds values of both types; None where there is none."""
    if left == right or right in UNDECIDED:
        return left
    if left in UNDECIDED:
        return right
    if left in NUMERIC and right in NUMERIC:
        return arithmetic_type(left, right)
    return "VARCHAR" if {left, right} <= set(TEXTS) else None


def merge_types(left: ValueType, right: ValueType) -> ValueType:
    """Type of a column that holds values of both; what only one knows of itself is kept."""
    type_ = common_type(left.type, right.type) or left.type
    unit = left.unit if left.unit is not None else right.unit
    if left.type == "NULL" or right.type == "NULL":  # which is in no system
        system = left.system or right.system
    else:
        system = left.system if left.system == right.system else ""
    return ValueType(type_, unit, left.ucd or right.ucd, left.description, left.utype, system)


def number_type(node: tree.Number) -> str:
    """Type of a number as written: the narrowest of INTEGER, BIGINT and DOUBLE."""
    if not node.is_integer:
        return "DOUBLE"
    value = int(node.text) if len(node.text) < 20 else 2**64
    return "INTEGER" if value < 2**31 else "BIGINT" if value < 2**63 else "DOUBLE"


def is_timestamp(text: str) -> bool:
    """Whether a string is a time that a TIMESTAMP can be compared with."""
    try:
        return datetime.fromisoformat(text).tzinfo is None
    except ValueError:
        return False


def is_number(text: str) -> bool:
    """Whether a string holds a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True
