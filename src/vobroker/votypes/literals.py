"""Structured values as DALI writes them: text to value and back without loss.

Source: DALI 1.2 section 3 (working draft of 2025-09-19); numbers as in VOTable 1.5 section 2.1 and 5.3;
MOC 2.0 section 4.3.2. Values are plain Python: an array is a tuple of numbers; a timestamp a datetime, which
has a time zone (UTC) where the text has its ``Z``; a shape its label and a tuple of numbers; a sexagesimal
angle :class:`Angle`; a MOC its orders with their ranges of cells; a URI, a region and JSON are their text.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

from vobroker.votypes.types import EXTENDED, DataType, datatype

Shape = tuple[str, tuple[float, ...]]
"""Label (``circle``, ``range``, ``polygon``) and coordinates in degrees."""

Moc = tuple[tuple[int, tuple[tuple[int, int], ...]], ...]
"""Orders, each with the first and last cells of its ranges."""

MAX_LENGTH = 16 * 2**20
"""Most characters of a literal."""


class LiteralError(ValueError):
    """A text that is no value of its type, or a value that the type has no text for."""


class Angle(NamedTuple):
    """Sexagesimal angle, exactly as written: hours or degrees, minutes, seconds."""

    negative: bool
    whole: int
    minutes: int
    seconds: Decimal

    @property
    def units(self) -> float:
        """Hours or degrees, whichever the angle is written in."""
        size = self.whole + self.minutes / 60 + float(self.seconds) / 3600
        return -size if self.negative else size


def read(type_name: str, text: str) -> Any:
    """Read a value of a type (a name in the type table) from its DALI text.

    Raises
    ------
    LiteralError
        With the type, the reason and the start of the text.
    """
    if len(text) > MAX_LENGTH:
        raise LiteralError(f"a {type_name} of {len(text)} characters is longer than {MAX_LENGTH}")
    kind = datatype(type_name)
    try:
        return _READ[_family(kind)](text, kind)
    except LiteralError as error:
        raise LiteralError(f"{_start(text)!r} is no {type_name}: {error}") from None


def write(type_name: str, value: Any) -> str:
    """Write a value of a type as DALI text; reading the text gives the value back.

    Raises
    ------
    LiteralError
        If the value is none of the type.
    """
    kind = datatype(type_name)
    text = _WRITE.get(_family(kind), str)(value)
    read(type_name, text)
    return text


def _family(kind: DataType) -> str:
    if kind.element:
        return kind.xtype
    return kind.xtype if kind.name in EXTENDED or kind.name == "TIMESTAMP" else kind.votable


def _start(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."


# Numbers

_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_NOT_FINITE = {"NaN": math.nan, "+Inf": math.inf, "Inf": math.inf, "-Inf": -math.inf}
_BITS = {"short": 16, "int": 32, "long": 64}


def _number(text: str, votable: str) -> float | int:
    text = text.strip(" \t\r\n")
    if votable in _BITS:
        if not _INTEGER.fullmatch(text) or len(text) > 20:
            raise LiteralError(f"{_start(text)!r} is no integer")
        if not -(1 << _BITS[votable] - 1) <= (value := int(text)) < 1 << _BITS[votable] - 1:
            raise LiteralError(f"{text} does not fit {_BITS[votable]} bits")
        return value
    if text in _NOT_FINITE:
        return _NOT_FINITE[text]
    if not _DECIMAL.fullmatch(text):
        raise LiteralError(f"{_start(text)!r} is no number")
    return float(text)


def _digits(value: float) -> str:
    if isinstance(value, int) or math.isfinite(value):
        return repr(value)
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"


def _boolean(text: str, _: DataType) -> bool:
    # VOTable 1.5 section 2.1 allows these spellings, in any case.
    if text.strip().lower() in ("t", "true", "1"):
        return True
    if text.strip().lower() in ("f", "false", "0"):
        return False
    raise LiteralError("expected T or F")


# Arrays

_SIZES = {"interval": "2", "point": "2", "circle": "3", "range": "4"}


def _array(text: str, kind: DataType) -> tuple[float, ...]:
    return _checked(kind.xtype, tuple(_number(part, kind.votable) for part in text.split()))


def _checked(xtype: str, numbers: tuple[float, ...]) -> tuple[float, ...]:
    """Hold an array to the rules of its xtype."""
    size = _SIZES.get(xtype)
    if size and len(numbers) != int(size):
        raise LiteralError(f"expected {size} numbers, not {len(numbers)}")
    if xtype == "polygon" and (len(numbers) < 6 or len(numbers) % 2):
        raise LiteralError(f"expected three points or more, not {len(numbers)} numbers")
    if xtype == "multiinterval" and (not numbers or len(numbers) % 2):
        raise LiteralError(f"expected pairs of numbers, not {len(numbers)}")
    if xtype in ("interval", "multiinterval"):
        for low, high in zip(numbers[::2], numbers[1::2], strict=True):
            if not low <= high:
                raise LiteralError(f"the bounds {_digits(low)} and {_digits(high)} are not in order")
    elif not all(map(math.isfinite, numbers)):
        raise LiteralError("coordinates must be finite")
    if xtype == "circle" and numbers[2] < 0:
        raise LiteralError("the radius is negative")
    return numbers


def _numbers(value: Sequence[float]) -> str:
    return " ".join(map(_digits, value))


def _shapes(text: str, kind: DataType) -> Any:
    shapes: list[Shape] = []
    words = text.split()
    starts = [place for place, word in enumerate(words) if word[0].isalpha() and word not in _NOT_FINITE]
    if not starts or starts[0] != 0:
        raise LiteralError("expected circle, range or polygon")
    for start, end in zip(starts, [*starts[1:], len(words)], strict=True):
        label = words[start]
        if label not in ("circle", "range", "polygon"):
            raise LiteralError(f"expected circle, range or polygon, not {_start(label)!r}")
        numbers = tuple(_number(word, "double") for word in words[start + 1 : end])
        shapes.append((label, _checked(label, numbers)))
    if kind.xtype == "multishape":
        return tuple(shapes)
    if len(shapes) > 1:
        raise LiteralError("expected one shape; several are a MULTISHAPE")
    return shapes[0]


def _shape_text(shape: Shape) -> str:
    return f"{shape[0]} {_numbers(shape[1])}"


# Times and angles

_TIME = re.compile(r"(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d:\d\d)(?:\.(\d+))?(Z?))?", re.ASCII)


def _timestamp(text: str, _: DataType) -> datetime:
    found = _TIME.fullmatch(text)
    if not found:
        raise LiteralError("expected YYYY-MM-DDThh:mm:ss.sss")
    day, time, fraction, zone = found.groups(default="")
    if len(fraction.rstrip("0")) > 6:
        raise LiteralError("finer than a microsecond")
    try:
        value = datetime.fromisoformat(f"{day}T{time or '00:00:00'}.{fraction[:6]:0<6}")
    except ValueError as error:
        raise LiteralError(str(error)) from None
    return value.replace(tzinfo=UTC) if zone else value


def _timestamp_text(value: datetime) -> str:
    if value.tzinfo is None:
        return value.isoformat()
    return value.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


_ANGLE = re.compile(r"([+-]?)(\d{1,2}):(\d{1,2}):(\d{1,2}(?:\.\d*)?)", re.ASCII)


def _angle(text: str, kind: DataType) -> Angle:
    found = _ANGLE.fullmatch(text)
    if not found:
        raise LiteralError("expected three numbers with colons between")
    sign, whole, minutes, seconds = found.groups()
    angle = Angle(sign == "-", int(whole), int(minutes), Decimal(seconds))
    if sign and kind.xtype == "hms":
        raise LiteralError("hours have no sign")
    if angle.minutes >= 60 or angle.seconds >= 60:
        raise LiteralError("minutes and seconds must be below 60")
    limit = 24 if kind.xtype == "hms" else 90
    if (angle.whole, angle.minutes, angle.seconds) > (limit, 0, 0):
        raise LiteralError(f"beyond {limit}:00:00")
    return angle


def _angle_text(angle: Angle) -> str:
    sign = "-" if angle.negative else ""
    width = 2 if angle.seconds.as_tuple().exponent == 0 else 0
    seconds = f"{angle.seconds:f}"
    seconds = seconds.zfill(2) if width else "0" * (seconds.find(".") == 1) + seconds
    return f"{sign}{angle.whole:02}:{angle.minutes:02}:{seconds}"


# Coverage and names

_CELLS = re.compile(r"(\d{1,19})(?:-(\d{1,19}))?", re.ASCII)
_ORDER = re.compile(r"(\d{1,2})/(.*)", re.ASCII)


def _moc(text: str, _: DataType) -> Moc:
    orders: list[tuple[int, list[tuple[int, int]]]] = []
    for word in text.replace(",", " ").split():
        cells = word
        if "/" in word:
            found = _ORDER.fullmatch(word)
            if not found or int(found[1]) > 29:
                raise LiteralError(f"{_start(word)!r} does not begin with an order from 0 to 29")
            orders.append((int(found[1]), []))
            cells = found[2]
        if not cells:
            continue
        if not orders or not (found := _CELLS.fullmatch(cells)):
            raise LiteralError(f"{_start(cells)!r} is no cell of an order; only spatial MOCs are read")
        first, last = int(found[1]), int(found[2] or found[1])
        order = orders[-1][0]
        if not first <= last < 12 * 4**order:
            raise LiteralError(f"order {order} has no cells {_start(cells)}")
        orders[-1][1].append((first, last))
    if not orders:
        raise LiteralError("expected order/cells")
    return tuple((order, tuple(ranges)) for order, ranges in orders)


def _moc_text(moc: Moc) -> str:
    return " ".join(
        f"{order}/" + ",".join(str(a) if a == b else f"{a}-{b}" for a, b in ranges) for order, ranges in moc
    )


_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*", re.ASCII)
_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


def _uri(text: str, _: DataType) -> str:
    if not _URI.fullmatch(text) or _PERCENT.search(text):
        raise LiteralError("expected scheme:rest in the characters of RFC 3986")
    try:
        urlsplit(text)
    except ValueError as error:
        raise LiteralError(str(error)) from None
    return text


_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)


def _uuid(text: str, _: DataType) -> UUID:
    if not _UUID.fullmatch(text):
        raise LiteralError("expected 32 hexadecimal digits as 8-4-4-4-12")
    return UUID(text)


def _json(text: str, _: DataType) -> str:
    def refuse(name: str) -> None:
        raise LiteralError(f"JSON has no {name}")

    try:
        json.loads(text, parse_constant=refuse, parse_int=Decimal, parse_float=Decimal)
    except json.JSONDecodeError as error:
        raise LiteralError(f"{error.msg}, line {error.lineno} column {error.colno}") from None
    except RecursionError:
        raise LiteralError("nested too deep") from None
    return text


def _bytes(text: str, _: DataType) -> bytes:
    try:
        return bytes(int(_number(part, "short")) for part in text.split())
    except ValueError as error:
        raise LiteralError(str(error)) from None


def _as_is(text: str, _: DataType) -> str:
    return text


def _ascii(text: str, _: DataType) -> str:
    if not text.isascii():
        raise LiteralError("only characters of ASCII are allowed")
    return text


_READ: dict[str, Callable[[str, DataType], Any]] = {
    **dict.fromkeys(("interval", "multiinterval", "point", "circle", "range", "polygon"), _array),
    **dict.fromkeys(("shape", "multishape"), _shapes),
    **dict.fromkeys(("hms", "dms"), _angle),
    **dict.fromkeys(("short", "int", "long", "float", "double"), lambda t, kind: _number(t, kind.votable)),
    **dict.fromkeys(("unicodeChar", "adql:region"), _as_is),
    "char": _ascii,
    "boolean": _boolean,
    "unsignedByte": _bytes,
    "timestamp": _timestamp,
    "moc": _moc,
    "uri": _uri,
    "uuid": _uuid,
    "json": _json,
}

_WRITE: dict[str, Callable[[Any], str]] = {
    **dict.fromkeys(("interval", "multiinterval", "point", "circle", "range", "polygon"), _numbers),
    **dict.fromkeys(("hms", "dms"), _angle_text),
    **dict.fromkeys(("float", "double"), _digits),
    "shape": _shape_text,
    "multishape": lambda shapes: " ".join(map(_shape_text, shapes)),
    "boolean": lambda value: "T" if value else "F",
    "unsignedByte": lambda value: " ".join(map(str, value)),
    "timestamp": _timestamp_text,
    "moc": _moc_text,
}
