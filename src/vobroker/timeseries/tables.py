"""Tables of a VOTable as Arrow tables: TABLEDATA, BINARY and BINARY2 of any origin."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from lxml import etree

from vobroker.timeseries import streams
from vobroker.timeseries.errors import TimeSeriesError
from vobroker.timeseries.series import described
from vobroker.timeseries.xml import children, description, path, place, tag

MAX_ROWS = 5_000_000
"""Most rows of a table."""

MAX_COLUMNS = 2_000
"""Most columns of a table."""

_INTEGERS = {"unsignedByte": pa.int16(), "short": pa.int16(), "int": pa.int32(), "long": pa.int64()}
_REALS = {"float": pa.float32(), "double": pa.float64()}
_TEXTS = ("char", "unicodeChar")
_TRUE, _FALSE = ("T", "t", "1", "true", "TRUE", "True"), ("F", "f", "0", "false", "FALSE", "False")


@dataclass(frozen=True)
class Field:
    """A FIELD or PARAM of a VOTable."""

    element: etree._Element

    def __getattr__(self, attribute: str) -> str:
        """Give an attribute of the element; empty where it has none."""
        return str(self.element.get(attribute, "")).strip()

    @property
    def label(self) -> str:
        """Its name, or where it has none its ID."""
        return self.name or self.ID

    @cached_property
    def description(self) -> str:
        """What the DESCRIPTION says."""
        return description(self.element)

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Words of the UCD, in lower case; services have put UCDs into utypes."""
        ucd = self.ucd or (self.utype if self.utype.startswith(("meta.", "phot.", "time.", "pos.")) else "")
        return tuple(word.strip() for word in ucd.lower().split(";") if word.strip())

    @property
    def is_text(self) -> bool:
        """Whether it holds text."""
        return self.datatype in _TEXTS

    @property
    def is_array(self) -> bool:
        """Whether a cell holds several values."""
        return not self.is_text and self.arraysize not in ("", "1")

    @property
    def type(self) -> pa.DataType:
        """Arrow type of the values."""
        kind = _INTEGERS.get(self.datatype) or _REALS.get(self.datatype)
        if kind is None:
            kind = pa.bool_() if self.datatype in ("boolean", "bit") else pa.string()
        return pa.list_(kind) if self.is_array and not pa.types.is_string(kind) else kind

    @property
    def arrow(self) -> pa.Field:
        """Arrow field with what is told of the column."""
        return described(
            self.label,
            self.type,
            unit=self.unit,
            ucd=self.ucd,
            utype=self.utype,
            description=self.description,
        )


@dataclass(frozen=True)
class Table:
    """A TABLE of a VOTable.

    Parameters
    ----------
    element
        The TABLE.
    given
        Its rows, where they are not in the document.
    hidden
        Columns that are left out.
    """

    element: etree._Element
    given: pa.Table | None = None
    hidden: frozenset[str] = frozenset()

    @property
    def path(self) -> str:
        """Way to the table."""
        return path(self.element)

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """Columns."""
        found = tuple(map(Field, children(self.element, "FIELD")))
        if len(found) > MAX_COLUMNS:
            raise TimeSeriesError(
                f"it has {len(found)} columns; the limit is {MAX_COLUMNS}", place(self.element)
            )
        names: set[str] = set()
        for one in found:
            if not one.label:
                raise TimeSeriesError("the FIELD has neither name nor ID", place(one.element))
            if one.label in names:
                raise TimeSeriesError(f"two columns are called {one.label}", place(one.element))
            names.add(one.label)
        return tuple(one for one in found if one.label not in self.hidden)

    @cached_property
    def params(self) -> tuple[Field, ...]:
        """Parameters of the table, of its groups, and of the resources it is in; its own come first."""
        found = [*children(self.element, "PARAM")]
        found += [param for group in children(self.element, "GROUP") for param in children(group, "PARAM")]
        found += [
            param
            for resource in self.element.iterancestors()
            if tag(resource) == "RESOURCE" and resource.get("type") != "meta"
            for param in children(resource, "PARAM")
        ]
        return tuple(map(Field, found))

    def field(self, reference: str) -> Field | None:
        """Find a column or parameter by its ID; by its name, where nothing in the document has such an ID."""
        both = (*self.fields, *self.params)
        for one in both:
            if reference == one.ID:
                return one
        if reference in _identifiers(self.element.getroottree().getroot()):
            return None
        return next((one for one in both if one.name == reference), None)

    @cached_property
    def rows(self) -> pa.Table:
        """Values.

        Raises
        ------
        TimeSeriesError
            If cells are missing or are not what their FIELD says; with row and column.
        """
        if self.given is not None:
            return self.given
        found = [form for data in children(self.element, "DATA") for form in children(data)]
        forms = [form for form in found if tag(form) in ("TABLEDATA", "BINARY", "BINARY2")]
        if not forms:
            return pa.schema([one.arrow for one in self.fields]).empty_table()
        columns = _tabledata(self, forms[0]) if tag(forms[0]) == "TABLEDATA" else _binary(self, forms[0])
        return pa.table(columns, schema=pa.schema([one.arrow for one in self.fields]))


