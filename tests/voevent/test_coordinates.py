"""Times and places of packets are those of astropy, in the scale and the frame that the packet names."""

from __future__ import annotations

import astropy.units as u
import pytest
from astropy.time import Time

from vobroker.voevent import VOEvent, VOEventError, coordinates, read
from vobroker.voevent.model import COORDINATE_SYSTEMS


def packet(system: str, position: str = "", time: str = "2026-03-05T01:02:03", unit: str = "deg") -> VOEvent:
    return read(
        f'<VOEvent version="2.0" ivorn="ivo://abc/d#e"><WhereWhen><ObsDataLocation>'
        f'<ObservatoryLocation id="GEOLEO"/><ObservationLocation><AstroCoordSystem id="{system}"/>'
        f'<AstroCoords coord_system_id="{system}"><Time><TimeInstant><ISOTime>{time}</ISOTime></TimeInstant>'
        f'</Time><Position2D unit="{unit}"><Value2>{position or "<C1>10.5</C1><C2>-20.25</C2>"}</Value2>'
        f"<Error2Radius>0.5</Error2Radius></Position2D></AstroCoords></ObservationLocation>"
        f"</ObsDataLocation></WhereWhen></VOEvent>".encode()
    )


@pytest.mark.parametrize("system", [name for name in COORDINATE_SYSTEMS if "GEOD" not in name])
def test_every_system_of_the_standard_can_be_read(system: str) -> None:
    event = packet(system)
    scale, frame, _ = system.split("-")
    time, position = coordinates.time(event), coordinates.position(event)
    assert time.scale == ("tai" if scale == "GPS" else scale.lower())
    assert position.name == (coordinates.FRAMES | coordinates.SOLAR_FRAMES)[frame]
    first, second = list(position.representation_component_names)[:2]
    if frame != "HPR":
        assert getattr(position, first).to_value(u.deg) == pytest.approx(10.5)
        assert getattr(position, second).to_value(u.deg) == pytest.approx(-20.25)
    assert coordinates.radius(event).deg == 0.5
    assert coordinates.system(event).center == coordinates.CENTERS[system.rpartition("-")[2]]


def test_scales_are_told_apart() -> None:
    utc = coordinates.time(packet("UTC-ICRS-TOPO"))
    for system, ahead in {"TT-ICRS-TOPO": -69.184, "GPS-ICRS-TOPO": -18, "TDB-ICRS-BARY": -69.184}.items():
        assert (coordinates.time(packet(system)) - utc).sec == pytest.approx(ahead, abs=2e-3)


def test_a_leap_second_is_a_second_of_its_own() -> None:
    second = coordinates.time(packet("UTC-ICRS-GEO", time="2016-12-31T23:59:60.5"))
    assert (Time("2017-01-01T00:00:00", scale="utc") - second).sec == pytest.approx(0.5)


@pytest.mark.parametrize("system", ["UTC-ICRS-TOPO", "TT-ICRS-TOPO", "NOWHERE"])
def test_a_time_with_a_zone_is_utc(system: str) -> None:
    found = coordinates.time(packet(system, time="2026-03-05T01:00:00+02:00"))
    assert (found.scale, found.isot) == ("utc", "2026-03-04T23:00:00.000")


def test_a_system_may_name_less_than_three_parts() -> None:
    assert coordinates.system(packet("UTC-FK5")) == ("UTC", "FK5", None)
    assert coordinates.system(packet("TDB")) == ("TDB", None, None)
    assert coordinates.system(packet("NOWHERE")) == (None, None, None)


def test_a_flare_is_where_the_sun_is() -> None:
    pytest.importorskip("sunpy")
    event = packet("UTC-HPC-TOPO", "<C1>-800</C1><C2>100</C2>", unit="arcsec")
    flare = coordinates.position(event)
    assert flare.Tx.to_value(u.arcsec) == pytest.approx(-800)
    assert flare.observer is not None


def test_the_samples_say_where_they_are(samples: dict[str, bytes]) -> None:
    swift = coordinates.position(read(samples["SWIFT_xrt_position_v1.1_example"]))
    assert (swift.name, swift.ra.deg, swift.dec.deg) == ("fk5", 314.7162, -53.393)
    assert coordinates.region(read(samples["SWIFT_xrt_position_v1.1_example"])) == (
        "anywhere within the orbit of the Moon"
    )
    parkes = coordinates.location(read(samples["FRB140514_update"]))
    assert parkes is not None
    assert (parkes.lon.deg, parkes.lat.deg) == pytest.approx((148.2635101, -32.9984064))
    jupiter = coordinates.system(read(samples["ivoa-voevent-2.1-ex2"]))
    assert jupiter == ("UTC", None, "Jupiter")


def test_version_2_1_describes_frames_and_intervals() -> None:
    event = read(
        b'<VOEvent version="2.1" ivorn="ivo://abc/d#e"><WhereWhen><ObsDataLocation><ObservatoryLocation/>'
        b"<ObservationLocation><AstroCoordSystem><TimeFrame><ReferencePosition>BARYCENTER</ReferencePosition>"
        b"<TimeScale>TDB</TimeScale></TimeFrame><SpaceFrame><SpaceRefFrame>GALACTIC</SpaceRefFrame></SpaceFrame>"
        b"</AstroCoordSystem><AstroCoords><Time><TimeInterval><ISOTimeStart>2026-03-05T00:00:00</ISOTimeStart>"
        b"<ISOTimeStop>2026-03-05T01:00:00</ISOTimeStop></TimeInterval></Time><Position2D><Value2><C1>1</C1>"
        b"<C2>2</C2></Value2></Position2D></AstroCoords></ObservationLocation></ObsDataLocation></WhereWhen>"
        b"</VOEvent>"
    )
    start, stop = coordinates.interval(event)
    assert (start.scale, (stop - start).sec) == ("tdb", pytest.approx(3600))
    assert coordinates.position(event).l.deg == pytest.approx(1)
    assert coordinates.system(event) == ("TDB", "GALACTIC", "BARYCENTER")


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (packet("NOWHERE"), "has a time without a scale"),
        (packet("LOCAL-ICRS-TOPO"), "has a time in the scale 'LOCAL'"),
        (packet("UTC-ICRS-TOPO", time="2026-03-05 25:00"), "cannot be read"),
        (VOEvent("ivo://abc/d#e"), "has no coordinates"),
    ],
)
def test_a_time_without_scale_or_sense_is_refused(document: VOEvent, reason: str) -> None:
    with pytest.raises(VOEventError, match=f"ivo://abc/d#e:? .*{reason}"):
        coordinates.time(document)


def test_a_position_without_frame_or_sense_is_refused() -> None:
    with pytest.raises(VOEventError, match="no frame that it names"):
        coordinates.position(packet("NOWHERE"))
    with pytest.raises(VOEventError, match=r"the position cannot be read: .*-90"):
        coordinates.position(packet("UTC-ICRS-TOPO", "<C1>1</C1><C2>91</C2>"))
    with pytest.raises(VOEventError, match="parrots"):
        coordinates.position(packet("UTC-ICRS-TOPO", unit="parrots"))
