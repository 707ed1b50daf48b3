"""Packets as JSON and back, with nothing lost.

An element is an object. Its attributes and child elements have their XML names as keys; what may be there
several times is an array. Values of Params and cells of tables are strings, as in XML, so that 64-bit
integers and the digits of a decimal survive any reader. Only what the schema has as a number (coordinates,
errors, probabilities) is a JSON number, spelt as the packet spells it; where JSON has no such spelling
(``+1``, ``.5``) it is a string. Keys that begin with ``$`` hold what has no name in the model:

- ``$``: the text of an element that is only a text, such as the identifier in ``EventIVORN``
- ``$attributes``, ``$elements``, ``$text``, ``$order``: see :class:`vobroker.voevent.model.Element`
- ``$namespace``, ``$schemaLocation``: see :class:`vobroker.voevent.model.VOEvent`
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, NoReturn, cast

from vobroker.voevent.errors import VOEventError
from vobroker.voevent.model import CONTENT, ELEMENT, Element, Number, Place, VOEvent, places
from vobroker.voevent.read import FLOAT
from vobroker.voevent.xml import MAX_BYTES

_KEPT = {
    "other_attributes": "$attributes",
    "other_elements": "$elements",
    "other_text": "$text",
    "order": "$order",
    "namespace": "$namespace",
    "schema_location": "$schemaLocation",
}
_LITERAL = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)  # RFC 8259, section 6


def to_json(event: VOEvent) -> bytes:
    """Write a packet as JSON, UTF-8; the same event always gives the same bytes.

    Raises
    ------
    VOEventError
        If a number is not finite.
    """
    return ("".join(_dump(_object(event), "")) + "\n").encode(errors="surrogatepass")


def from_json(document: bytes) -> VOEvent:
    """Read a packet from JSON as :func:`to_json` writes it.

    Raises
    ------
    VOEventError
        If it is too large, no JSON, or does not fit the model; with the place.
    """
    if len(document) > MAX_BYTES:
        raise VOEventError(f"the JSON has {len(document)} bytes; the limit is {MAX_BYTES}")
    try:
        content = json.loads(
            document.decode(),
            parse_int=Number,
            parse_float=Number,
            parse_constant=_no_number,
            object_pairs_hook=_unique,
        )
    except (ValueError, RecursionError) as error:
        raise VOEventError(f"the packet is not JSON: {error}") from error
    return cast(VOEvent, _element(content, VOEvent, "VOEvent"))


def _object(element: Element) -> dict[str, Any]:
    """Give an element as plain values."""
    found: dict[str, Any] = {}
    for place in places(type(element)):
        value = getattr(element, place.field)
        if value is None or value == ():
            continue
        one = _object if place.at is ELEMENT else _plain
        found[_key(place)] = [one(each) for each in value] if place.many else one(value)
    for name, key in _KEPT.items():
        value = getattr(element, name, None)
        if value or value == "":
            found[key] = dict(value) if name == "other_attributes" else value
    return found


def _key(place: Place) -> str:
    return "$" if place.at is CONTENT else place.name


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if not math.isfinite(value):
        raise VOEventError(f"{value} is not a finite number; JSON has none")
    text = value.text if isinstance(value, Number) else repr(float(value))
    return Number(text) if _LITERAL.fullmatch(text) else text


def _dump(value: Any, indent: str) -> Iterator[str]:
    """Write plain values; the library's own writer would spell numbers anew."""
    if isinstance(value, Number):
        yield value.text
    elif isinstance(value, dict | list | tuple) and value:
        named = isinstance(value, dict)
        inside = f"{indent} "
        yield "{" if named else "["
        for place, one in enumerate(value):
            yield f"{',' if place else ''}\n{inside}"
            if named:
                yield f"{json.dumps(one, ensure_ascii=False)}: "
            yield from _dump(value[one] if named else one, inside)
        yield f"\n{indent}{'}' if named else ']'}"
    else:
        yield json.dumps(value, ensure_ascii=False)


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number of JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(name for name in names if names.count(name) > 1)!r} is there twice")
    return found


def _element(content: Any, kind: type[Element], path: str) -> Element:
    if not isinstance(content, dict):
        raise VOEventError(f"{path} of the JSON is not an object")
    by_key = {_key(place): place for place in places(kind)}
    kept = {key: name for name, key in _KEPT.items() if name in kind.__dataclass_fields__}
    values: dict[str, Any] = {}
    for key, value in content.items():
        here = f"{path}.{key}"
        if place := by_key.get(key):
            if place.many:
                ones = _array(value, here)
                values[place.field] = tuple(
                    _value(one, place, f"{here}[{number}]") for number, one in enumerate(ones)
                )
            else:
                values[place.field] = _value(value, place, here)
        elif key == "$attributes":
            if not isinstance(value, dict):
                raise VOEventError(f"{here} of the JSON is not an object")
            values[kept[key]] = tuple((name, _string(one, f"{here}.{name}")) for name, one in value.items())
        elif key in ("$namespace", "$schemaLocation") and key in kept:
            values[kept[key]] = _string(value, here)
        elif key in kept:
            values[kept[key]] = tuple(_string(one, here) for one in _array(value, here))
        else:
            raise VOEventError(f"{here} of the JSON is nothing that <{kind.__name__}> has")
    for place in places(kind):
        if place.required and place.field not in values:
            raise VOEventError(f"{path} of the JSON has no {_key(place)}")
    return kind(**values)


def _value(value: Any, place: Place, path: str) -> Any:
    if place.at is ELEMENT:
        return _element(value, place.of, path)
    if place.of is not float:
        return _string(value, path)
    text = value.text if isinstance(value, Number) else _string(value, path)
    number = Number(text) if FLOAT.fullmatch(text) else math.nan
    if not math.isfinite(number):
        raise VOEventError(f"{path} of the JSON is {value!r}, which is not a finite number")
    return number


def _string(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise VOEventError(f"{path} of the JSON is not a string")
    return value


def _array(value: Any, path: str) -> list[Any]:
    if not isinstance(value, list):
        raise VOEventError(f"{path} of the JSON is not an array")
    return value
