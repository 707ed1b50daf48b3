"""Light curves as VOTable 1.5 with TIMESYS, COOSYS and photometric calibration groups.

The table holds one row per measurement. What is true of all rows stands before it: the object and the
survey as PARAMs, the time scale as TIMESYS (VOTable 1.5, section 3.4), the frame as COOSYS (3.3), and for
each band a GROUP with the utypes of PhotDM 1.1.
"""

from __future__ import annotations

from collections.abc import Sequence

from vobroker.timeseries import plain
from vobroker.timeseries.findings import Findings
from vobroker.timeseries.look import Look
from vobroker.timeseries.series import Document, Series, banded
from vobroker.timeseries.writing import document, parts, resource

NAME = "votable"
TITLE = "VOTable 1.5: TIMESYS, COOSYS, groups of PhotDM"
MEDIA_TYPE = "application/x-votable+xml"
SUFFIXES = (".vot", ".votable", ".xml")
LACKS: dict[str, str] = {}


def recognise(look: Look) -> bool:
    """Tell whether it is a VOTable with a table; others that are VOTables too come before."""
    return look.is_xml and "TABLE" in look.tags


def read(look: Look) -> Document:
    """Read the tables that have times.

    Raises
    ------
    TimeSeriesError
        If it is no VOTable, or no table of it has times.
    """
    timed = plain.timed(look.tables)
    return Document(tuple(one for table in timed for one in plain.series(table, Findings())), NAME)


def write(series: Sequence[Series], *, binary: bool = False) -> bytes:
    """Write series, each as a resource with one table.

    Parameters
    ----------
    series
        What to write.
    binary
        Rows as BINARY2 instead of TABLEDATA: the same content, for machines.
    """
    written = [parts(banded(one), number, binary=binary) for number, one in enumerate(series, 1)]
    return document(*(resource(*one.systems, one.table(*one.calibrations)) for one in written))
