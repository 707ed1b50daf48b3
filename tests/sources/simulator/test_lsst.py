"""Rubin packets: schema, size, and values that agree with each other."""

from __future__ import annotations

import io
from collections import defaultdict

import fastavro
import numpy as np
import pytest
from astropy.wcs import WCS

from vobroker.sources import simulator
from vobroker.sources.simulator.images import psf

from .packets import alerts, aperture, read, stamp


@pytest.fixture(scope="module")
def visits():
    """Two nights of one field, four visits each, after ten nights of the past."""
    made = simulator.simulate(
        "lsst", seed=7, nights=2, visits=4, alerts_per_visit=60, history_nights=10, fields=1
    )
    return [(visit, alerts(visit)) for visit in made]


@pytest.fixture(scope="module")
def packets(visits):
    return [alert for _, found in visits for alert in found]


def kind(visits, name):
    for visit, found in visits:
        for alert, truth in zip(found, visit.truth.to_pylist(), strict=True):
            if truth["kind"].startswith(name):
                yield visit, alert, truth


@pytest.mark.parametrize(("version", "number"), [("10.0", 1000), ("11.0", 1100), ("11.1", 1101)])
def test_packets_are_valid_in_each_schema(version, number):
    (visit,) = simulator.simulate(
        "lsst", seed=1, visits=1, alerts_per_visit=12, history_nights=3, schema_version=version
    )
    for packet in visit.packets:
        alert = read(visit, packet)
        assert fastavro.validation.validate(alert, fastavro.parse_schema(visit.schema), strict=True)
        again = io.BytesIO()
        fastavro.schemaless_writer(again, visit.schema, alert)
        assert again.getvalue() == packet[5:]
        assert packet[:5] == b"\x00" + number.to_bytes(4, "big")


def test_other_versions_are_refused():
    with pytest.raises(ValueError, match=r"writes LSST schemas 10\.0, 11\.0, 11\.1, not 9\.0"):
        next(simulator.simulate("lsst", schema_version="9.0"))


def test_sizes_are_those_of_real_packets(shared):
    real = [path.stat().st_size for path in (shared / "alerts/lsst/real").rglob("*.avro")]
    made = simulator.simulate("lsst", seed=2, visits=2, alerts_per_visit=80, fields=1)
    sizes = np.array([len(packet) for visit in made for packet in visit.packets])
    assert sizes.min() == pytest.approx(min(real), rel=0.07)
    assert np.quantile(sizes, 0.95) == pytest.approx(np.median(real), rel=0.1)
    assert sizes.max() < max(real)


def test_ids_are_unique_and_those_of_the_visit(visits, packets):
    ids = [alert["diaSourceId"] for alert in packets]
    assert len(set(ids)) == len(ids) == 8 * 60
    for visit, found in visits:
        for alert, truth in zip(found, visit.truth.to_pylist(), strict=True):
            assert alert["diaSource"]["visit"] == visit.visit
            assert alert["diaSource"]["diaSourceId"] == alert["diaSourceId"] == truth["alert_id"]
            assert alert["diaSource"]["band"] == visit.band
            assert alert["diaSource"]["midpointMjdTai"] == visit.mjd


def test_history_is_what_was_sent_before(visits):
    sent = defaultdict(list)
    first_night = visits[0][0].mjd
    for _, found in visits:
        for alert in found:
            source = alert["diaSource"]
            earlier = [s for s in alert["prvDiaSources"] or [] if s["midpointMjdTai"] >= first_night]
            assert earlier == sent[source["diaObjectId"]]
        for alert in found:
            if alert["diaSource"]["diaObjectId"]:
                sent[alert["diaSource"]["diaObjectId"]].append(alert["diaSource"])
    assert max(map(len, sent.values())) == 8


def test_history_is_in_order_and_of_this_object(packets):
    for alert in packets:
        for name in ("prvDiaSources", "prvDiaForcedSources"):
            times = [item["midpointMjdTai"] for item in alert[name] or []]
            assert times == sorted(times)
            assert {item["diaObjectId"] for item in alert[name] or []} <= {alert["diaSource"]["diaObjectId"]}
        if alert["prvDiaForcedSources"]:
            # Forced photometry begins with the first detection and reaches to this exposure.
            first = (alert["prvDiaSources"] or [alert["diaSource"]])[0]
            assert alert["prvDiaForcedSources"][0]["visit"] == first["visit"]
            assert alert["prvDiaForcedSources"][-1]["visit"] == alert["diaSource"]["visit"]


def test_flux_error_and_snr_agree(packets):
    for alert in packets:
        source = alert["diaSource"]
        assert source["snr"] == pytest.approx(abs(source["psfFlux"]) / source["psfFluxErr"], rel=1e-5)
        assert source["snr"] >= 5
        assert source["isNegative"] == (source["psfFlux"] < 0)
        science = source["psfFlux"] + source["templateFlux"]
        assert source["scienceFlux"] == pytest.approx(science, abs=1 + 0.5 * source["psfFluxErr"])


