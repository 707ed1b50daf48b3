"""Light curves annotated as MIVOT 1.0 has it (IVOA Recommendation, 2023).

A block VODML in a resource of type ``meta`` builds instances of Cube, Meas, Coords and PhotDM on the columns.
"""

from __future__ import annotations

from collections.abc import Sequence

from vobroker.timeseries import annotated
from vobroker.timeseries.dialects import votable_bands
from vobroker.timeseries.look import Look
from vobroker.timeseries.models import MODELS, Instance, Leaf, Many, Ref, model
from vobroker.timeseries.series import Document, Series
from vobroker.timeseries.writing import Parts, document, resource
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
    """Read the annotated tables, and join those of one object.

    Raises
    ------
    TimeSeriesError
        If none has times.
    """
    found = annotated.read(look, within(look.root, "VODML"), NAME)
    return Document(votable_bands.of_objects(found.series), NAME, found.notes)


def write(series: Sequence[Series]) -> bytes:
    """Write series, each as a resource with a table for each band and an annotation for all.

    A foreign key could choose the photometric system of a row by its band; pyvo, the reader that there is,
    does not follow foreign keys (1.9).
    """
    resources, number = [], 0
    for one in series:
        written = votable_bands.tables_of(one, number)
        number += len(written)
        meta = resource(_annotate(written), kind="meta")
        resources.append(resource(*written[0].systems, meta, *map(votable_bands.table, written)))
    return document(*resources)


def _annotate(parts: Sequence[Parts]) -> str:
    models = [model(one) for one in parts]
    shared = [_instance(one) for one in models[0].systems]
    shared += [_instance(one) for its in models for one in its.calibrations]
    shared += [_instance(its.dataset) for its in models]
    rows = (
        element("TEMPLATES", {"tableref": one.table_id}, _instance(its.point))
        for one, its in zip(parts, models, strict=True)
    )
    return element(
        "VODML",
        {"xmlns": NAMESPACE},
        element("REPORT", {"status": "OK"}, "Written by vobroker"),
        *(element("MODEL", {"name": name, "url": url}) for name, url in MODELS.items()),
        element("GLOBALS", {}, *shared),
        *rows,
    )


def _instance(one: Instance, *, key: str = "") -> str:
    attributes = {"dmid": one.id, "dmrole": one.role, "dmtype": one.type}
    identified = element("PRIMARY_KEY", {"dmtype": "ivoa:string", "value": key}) if key else ""
    return element("INSTANCE", {k: v for k, v in attributes.items() if v}, identified, *map(_part, one.inner))


def _part(one: Leaf | Ref | Many | Instance) -> str:
    if isinstance(one, Leaf):
        return element("ATTRIBUTE", one.attributes)
    if isinstance(one, Ref):
        return element("REFERENCE", {"dmrole": one.role, "dmref": one.target})
    if isinstance(one, Many):
        return element("COLLECTION", {"dmrole": one.role}, *map(_instance, one.items))
    return _instance(one)
