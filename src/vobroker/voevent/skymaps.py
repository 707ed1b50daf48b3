"""Sky maps of packets: where the source may be, as HEALPix maps and MOCs elsewhere.

A map is found in a Reference anywhere in What, or in a Param whose value is a URL, as the packets of
gravitational waves have it. What is written here is a Reference with media type and meaning. Fetching is the
caller's: nothing is read from the network.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from vobroker.voevent.errors import VOEventError
from vobroker.voevent.model import Reference, VOEvent, What

FITS = "application/fits"
MEANING = "urn:x-voevent:meaning:skymap-"
"""A Reference to a map has this and the kind of the map as its meaning."""

KINDS = {
    "moc": ("the cells that hold a credible part of the probability", FITS),
    "healpix": ("probability in HEALPix cells of one order", FITS),
    "multiorder": ("probability density in HEALPix cells of many orders (NUNIQ)", FITS),
}
"""What a map may be, and its media type."""

_MEDIA_TYPES = (FITS, "image/fits", "application/x-fits", "application/x-moc+fits", "application/gzip")
_ENDINGS = {
    ".multiorder.fits": "multiorder",
    ".moc.fits": "moc",
    ".moc": "moc",
    ".fits": "healpix",
}
_NAMES = ("skymap", "healpix", "moc", "localization", "localisation")


@dataclass(frozen=True, slots=True)
class SkyMap:
    """A sky map elsewhere: one of :data:`KINDS`, with the name of its Param or Group, which may be empty."""

    uri: str
    kind: str
    media_type: str
    name: str = ""


def sky_maps(event: VOEvent) -> tuple[SkyMap, ...]:
    """Give the sky maps that a packet refers to, each once."""
    found = {one.uri: one for one in _maps(event.what or What())}
    return tuple(found.values())


def with_sky_map(event: VOEvent, uri: str, kind: str) -> VOEvent:
    """Give an event with a Reference to a sky map.

    Raises
    ------
    VOEventError
        If there is no such kind of map.
    """
    if kind not in KINDS:
        raise VOEventError(f"there is no kind of sky map {kind!r}; there are {', '.join(KINDS)}")
    what = event.what or What()
    reference = Reference(uri, mimetype=KINDS[kind][1], meaning=MEANING + kind)
    return replace(event, what=replace(what, references=(*what.references, reference)))


def _maps(what: What) -> Iterator[SkyMap]:
    named = [("", what.references)]
    params = [("", param) for param in what.params]
    for group in what.groups:
        named.append((group.name or group.type or "", group.references))
        params += [(group.name or group.type or "", param) for param in group.params]
    named += [(table.name or "", table.references) for table in what.tables]
    named += [(param.name or name, param.references) for name, param in params]
    for name, references in named:
        for one in references:
            if kind := _kind(one.uri or "", name, one.mimetype or "", one.meaning or ""):
                yield SkyMap(one.uri or "", kind, one.mimetype or KINDS[kind][1], name)
    for group_name, param in params:
        value = param.value or "".join(param.text)
        about = f"{group_name} {param.name}"
        if value.startswith(("http://", "https://")) and (kind := _kind(value, about, "", "")):
            yield SkyMap(value, kind, KINDS[kind][1], param.name or "")


def _kind(uri: str, name: str, media_type: str, meaning: str) -> str | None:
    """Tell what a document elsewhere is: by its meaning, else by its name and media type."""
    if meaning.startswith(MEANING):
        return meaning.removeprefix(MEANING) if meaning.removeprefix(MEANING) in KINDS else None
    path = urlsplit(uri).path.lower().partition(",")[0].removesuffix(".gz")
    ending = next((kind for end, kind in _ENDINGS.items() if path.endswith(end)), None)
    about = f"{name} {meaning} {path}".lower()
    if not any(word in about for word in _NAMES) or (media_type and media_type not in _MEDIA_TYPES):
        return None
    if ending == "healpix" and ("_moc" in path or media_type == "application/x-moc+fits"):
        return "moc"
    return ending