def _identifiers(root: etree._Element) -> set[str]:
    return {one.get("ID", "") for one in root.iter("{*}FIELD", "{*}PARAM")}


def tables(root: etree._Element) -> list[Table]:
    """Give the tables of a document, but those that describe services."""
    return [
        Table(one)
        for one in root.iter("{*}TABLE")
        if not any(
            tag(up) == "RESOURCE" and up.get("utype", "").startswith("adhoc:") for up in one.iterancestors()
        )
    ]


def _tabledata(table: Table, data: etree._Element) -> list[pa.Array]:
    width = len(table.fields)
    cells: list[list[str | None]] = []
    for number, row in enumerate(data.iterchildren("{*}TR"), 1):
        values = [cell.text for cell in row.iterchildren("{*}TD")]
        if len(values) != width:
            raise TimeSeriesError(f"row {number} has {len(values)} cells for {width} columns", place(row))
        cells.append(values)
        if number > MAX_ROWS:
            raise TimeSeriesError(f"the table has more than {MAX_ROWS} rows", place(data))
    columns = list(zip(*cells, strict=True)) if cells else [()] * width
    return [
        _column(one, pa.array(values, pa.string())) for one, values in zip(table.fields, columns, strict=True)
    ]


def _column(one: Field, texts: pa.Array) -> pa.Array:
    """Read the cells of a column."""
    if one.is_text:
        return texts
    texts = pc.utf8_trim_whitespace(texts)
    texts = pc.if_else(pc.equal(texts, ""), None, texts)
    if null := _null(one):
        texts = pc.if_else(pc.equal(texts, null.strip()), None, texts)
    if one.is_array:
        return _arrays(one, texts)
    return _values(one, texts)


def _values(one: Field, texts: pa.Array) -> pa.Array:
    kind = one.type.value_type if pa.types.is_list(one.type) else one.type
    if pa.types.is_string(kind):
        return texts
    if pa.types.is_boolean(kind):
        texts = pc.if_else(pc.is_in(texts, pa.array(["?", " "])), None, texts)
        true, false = pc.is_in(texts, pa.array(_TRUE)), pc.is_in(texts, pa.array(_FALSE))
        wrong = pc.and_(pc.is_valid(texts), pc.invert(pc.or_(true, false)))
        if pc.any(wrong).as_py():
            _refuse(one, texts, pc.index(wrong, True).as_py())
        return pc.if_else(pc.is_valid(texts), true, None)
    if (
        pa.types.is_integer(kind)
        and pc.any(pc.match_substring_regex(texts, "^[+-]?0[xX]"), min_count=0).as_py()
    ):
        texts = pa.array([_hexadecimal(text) for text in texts.to_pylist()], pa.string())
    plain = pc.replace_substring_regex(texts, r"^\+", "")
    try:
        return plain.cast(kind)
    except pa.ArrowException:
        for row, text in enumerate(plain.to_pylist()):
            try:
                pa.scalar(text, pa.string()).cast(kind)
            except pa.ArrowException:
                _refuse(one, texts, row)
        raise


def _arrays(one: Field, texts: pa.Array) -> pa.Array:
    """Read cells that hold several values with blanks between."""
    if not pa.types.is_list(one.type):
        return texts
    parts = pc.utf8_split_whitespace(texts)
    counts = pc.fill_null(pc.list_value_length(parts), 0).to_numpy()
    offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]), pa.int32())
    return pa.ListArray.from_arrays(offsets, _values(one, parts.flatten()), mask=parts.is_null())


def _refuse(one: Field, texts: pa.Array, row: int) -> None:
    value = texts[row].as_py()
    raise TimeSeriesError(
        f"row {row + 1} of the column {one.label} holds {value[:40]!r}, which is no {one.datatype}",
        place(one.element),
    )


def _hexadecimal(text: str | None) -> str | None:
    if text is None or "x" not in text.lower():
        return text
    try:
        return str(int(text, 16))
    except ValueError:
        return text


def _binary(table: Table, data: etree._Element) -> list[pa.Array]:
    text = "".join("".join(map(str, stream.itertext())) for stream in children(data, "STREAM"))
    try:
        forms = [streams.cell(one.datatype, one.arraysize, _null(one)) for one in table.fields]
        cells = streams.decode(text, forms, flags=tag(data) == "BINARY2", most_rows=MAX_ROWS)
        return [
            streams.values(column, form, one.type)
            for one, form, column in zip(table.fields, forms, cells, strict=True)
        ]
    except (streams.StreamError, pa.ArrowException, KeyError, IndexError) as error:
        raise TimeSeriesError(f"the stream cannot be read: {error}", place(data)) from error


def _null(one: Field) -> str:
    """Give the value that stands for none; empty if none does."""
    return next((null for values in children(one.element, "VALUES") if (null := values.get("null"))), "")
