"""Light curves as the proposal ModelInstanceInVot has them (2020 to 2021), the forerunner of MIVOT.

A block MODEL_INSTANCE at the top of the document, with TABLE_MAPPING and TABLE_ROW_TEMPLATE. It has no
foreign keys: where there are several bands, only their names tie a row to its photometric system.
"""

from __future__ import annotations

from collections.abc import Sequence

from vobroker.timeseries import annotated
from vobroker.timeseries.look import Look
from vobroker.timeseries.models import Instance, Leaf, Many, Model, Ref
from vobroker.timeseries.series import Document, Series
from vobroker.timeseries.writing import Parts
from vobroker.timeseries.xml import within
from vobroker.votypes.votable import element

NAME = "modelinstance"
TITLE = "ModelInstanceInVot, 2020–2021"
MEDIA_TYPE = "application/x-votable+xml"
SUFFIXES: tuple[str, ...] = ()
LACKS: dict[str, str] = {}
BORROWS = annotated.BORROWED | annotated.NOTED


def recognise(look: Look) -> bool:
    """Tell whether it has a MODEL_INSTANCE."""
    return annotated.block(look, "MODEL_INSTANCE") is not None


def read(look: Look) -> Document:
    """Read the annotated tables.

    Raises
    ------
    TimeSeriesError
        If none has times.
    """
    return annotated.read(look, within(look.root, "MODEL_INSTANCE"), NAME)


def write(series: Sequence[Series]) -> bytes:
    """Write series with one annotation for all."""
    return annotated.write(series, _annotate)


def _annotate(parts: Sequence[Parts], models: Sequence[Model]) -> str:
    shared, rows = [], []
    for one, its in zip(parts, models, strict=True):
        shared += [*map(_instance, its.systems), *map(_instance, its.calibrations), _instance(its.dataset)]
        points = element(
            "COLLECTION",
            {"dmrole": "cube:SparseCube.data"},
            element("TABLE_ROW_TEMPLATE", {}, _instance(its.point, role="cube:SparseCube.data")),
        )
        cube = _instance(its.cube, role="root", more=points)
        rows.append(element("TABLE_MAPPING", {"tableref": one.table_id}, cube))
    return element(
        "MODEL_INSTANCE",
        {"name": "Cube", "syntax": "ModelInstanceInVot"},
        element("GLOBALS", {}, *shared),
        *rows,
    )


def _instance(one: Instance, *, role: str = "", more: str = "") -> str:
    attributes = {"ID": one.id} if one.id else {}
    attributes |= {"dmrole": role or one.role, "dmtype": one.type}
    return element("INSTANCE", attributes, *map(_part, one.inner), more)


def _part(one: Leaf | Ref | Many | Instance) -> str:
    if isinstance(one, Leaf):
        return element("ATTRIBUTE", one.attributes)
    if isinstance(one, Ref):
        return "" if one.key else element("INSTANCE", {"dmrole": one.role, "dmref": one.target})
    if isinstance(one, Many):
        return element(
            "COLLECTION", {"dmrole": one.role}, *(_instance(each, role=one.role) for each in one.items)
        )
    return _instance(one)
