"""Light curves annotated as MIVOT 1.0 has it (IVOA Recommendation, 2023).

A block VODML in a resource of type ``meta`` builds instances of Cube, Meas, Coords and PhotDM on the columns.
"""

from __future__ import annotations

from collections.abc import Sequence

from vobroker.timeseries import annotated
from vobroker.timeseries.look import Look
from vobroker.timeseries.models import MODELS, Instance, Leaf, Many, Model, Ref
from vobroker.timeseries.series import Document, Series
from vobroker.timeseries.writing import Parts
from vobroker.timeseries.xml import namespace, within
from vobroker.votypes.votable import element

NAME = "mivot"
TITLE = "MIVOT 1.0: Cube, Meas, Coords and PhotDM"
MEDIA_TYPE = "application/x-votable+xml"
SUFFIXES = (".mivot",)
LACKS: dict[str, str] = {}
BORROWS = annotated.BORROWED | annotated.NOTED

NAMESPACE = "http://www.ivoa.net/xml/mivot"


def recognise(look: Look) -> bool:
    """Tell whether it has a VODML whose MODELs have names as attributes."""
    block = annotated.block(look, "VODML")
    if block is None:
        return False
    return namespace(block) == NAMESPACE or any(one.get("name") for one in within(block, "MODEL"))


def read(look: Look) -> Document:
    """Read the annotated tables.

    Raises
    ------
    TimeSeriesError
        If none has times.
    """
    return annotated.read(look, within(look.root, "VODML"), NAME)


def write(series: Sequence[Series]) -> bytes:
    """Write series, each as a resource with its annotation."""
    return annotated.write(series, _annotate, within_resources=True)


def _annotate(parts: Sequence[Parts], models: Sequence[Model]) -> str:
    ((one, its),) = zip(parts, models, strict=True)
    calibrations = [_instance(each, key=each.key) for each in its.calibrations]
    shared = [*map(_instance, its.systems), _instance(its.dataset)]
    if calibrations:
        shared.insert(0, element("COLLECTION", {"dmid": its.calibrations_id}, *calibrations))
    return element(
        "VODML",
        {"xmlns": NAMESPACE},
        element("REPORT", {"status": "OK"}, "Written by vobroker"),
        *(element("MODEL", {"name": name, "url": url}) for name, url in MODELS.items()),
        element("GLOBALS", {}, *shared),
        element("TEMPLATES", {"tableref": one.table_id}, _instance(its.point)),
    )


def _instance(one: Instance, *, key: str = "") -> str:
    attributes = {"dmid": one.id, "dmrole": one.role, "dmtype": one.type}
    identified = element("PRIMARY_KEY", {"dmtype": "ivoa:string", "value": key}) if key else ""
    return element("INSTANCE", {k: v for k, v in attributes.items() if v}, identified, *map(_part, one.inner))


def _part(one: Leaf | Ref | Many | Instance) -> str:
    if isinstance(one, Leaf):
        attributes = {
            "dmrole": one.role,
            "dmtype": one.type,
            "value": one.value,
            "ref": one.ref,
            "unit": one.unit,
        }
        return element("ATTRIBUTE", {k: v for k, v in attributes.items() if v})
    if isinstance(one, Ref):
        if one.key:
            key = element("FOREIGN_KEY", {"ref": one.key})
            return element("REFERENCE", {"dmrole": one.role, "sourceref": one.target}, key)
        return element("REFERENCE", {"dmrole": one.role, "dmref": one.target})
    if isinstance(one, Many):
        return element("COLLECTION", {"dmrole": one.role}, *map(_instance, one.items))
    return _instance(one)