def test_noise_is_calibrated(visits):
    pull = [
        (abs(alert["diaSource"]["psfFlux"]) - 10 ** (-0.4 * (truth["mag"] - 31.4)))
        / alert["diaSource"]["psfFluxErr"]
        for _, alert, truth in kind(visits, "")
        # Far from the threshold, which would prefer upward noise.
        if truth["mag"] is not None and alert["diaSource"]["snr"] > 12 and "asteroid" not in truth["kind"]
    ]
    assert len(pull) > 150
    assert np.std(pull) == pytest.approx(1.0, abs=0.12)
    assert abs(np.mean(pull)) < 0.3


def test_positions_scatter_by_their_error(visits):
    pull = [
        (alert["diaSource"]["dec"] - truth["dec"]) / alert["diaSource"]["decErr"]
        for _, alert, truth in kind(visits, "")
        if not truth["kind"].startswith("bogus")
    ]
    assert np.std(pull) == pytest.approx(1.0, abs=0.12)


def test_object_statistics_are_those_of_its_detections(packets):
    for alert in packets:
        record = alert["diaObject"]
        if record is None:
            continue
        points = [*(alert["prvDiaSources"] or []), alert["diaSource"]]
        assert record["nDiaSources"] == len(points)
        assert record["firstDiaSourceMjdTai"] == points[0]["midpointMjdTai"]
        assert record["lastDiaSourceMjdTai"] == alert["diaSource"]["midpointMjdTai"]
        assert record["diaObjectId"] == alert["diaSource"]["diaObjectId"] == points[0]["diaSourceId"]
        for band in "ugrizy":
            flux = np.array([p["psfFlux"] for p in points if p["band"] == band])
            error = np.array([p["psfFluxErr"] for p in points if p["band"] == band])
            assert record[f"{band}_psfFluxNdata"] == len(flux)
            if len(flux) == 0:
                assert record[f"{band}_psfFluxMean"] is None
                continue
            mean = np.average(flux, weights=error**-2)
            assert record[f"{band}_psfFluxMean"] == pytest.approx(mean, rel=1e-4, abs=0.5)
            assert record[f"{band}_psfFluxMin"] == pytest.approx(flux.min(), rel=1e-5)
            assert record[f"{band}_psfFluxMax"] == pytest.approx(flux.max(), rel=1e-5)
            if len(flux) > 1:
                assert record[f"{band}_psfFluxSigma"] == pytest.approx(flux.std(ddof=1), rel=1e-3, abs=0.5)


def test_asteroids_move_as_their_ephemeris_says(visits):
    tracks = defaultdict(list)
    for visit, alert, truth in kind(visits, "asteroid"):
        solar, source = alert["ssSource"], alert["diaSource"]
        assert alert["diaObject"] is None
        assert source["diaObjectId"] is None
        assert alert["prvDiaSources"] is alert["prvDiaForcedSources"] is None
        assert truth["name"] == solar["designation"] == alert["mpc_orbits"]["designation"]
        assert truth["object_id"] == f"ss{solar['ssObjectId']}"
        assert source["ssObjectId"] == solar["ssObjectId"]
        assert solar["ephOffset"] < 5 * 3600 * source["decErr"] * 1.5
        assert alert["mpc_orbits"]["a"] > 1.5
        tracks[truth["object_id"]].append((visit.mjd, source["ra"], source["dec"], solar))
    long = [track for track in tracks.values() if len(track) >= 4]
    assert long
    for track in long:
        (t0, ra0, dec0, solar), (t1, ra1, dec1, _) = track[0], track[-1]
        moved = np.hypot((ra1 - ra0) * np.cos(np.radians(dec0)), dec1 - dec0)
        if t1 - t0 > 0.5:
            assert moved / (t1 - t0) == pytest.approx(solar["ephRate"], rel=0.05)


def test_the_rest_has_no_orbit(visits):
    for _, alert, truth in kind(visits, ""):
        if "asteroid" not in truth["kind"]:
            assert alert["ssSource"] is alert["mpc_orbits"] is alert["diaSource"]["ssObjectId"] is None
            assert truth["object_id"] == str(alert["diaSource"]["diaObjectId"])


def test_bogus_detections_look_it(visits):
    bogus = [alert["diaSource"] for _, alert, _ in kind(visits, "bogus")]
    real = [a["diaSource"] for _, a, t in kind(visits, "") if not t["kind"].startswith("bogus")]
    assert max(source["reliability"] for source in bogus) <= 0.5
    assert np.median([source["reliability"] for source in real]) > 0.85
    assert {source["isDipole"] for source in bogus} == {True, False}
    assert any(source["pixelFlags_edge"] for source in bogus)
    assert not any(source["isDipole"] or source["pixelFlags_edge"] for source in real)


