"""Light curves as the time series cube of the VO-DML mapping (IVOA working draft, 2016 to 2021).

A block VODML at the top of the document. Attributes hold LITERAL, COLUMN or CONSTANT; parts of an instance
are COMPOSITIONs; references are IDREFs or foreign keys.
"""

from __future__ import annotations

from collections.abc import Sequence

from vobroker.timeseries import annotated
from vobroker.timeseries.look import Look
from vobroker.timeseries.models import MODELS, Instance, Leaf, Many, Model, Ref
from vobroker.timeseries.series import Document, Series
from vobroker.timeseries.writing import Parts
from vobroker.timeseries.xml import within
from vobroker.votypes.votable import element

NAME = "vodml-mapping"
TITLE = "Time series cube in the VO-DML mapping, 2016–2021"
MEDIA_TYPE = "application/x-votable+xml"
SUFFIXES: tuple[str, ...] = ()
LACKS: dict[str, str] = {}
BORROWS = annotated.BORROWED | annotated.NOTED

_STRUCTURED: tuple[str, ...] = ("meas:Measure.coord", "meas:Error.statError", "coords:TimeFrame.refPosition")
_STRUCTURED += ("coords:SpaceFrame.refPosition", "coords:TimeOffset.time0")
# Attributes whose value is an instance of a data type; other instances are parts.


def recognise(look: Look) -> bool:
    """Tell whether it has a VODML with LITERALs or COLUMNs."""
    block = annotated.block(look, "VODML")
    return block is not None and bool(within(block, "LITERAL", "COLUMN"))


def read(look: Look) -> Document:
    """Read the annotated tables.

    Raises
    ------
    TimeSeriesError
        If none has times.
    """
    return annotated.read(look, within(look.root, "VODML"), NAME)


def write(series: Sequence[Series]) -> bytes:
    """Write series with one annotation for all."""
    return annotated.write(series, _annotate)


def _annotate(parts: Sequence[Parts], models: Sequence[Model]) -> str:
    shared, rows = [], []
    for one, its in zip(parts, models, strict=True):
        calibrations = [_instance(each, key=each.key) for each in its.calibrations]
        if calibrations:
            shared.append(element("GLOBALS", {"ID": its.calibrations_id}, *calibrations))
        data = element(
            "COMPOSITION", {"dmrole": "cube:SparseCube.data"}, element("EXTINSTANCES", {}, its.point.id)
        )
        cube = _instance(its.cube, more=data)
        shared.append(element("GLOBALS", {}, *map(_instance, its.systems), _instance(its.dataset), cube))
        container = element("CONTAINER", {}, element("IDREF", {}, its.cube.id))
        rows.append(element("TEMPLATES", {"tableref": one.table_id}, _instance(its.point, more=container)))
    models_used = (
        element("MODEL", {}, element("NAME", {}, name), element("URL", {}, url))
        for name, url in MODELS.items()
    )
    return element("VODML", {}, *models_used, *shared, *rows)


def _instance(one: Instance, *, key: str = "", more: str = "") -> str:
    identified = ""
    if key:
        literal = element("LITERAL", {"value": key, "dmtype": "ivoa:string"})
        identified = element("PRIMARYKEY", {}, element("PKFIELD", {}, literal))
    attributes = {"dmtype": one.type} | ({"ID": one.id} if one.id else {})
    return element("INSTANCE", attributes, identified, more, *map(_part, one.inner))


def _part(one: Leaf | Ref | Many | Instance) -> str:
    if isinstance(one, Leaf):
        unit = {"unit": one.unit} if one.unit else {}
        leaf = (
            element("COLUMN", {"ref": one.ref, "dmtype": one.type} | unit)
            if one.ref
            else element("LITERAL", {"value": one.value, "dmtype": one.type} | unit)
        )
        return element("ATTRIBUTE", {"dmrole": one.role}, leaf)
    if isinstance(one, Ref):
        if one.key:
            column = element("COLUMN", {"ref": one.key, "dmtype": "ivoa:string"})
            target = element("TARGETID", {}, one.target)
            key = element("FOREIGNKEY", {}, element("PKFIELD", {}, column), target)
            return element("REFERENCE", {"dmrole": one.role}, key)
        return element("REFERENCE", {"dmrole": one.role}, element("IDREF", {}, one.target))
    if isinstance(one, Many):
        return element("COMPOSITION", {"dmrole": one.role}, *map(_instance, one.items))
    wrapper = "ATTRIBUTE" if one.role in _STRUCTURED else "COMPOSITION"
    return element(wrapper, {"dmrole": one.role}, _instance(one))
