"""The samples of ``vobroker voevent samples``: the conventions of the documentation as packets."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

from vobroker.alerts.schemas import default_schemas
from vobroker.archive import Archive, open_archive
from vobroker.filters import compile_filter
from vobroker.pipeline.river import run
from vobroker.publish.lightcurve import FORMS, embed
from vobroker.publish.render import history
from vobroker.publish.voevent import alert_event
from vobroker.sources import files
from vobroker.sources.simulator import simulate
from vobroker.sources.simulator import write as write_visits
from vobroker.timeseries import LightCurve, formats
from vobroker.voevent import VOEvent, write
from vobroker.voevent.citations import retraction, superseding
from vobroker.voevent.embedded import embed as embed_votable
from vobroker.voevent.event_types import with_type
from vobroker.voevent.json import to_json
from vobroker.voevent.model import (
    AstroCoords,
    AstroCoordSystem,
    ObsDataLocation,
    ObservationLocation,
    ObservatoryLocation,
    Position2D,
    Time,
    TimeInstant,
    Value2,
    WhereWhen,
    Who,
)
from vobroker.voevent.orbits import Orbit, with_orbit
from vobroker.voevent.skymaps import with_sky_map

SEED = 11
_MADE = datetime(2026, 3, 6, 12, tzinfo=UTC)
_AUTHOR = "ivo://org.example.samples/vobroker"
_IVORN = "ivo://org.example.samples/samples#"


def make() -> dict[str, bytes]:
    """Give sample packets by file name; the same at every call."""
    event, curve = alert()
    packets_ = {f"light-curve-{form}.xml": write(embed(event, curve, form)) for form in FORMS}
    votable = formats.write(curve, "votable")
    for form in ("data", "data-gzip"):
        packets_[f"light-curve-{form}.xml"] = write(embed_votable(event, votable, form))
    packets_["light-curve.vot"] = votable
    packets_["alert.json"] = to_json(event)
    again = superseding(event, event.ivorn, "The filter was corrected.", revision="2")
    packets_["supersedes.xml"] = write(again)
    packets_["retraction.xml"] = write(retraction(again, "A satellite passed.", date=_MADE))
    packets_ |= {f"{name}.xml": write(one) for name, one in _conventions().items()}
    return packets_


def alert() -> tuple[VOEvent, LightCurve]:
    """Give the event of a simulated ZTF alert, without its light curve and with it beside."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        visits = simulate("ztf", seed=SEED, visits=2, alerts_per_visit=40, cutouts=False)
        write_visits(visits, root / "night", "tar.gz")
        everything = compile_filter("everything", "SELECT alert_id FROM alert")
        with open_archive(root / "archive", authority="org.example.samples") as archive:
            run(
                files.read([root / "night"], resume=archive.position),
                archive,
                schemas=default_schemas(),
                filters=[everything],
            )
            return _longest(archive)


def _longest(archive: Archive) -> tuple[VOEvent, LightCurve]:
    """Give the event whose alert has most detections in its history, as if it had come at a fixed time."""
    events = {row["alert_id"]: row for row in archive.events()}
    curves = history(archive, "ztf", sorted(events))
    best = max(curves, key=lambda alert_id: (len(curves[alert_id].detections), alert_id))
    told = {name: events[best][name] for name in ("ivorn", "stream", "version", "cites")}
    row = (archive.alert("ztf", best) or {}) | {"received": _MADE.replace(tzinfo=None)}
    return alert_event(row, **told, created=_MADE, role="test"), curves[best]


def _conventions() -> dict[str, VOEvent]:
    """Give packets that say types, an orbit and a sky map."""
    burst = _packet("frb", "UTC-ICRS-TOPO", "2026-03-05T01:02:03.456", (83.633, 22.0145), 0.02, "Arecibo")
    wave = _packet("gw", "UTC-ICRS-GEO", "2026-03-05T04:05:06.7", (197.45, -23.38), 12.0, "GEOSURFACE")
    ceres = _packet("ceres", "UTC-ICRS-TOPO", "2026-03-05T02:00:00", (291.4, -24.9), 0.0003, "X05")
    barycentric = _packet(
        "barycentric", "TDB-ICRS-BARY", "2026-03-05T02:04:11", (291.4, -24.9), 0.0003, "X05"
    )
    flare = _packet("flare", "UTC-HPC-TOPO", "2026-03-05T09:00:00", (-300.0, 210.0), 5.0, "GEOLUN", "arcsec")
    orbit = Orbit(
        epoch=61000.0,
        eccentricity=0.0796,
        inclination=10.588,
        ascending_node=80.25,
        perihelion_argument=73.3,
        semi_major_axis=2.7657,
        mean_anomaly=231.5,
        absolute_magnitude=3.34,
        slope=0.12,
        designation="1",
    )
    supernova = _packet("supernova", "UTC-ICRS-TOPO", "2026-03-05T03:00:00", (150.1, 2.2), 0.0001, "X05")
    map_ = "https://example.org/skymaps/gw.multiorder.fits"
    return {
        "type-frb": with_type(burst, "frb"),
        "type-supernova": with_type(with_type(supernova, "supernova-ia", 0.8), "tde", 0.1),
        "type-gw-sky-map": with_sky_map(with_type(wave, "gw"), map_, "multiorder"),
        "orbit-topocentric": with_orbit(
            with_type(ceres, "asteroid"), orbit, "https://example.org/ephemeris?name=Ceres&format=votable"
        ),
        "orbit-barycentric": with_orbit(with_type(barycentric, "asteroid"), orbit),
        "type-solar-flare": with_type(flare, "solar-flare"),
    }


def _packet(
    name: str,
    system: str,
    time: str,
    position: tuple[float, float],
    radius: float,
    observatory: str,
    unit: str = "deg",
) -> VOEvent:
    place = Position2D(unit=unit, value=Value2(*position), radius=radius)
    coords = AstroCoords(system, Time("s", TimeInstant(time)), position2d=place)
    return VOEvent(
        ivorn=f"{_IVORN}{name}",
        role="test",
        who=Who(_AUTHOR, _MADE.replace(tzinfo=None).isoformat()),
        where_when=WhereWhen(
            location=ObsDataLocation(
                ObservatoryLocation(observatory), ObservationLocation(AstroCoordSystem(system), coords)
            )
        ),
    )
