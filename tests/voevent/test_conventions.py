"""Types, orbits and sky maps are said within the schema of version 2.0, and found again."""

from __future__ import annotations

import pytest
from lxml import etree

from vobroker.voevent import VOEvent, VOEventError, read, validate, write
from vobroker.voevent.event_types import TYPES, event_types, with_type
from vobroker.voevent.model import Group, Param, What, Who
from vobroker.voevent.orbits import Orbit, ephemerides, orbit_of, with_orbit
from vobroker.voevent.skymaps import SkyMap, sky_maps, with_sky_map

EVENT = VOEvent("ivo://abc/d#e", "test", who=Who("ivo://abc/who", "2026-03-05T00:00:00"))
ORBIT = Orbit(
    epoch=61000.0,
    eccentricity=0.0785,
    inclination=10.588,
    ascending_node=80.25,
    perihelion_argument=73.3,
    semi_major_axis=2.7657,
    mean_anomaly=231.5,
    absolute_magnitude=3.34,
    slope=0.12,
    designation="1 Ceres",
)


def written(event: VOEvent, schema: etree.XMLSchema) -> VOEvent:
    """The event as another reads it, after a look by the schema and by the validator."""
    packet = write(event)
    schema.assertValid(etree.fromstring(packet))
    assert validate(packet) == []
    return read(packet)


def test_every_type_is_valid_in_version_2_0_and_found_again(schema: etree.XMLSchema) -> None:
    for name, kind in TYPES.items():
        assert event_types(written(with_type(EVENT, name), schema)) == (kind,)


def test_types_come_by_probability(schema: etree.XMLSchema) -> None:
    event = with_type(with_type(EVENT, "tde", 0.25), "supernova", 0.5)
    event = with_type(event, "http://astrothesaurus.org/uat/1737", 0.1)
    found = event_types(written(event, schema))
    assert [(one.name, one.probability) for one in found] == [("supernova", 0.5), ("tde", 0.25), ("", 0.1)]
    with pytest.raises(VOEventError, match="no event type 'dragon'; there are transient, supernova"):
        with_type(EVENT, "dragon")


def test_types_of_packets_that_know_no_vocabulary_are_their_words(samples: dict[str, bytes]) -> None:
    (found,) = event_types(read(samples["SWIFT_xrt_position_v1.1_example"]))
    assert (found.label, found.concept, found.probability) == ("process.variation.burst;em.gamma", "", 0.9)
    draft = event_types(read(samples["ivoa-voevent-2.1-ex2"]))
    assert draft[0].concept == "http://astrothesaurus.org/uat/1534"
    assert draft[0].label == "Solar Wind measured at 1 AU"


def test_an_orbit_is_found_again_with_its_ephemeris(schema: etree.XMLSchema) -> None:
    event = written(with_orbit(EVENT, ORBIT, "https://ssp.imcce.fr/ephemcc?name=Ceres"), schema)
    assert orbit_of(event) == ORBIT
    assert [one.uri for one in ephemerides(event)] == ["https://ssp.imcce.fr/ephemcc?name=Ceres"]
    assert orbit_of(EVENT) is None


@pytest.mark.parametrize(
    ("param", "reason"),
    [
        (Param("inclination", "0.1", "rad"), "the inclination of the orbit is in 'rad', not 'deg'"),
        (Param("inclination", "steep", "deg"), "the inclination of the orbit is 'steep'"),
        (Param("slope", "0.1"), "the orbit is not whole"),
    ],
)
def test_an_orbit_that_is_none_is_refused(param: Param, reason: str) -> None:
    event = VOEvent("ivo://a/b#c", what=What(groups=(Group("orbit", "orbital-elements", (param,)),)))
    with pytest.raises(VOEventError, match=reason):
        orbit_of(event)


def test_sky_maps_are_found_again(schema: etree.XMLSchema) -> None:
    event = EVENT
    for kind in ("moc", "healpix", "multiorder"):
        event = with_sky_map(event, f"https://example.org/{kind}", kind)
    assert sky_maps(written(event, schema)) == tuple(
        SkyMap(f"https://example.org/{kind}", kind, "application/fits")
        for kind in ("moc", "healpix", "multiorder")
    )
    with pytest.raises(VOEventError, match="no kind of sky map 'png'"):
        with_sky_map(EVENT, "https://example.org/x.png", "png")


def test_maps_of_gravitational_waves_are_found_in_params() -> None:
    url = "https://gracedb.ligo.org/api/superevents/MS181101ab/files/bayestar"
    group = Group(
        "GW_SKYMAP",
        "GW_SKYMAP",
        (
            Param("skymap_fits", f"{url}.multiorder.fits,1", ucd="meta.ref.url"),
            Param("flat", f"{url}.fits.gz"),
            Param("page", "https://gracedb.ligo.org/superevents/MS181101ab"),
        ),
    )
    assert sky_maps(VOEvent("ivo://a/b#c", what=What(groups=(group,)))) == (
        SkyMap(f"{url}.multiorder.fits,1", "multiorder", "application/fits", "skymap_fits"),
        SkyMap(f"{url}.fits.gz", "healpix", "application/fits", "flat"),
    )


def test_packets_without_maps_have_none(samples: dict[str, bytes]) -> None:
    assert not [name for name, packet in samples.items() if sky_maps(read(packet))]
