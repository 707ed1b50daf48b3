"""Documents in any dialect: recognised, read, written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from vobroker.timeseries import xml
from vobroker.timeseries.dialects import DIALECTS, Dialect
from vobroker.timeseries.errors import TimeSeriesError
from vobroker.timeseries.look import Look
from vobroker.timeseries.series import POSITIONS, SCALES, Document, Series, Statement, TimeFrame


def dialect(name: str) -> Dialect:
    """Give a dialect by its name.

    Raises
    ------
    TimeSeriesError
        If there is none of that name.
    """
    if name not in DIALECTS:
        raise TimeSeriesError(f"there is no dialect {name!r}; there are {', '.join(DIALECTS)}")
    return DIALECTS[name]


def recognise(look: Look) -> Dialect:
    """Find the dialect of a document by its content.

    Raises
    ------
    TimeSeriesError
        If it is in none; for XML, with what is wrong with it.
    """
    for one in DIALECTS.values():
        if one.recognise(look):
            return one
    if look.is_xml:
        raise TimeSeriesError("the VOTable has no table", xml.place(look.root))
    if not look.data:
        raise TimeSeriesError("the document is empty")
    raise TimeSeriesError(f"the document is in no known dialect; those known are {', '.join(DIALECTS)}")


def read(data: bytes, name: str | None = None, *, max_bytes: int = xml.MAX_BYTES) -> Document:
    """Read a document.

    Parameters
    ----------
    data
        The bytes; they may come from anywhere.
    name
        Its dialect; by default that which recognises it.
    max_bytes
        Most bytes that are read.

    Raises
    ------
    TimeSeriesError
        If it cannot be read; with the place.
    """
    if len(data) > max_bytes:
        raise TimeSeriesError(f"the document has {len(data)} bytes; the limit is {max_bytes}")
    look = Look(data, max_bytes)
    chosen = dialect(name) if name else None
    try:
        return (chosen or recognise(look)).read(look)
    except TimeSeriesError:
        raise
    except Exception as error:  # readers of FITS, ECSV and times raise whatever they stumble over
        told = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        raise TimeSeriesError(f"the document is damaged: {told}") from error
    finally:
        xml.forget()


def write(series: Sequence[Series], name: str) -> bytes:
    """Write series in a dialect.

    Raises
    ------
    TimeSeriesError
        If the dialect cannot hold them.
    """
    return dialect(name).write(series)


def assume(series: Series, *, scale: str = "", origin: float | None = None, position: str = "") -> Series:
    """Add what a document does not say of its times; what it says stays.

    Raises
    ------
    TimeSeriesError
        If a word is not in its vocabulary, or the document says something else.
    """
    said = series.time
    for value, words in ((scale, SCALES), (position, POSITIONS)):
        if value and value not in words:
            raise TimeSeriesError(f"{value!r} is none of {', '.join(words)}")
    for what, ours, theirs in (
        ("scale", said.scale, scale),
        ("origin", said.origin, origin),
        ("reference position", said.position, position),
    ):
        if ours not in ("", None) and theirs not in ("", None) and ours != theirs:
            raise TimeSeriesError(f"the {what} of the times is {ours}, as the document says, not {theirs}")
    if origin is not None and not math.isfinite(origin):
        raise TimeSeriesError("the origin of times is a Julian date")
    name = series.roles.get("time")
    if name is None:
        return series
    frame = TimeFrame(
        said.scale or scale, origin if said.origin is None else said.origin, said.position or position
    )
    added = {
        f"time.{key}": (Statement(str(value), "assumed, not in the document"),)
        for key, before, value in (
            ("scale", said.scale, scale),
            ("origin", said.origin, origin),
            ("position", said.position, position),
        )
        if before in ("", None) and value not in ("", None)
    }
    return replace(series, times={**series.times, name: frame}, statements={**series.statements, **added})
