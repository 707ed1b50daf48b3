"""Light curves as GAVO annotated them (2017 to 2021): short roles, columns and PARAMs referred to directly.

A block VODML at the top of the document with one TEMPLATES. Its models are ``stc2``, ``ndcube``, ``phot``,
``ds`` and ``ivoa:Measurement``. A PhotCal is of a column; where a table has several bands, PhotCals say by
``bandName`` which rows they are of. GAVO gave zero points and wavelengths without units; the attributes
``zeroPointUnit`` and ``wavelengthUnit`` are ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vobroker.timeseries import annotated
from vobroker.timeseries.look import Look
from vobroker.timeseries.models import MODELS, Model
from vobroker.timeseries.series import Band, Document, Series, SpaceFrame, TimeFrame
from vobroker.timeseries.writing import Parts, number, type_number
from vobroker.timeseries.xml import within
from vobroker.votypes.votable import element

NAME = "gavo"
TITLE = "GAVO annotation (stc2, ndcube, phot), 2017–2021"
MEDIA_TYPE = "application/x-votable+xml"
SUFFIXES: tuple[str, ...] = ()
LACKS: dict[str, str] = {}
BORROWS = annotated.NOTED

_MODELS = {
    "stc2": "http://www.ivoa.net/dm/STC.vo-dml.xml",
    "ndcube": "urn:dachsjunk:not-model:ndcube",
    "phot": "urn:dachsjunk:not-model:phot",
    "ds": "http://www.ivoa.net/dm/DatasetMetadata-1.0.vo-dml.xml",
    "ivoa": MODELS["ivoa"],
}


def recognise(look: Look) -> bool:
    """Tell whether it has a VODML; MIVOT and the VO-DML mapping come before."""
    return annotated.block(look, "VODML") is not None


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
    named = [
        element("MODEL", {}, element("NAME", {}, name), element("URL", {}, url))
        for name, url in _MODELS.items()
    ]
    return element(
        "VODML",
        {},
        *named,
        *(element("TEMPLATES", {"tableref": one.table_id}, *_instances(one)) for one in parts),
    )


def _instances(parts: Parts) -> Iterator[str]:
    series = parts.series
    own = series.roles.get("time", "")
    for name in [own, *(other for other in series.times if other != own)]:
        if name:
            yield _coords(parts, series.times.get(name, TimeFrame()), parts.fields[name], name == own)
    measured = [role for role in ("flux", "mag", "limiting_mag") if role in series.roles]
    yield _instance(
        "ndcube:Cube",
        _collection("independent_axes", parts.field("time")),
        _collection("dependent_axes", *(parts.field(role) for role in measured)),
    )
    for band in series.bands:
        for role in measured:
            yield _photcal(band, parts.field(role))
    for role in measured:
        error = parts.field(f"{role}_error")
        inner = [_attribute("value", ref=parts.field(role))] + (
            [_attribute("statError", ref=error)] if error else []
        )
        yield _instance("ivoa:Measurement", *inner)
    yield _dataset(parts)


def _coords(parts: Parts, frame: TimeFrame, column: str, main: bool) -> str:
    told = [("timescale", frame.scale), ("refPosition", frame.position)]
    told.append(("time0", "" if frame.origin is None else number(frame.origin)))
    time = _instance(
        "stc2:TimeCoordinate",
        _attribute(
            "frame",
            inner=_instance("stc2:TimeFrame", *(_attribute(role, value) for role, value in told if value)),
        ),
        _attribute("location", ref=column),
    )
    place = _place(parts) if main else ""
    space = [_attribute("space", inner=place)] if place else []
    return _instance("stc2:Coords", _attribute("time", inner=time), *space)


def _place(parts: Parts) -> str:
    """Write the position of the object, or where the table has them, of each measurement; and the frame."""
    series = parts.series
    refs = (parts.params.get("ra", ""), parts.params.get("dec", ""))
    if not all(refs):
        refs = (parts.field("ra"), parts.field("dec"))
    told = [("orientation", series.space.system), ("epoch", series.space.epoch)]
    told += [("equinox", series.space.equinox), ("refPosition", series.space.position)]
    inner = []
    if series.space != SpaceFrame():
        frame = _instance("stc2:SpaceFrame", *(_attribute(role, value) for role, value in told if value))
        inner.append(_attribute("frame", inner=frame))
    inner += [
        _attribute(role, ref=ref) for role, ref in zip(("longitude", "latitude"), refs, strict=True) if ref
    ]
    return _instance("stc2:SphericalCoordinate", *inner) if inner else ""


def _photcal(band: Band, column: str) -> str:
    zero, wavelength = band.zero_point, band.wavelength
    told = [
        ("bandName", band.name),
        ("filterIdentifier", band.filter),
        ("zeroPointFlux", repr(zero.value) if zero else ""),
        ("zeroPointUnit", zero.unit if zero else ""),
        ("zeroPointType", type_number(band.zero_point_type)),
        ("magnitudeSystem", band.magnitude_system),
        ("effectiveWavelength", repr(wavelength.value) if wavelength else ""),
        ("wavelengthUnit", wavelength.unit if wavelength else ""),
    ]
    return _instance(
        "phot:PhotCal",
        *(_attribute(role, value) for role, value in told if value),
        _attribute("value", ref=column),
    )


def _dataset(parts: Parts) -> str:
    inner = [_attribute("dataProductType", "TIMESERIES")]
    inner += [
        _attribute(role, ref=parts.params[key])
        for key, role in (("title", "title"), ("survey", "collection"))
        if key in parts.params
    ]
    if "object_id" in parts.params:
        target = _instance("ds:AstroTarget", _attribute("name", ref=parts.params["object_id"]))
        inner.append(_attribute("target", inner=target))
    return _instance("ds:Dataset", *inner)


def _instance(kind: str, *inner: str) -> str:
    return element("INSTANCE", {"dmtype": kind}, *inner)


def _attribute(role: str, value: str = "", *, ref: str = "", inner: str = "") -> str:
    if inner:
        return element("ATTRIBUTE", {"dmrole": role}, inner)
    if ref:
        return element("ATTRIBUTE", {"dmrole": role, "ref": ref})
    return element("ATTRIBUTE", {"dmrole": role, "dmtype": "ivoa:string", "value": value})


def _collection(role: str, *refs: str) -> str:
    items = (element("ITEM", {"ref": ref}) for ref in refs if ref)
    return _attribute(role, inner=element("COLLECTION", {}, *items))
