"""The parts of a VOTable: fields and parameters from columns, table data from Arrow.

VOTable 1.5 (IVOA Recommendation 2025-01-16). Whole columns are turned into text or bytes at once, so
that a long table costs no Python work per cell. A null is an empty cell in TABLEDATA and a set flag in
BINARY2 (section 5.3, 5.4); neither needs the "magic" null values that section 4.7 discourages.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

import pyarrow as pa
import pyarrow.compute as pc

from vobroker.votypes.columns import Column
from vobroker.votypes.texts import lines, text

NAMESPACE = "http://www.ivoa.net/xml/VOTable/v1.3"
"""XML namespace of VOTable 1.3 to 1.5."""

# XML 1.0 section 2.2 has no way to write these, not even escaped.
_NOT_XML = "[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]"
_SPECIAL = f"[&<>\r]|{_NOT_XML}"
_ESCAPES = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\r", "&#13;"))


def element(tag: str, attributes: dict[str, str], *content: str) -> str:
    """Write an XML element; the content goes in as it is."""
    shown = "".join(f" {name}={_quoted(value)}" for name, value in attributes.items())
    inner = "".join(content)
    return f"<{tag}{shown}>{inner}</{tag}>" if inner else f"<{tag}{shown}/>"


def field(column: Column, *, ref: str = "", identifier: str | None = None, null: str = "") -> str:
    """Write the FIELD of a column.

    Parameters
    ----------
    column
        The column.
    ref
        ID of its coordinate or time system.
    identifier
        Its ID, empty for none; the column's name if not given.
    null
        The value that stands for none, where the serialization needs one (section 4.7).
    """
    known = {"ID": column.name if identifier is None else identifier}
    values = element("VALUES", {"null": null}) if null else ""
    attributes = {name: value for name, value in known.items() if value} | _attributes(column, ref)
    return element("FIELD", attributes, _description(column), values)


def param(column: Column, value: str | float, *, ref: str = "") -> str:
    """Write a PARAM: a column that has the same value in every row."""
    return element("PARAM", _attributes(column, ref) | {"value": _number(value)}, _description(column))


def tabledata(rows: pa.Table) -> str:
    """Write rows as TABLEDATA (section 5.3).

    Numbers are the shortest decimals that read back to the same value of the same width.
    """
    if not rows.num_rows:
        return "<TABLEDATA/>"
    body = b"".join(tabledata_rows(batch) for batch in rows.to_batches())
    return f"<TABLEDATA>\n{body.decode()}</TABLEDATA>"


def tabledata_rows(rows: pa.RecordBatch) -> memoryview:
    """Write the TR elements of rows, UTF-8, each on a line."""
    cells: list[pa.Array | str] = ["<TR><TD>"]
    for column in rows.columns:
        cells += [pc.fill_null(_escaped(text(column)), ""), "</TD><TD>"]
    return lines([*cells[:-1], "</TD></TR>\n"])


def binary2(rows: pa.Table, columns: Sequence[Column] = ()) -> str:
    """Write rows as BINARY2 (section 5.4): null flags, then the cells, most significant byte first.

    Without ``columns`` texts are all ``unicodeChar``.
    """
    from vobroker.votypes.binary import encode, votable_cells  # the compiler takes time to load

    ascii = [column.datatype.votable == "char" for column in columns] or [False] * rows.num_columns
    stream = b"".join(
        encode(
            [votable_cells(values, ascii=char) for values, char in zip(batch.columns, ascii, strict=True)],
            batch.num_rows,
            flags=True,
        ).tobytes()
        for batch in rows.to_batches()
    )
    text = base64.encodebytes(stream).decode("ascii")
    return f'<BINARY2><STREAM encoding="base64">\n{text}</STREAM></BINARY2>'


def _escaped(texts: pa.Array) -> pa.Array:
    """Text as XML holds it."""
    if not pc.any(pc.match_substring_regex(texts, _SPECIAL), min_count=0).as_py():
        return texts
    texts = pc.replace_substring_regex(texts, _NOT_XML, "\ufffd")
    for character, reference in _ESCAPES:
        texts = pc.replace_substring(texts, character, reference)
    return texts


def _attributes(column: Column, ref: str) -> dict[str, str]:
    """Attributes which FIELD and PARAM share, as far as the column has them."""
    kind = column.datatype
    attributes = {
        "name": column.name,
        "datatype": kind.votable,
        "arraysize": kind.arraysize,
        "xtype": kind.xtype,
        "unit": column.unit,
        "ucd": column.ucd,
        "utype": column.utype,
        "ref": ref,
    }
    return {name: value for name, value in attributes.items() if value}


def xml_text(value: str) -> str:
    """Replace the characters that XML cannot hold."""
    return re.sub(_NOT_XML, "\ufffd", value)


def _quoted(value: str) -> str:
    """Attribute value in quotes."""
    return quoteattr(xml_text(value))


def _description(column: Column) -> str:
    return element("DESCRIPTION", {}, escape(xml_text(column.description))) if column.description else ""


def _number(value: str | float) -> str:
    """Text of a PARAM's value; NaN has the spelling of section 2.1."""
    return "NaN" if value != value else str(value)  # noqa: PLR0124 (only NaN differs from itself)