def test_detectors_and_pixels_are_those_of_the_camera(packets):
    for alert in packets:
        source = alert["diaSource"]
        assert 0 <= source["detector"] <= 188
        assert -5 < source["x"] < 4077
        assert -5 < source["y"] < 4005


def test_cutouts_have_the_units_of_real_ones(packets, shared):
    path = next((shared / "alerts/lsst/real").rglob("170094456523456557*"))
    (visit,) = simulator.simulate("lsst", visits=1, alerts_per_visit=1, history_nights=0)
    real = read(visit, path.read_bytes())
    for name in ("cutoutDifference", "cutoutScience", "cutoutTemplate"):
        ours, theirs = stamp(packets[0][name]), stamp(real[name])
        assert len(packets[0][name]) == len(real[name])
        for mine, yours in zip(ours, theirs, strict=True):
            assert mine.name == yours.name
            assert mine.data.shape == yours.data.shape
            assert mine.data.dtype == yours.data.dtype
            assert set(yours.header) - {"COMMENT"} <= set(mine.header)
        assert ours["PSFIMAGE"].data.sum() == pytest.approx(1.0)


def psf_flux(hdus):
    """PSF photometry at the reference pixel: what the alert claims to have measured."""
    header = hdus[0].header
    # The width that gives the peak of the PSF image, by bisection.
    low, high, centre = 1.0, 15.0, np.array([20.0])
    for _ in range(30):
        fwhm = (low + high) / 2
        sharp = psf(41, centre, centre, fwhm).max() > hdus["PSFIMAGE"].data.max()
        low, high = (fwhm, high) if sharp else (low, fwhm)
    x, y = np.array([header["CRPIX1"] - 1]), np.array([header["CRPIX2"] - 1])
    model = psf(30, x, y, fwhm)[0]
    return float((hdus[0].data * model).sum() / (model**2).sum())


def test_the_difference_stamp_gives_the_flux_of_the_alert(visits):
    checked = 0
    for _, alert, truth in kind(visits[:1], ""):
        source, hdus = alert["diaSource"], stamp(alert["cutoutDifference"])
        if np.isnan(hdus[0].data).any():
            continue
        checked += 1
        assert psf_flux(hdus) == pytest.approx(source["psfFlux"], rel=0.01, abs=0.1 * source["psfFluxErr"])
        if truth["kind"] in ("bogus dipole", "bogus cosmic ray", "fast asteroid"):
            continue
        header = hdus[0].header
        x, y, radius = header["CRPIX1"] - 1, header["CRPIX2"] - 1, 10.0
        total = aperture(hdus[0].data, x, y, radius)
        noise = np.sqrt(aperture(hdus["UNCERT"].data, x, y, radius))
        # The wings of the PSF outside the aperture are a few per cent.
        assert total == pytest.approx(source["psfFlux"], abs=4.5 * noise + 0.03 * abs(source["psfFlux"]))
    assert checked > 40


def test_science_is_template_and_difference(visits):
    for _, alert, _ in kind(visits[:1], "RR Lyrae"):
        science, template = stamp(alert["cutoutScience"])[0], stamp(alert["cutoutTemplate"])[0]
        source = alert["diaSource"]
        if np.isnan(science.data).any():
            continue
        x, y = science.header["CRPIX1"] - 1, science.header["CRPIX2"] - 1
        inside = 6.0
        noise = np.sqrt(aperture(stamp(alert["cutoutScience"])["UNCERT"].data, x, y, inside))
        for image, flux in ((science, source["scienceFlux"]), (template, source["templateFlux"])):
            assert aperture(image.data, x, y, inside) == pytest.approx(flux, abs=5 * noise + 0.09 * abs(flux))


def test_the_header_puts_the_alert_and_the_sky_the_right_way_round(visits):
    for _, alert, _ in kind(visits[:1], "SN"):
        header = stamp(alert["cutoutScience"])[0].header
        wcs, source = WCS(header), alert["diaSource"]
        ra, dec = wcs.wcs_pix2world(header["CRPIX1"], header["CRPIX2"], 1)
        assert (ra, dec) == pytest.approx((source["ra"], source["dec"]), abs=1e-8)
        assert header["CUTMINX"] + header["CRPIX1"] - 1 == pytest.approx(source["x"], abs=1e-3)
        # Seen from inside the sphere: north to east is counter-clockwise, the determinant is negative.
        assert np.linalg.det(wcs.pixel_scale_matrix) < 0
        assert np.sqrt(-np.linalg.det(wcs.pixel_scale_matrix)) * 3600 == pytest.approx(0.2)


def test_packets_without_history_or_stamps():
    (visit,) = simulator.simulate(
        "lsst", seed=7, visits=1, alerts_per_visit=20, history_nights=4, history=False, cutouts=False
    )
    for alert in alerts(visit):
        assert alert["prvDiaSources"] is alert["prvDiaForcedSources"] is alert["cutoutScience"] is None
