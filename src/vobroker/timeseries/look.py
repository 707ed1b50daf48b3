"""A first look at bytes of unknown dialect, shared by all that have to recognise them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from lxml import etree

from vobroker.timeseries import xml
from vobroker.timeseries.tables import Table, tables


@dataclass(frozen=True)
class Look:
    """Bytes, and what can be seen of them; each is looked at once.

    Parameters
    ----------
    data
        The bytes.
    max_bytes
        Most bytes of a document that is read.
    """

    data: bytes
    max_bytes: int = xml.MAX_BYTES

    @property
    def is_xml(self) -> bool:
        """Whether it begins as XML does."""
        return self.data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")

    @cached_property
    def root(self) -> etree._Element:
        """Root of an XML document.

        Raises
        ------
        TimeSeriesError
            If it cannot be read.
        """
        return xml.parse(self.data, max_bytes=self.max_bytes)

    @cached_property
    def tables(self) -> list[Table]:
        """Tables of a VOTable."""
        return tables(self.root)

    @cached_property
    def tags(self) -> set[str]:
        """Names of all elements of an XML document."""
        return {xml.tag(one) for one in self.root.iter("{*}*")} if self.is_xml else set()

    @cached_property
    def columns(self) -> set[str]:
        """Names of all columns of a VOTable, in lower case."""
        return {one.label.lower() for table in self.tables for one in table.fields} if self.is_xml else set()
