"""ZTF packets: schema, size, and values that agree with each other."""

from __future__ import annotations

import io
from collections import defaultdict

import fastavro
import numpy as np
import pytest

from vobroker.alerts.schemas import ztf_schema_text
from vobroker.sources import simulator

from .packets import alerts, aperture, stamp

ZERO_POINT = {1: 26.3, 2: 26.25, 3: 25.65}


@pytest.fixture(scope="module")
def visits():
    made = simulator.simulate("ztf", seed=4, nights=3, visits=2, alerts_per_visit=60, fields=1)
    return [(visit, alerts(visit)) for visit in made]


@pytest.fixture(scope="module")
def packets(visits):
    return [alert for _, found in visits for alert in found]


def kind(visits, name):
    for visit, found in visits:
        for alert, truth in zip(found, visit.truth.to_pylist(), strict=True):
            if truth["kind"].startswith(name):
                yield visit, alert, truth


def test_the_schema_is_the_one_in_a_public_packet(shared):
    path = next((shared / "alerts/ztf").glob("ztf_2025*v4_02.avro"))
    with path.open("rb") as file:
        assert fastavro.reader(file).metadata["avro.schema"] == ztf_schema_text()


def test_packets_are_valid(visits):
    schema = fastavro.parse_schema(visits[0][0].schema)
    for visit, found in visits[-1:]:
        for packet, alert in zip(visit.packets, found, strict=True):
            assert fastavro.validation.validate(alert, schema, strict=True)
            again = io.BytesIO()
            fastavro.schemaless_writer(again, schema, alert)
            assert again.getvalue() in packet


def test_sizes_are_those_of_real_packets(shared, packets, visits):
    real = [path.stat().st_size for path in (shared / "alerts/ztf").glob("*4_02.avro")]
    sizes = [len(packet) for visit, _ in visits for packet in visit.packets]
    assert np.median(sizes) == pytest.approx(np.mean(real), rel=0.15)
    assert max(sizes) < 90_000


def test_times_are_the_start_of_the_exposure_in_utc(visits):
    for visit, found in visits:
        start = visit.mjd + 2400000.5 - (37 + 15) / 86400
        assert [alert["candidate"]["jd"] for alert in found] == pytest.approx([start] * len(found), abs=1e-8)


def test_ids_are_unique_and_made_as_ztf_makes_them(packets):
    ids = [alert["candid"] for alert in packets]
    assert len(set(ids)) == len(ids)
    for alert in packets:
        candidate = alert["candidate"]
        assert candidate["candid"] == alert["candid"]
        assert alert["candid"] // 1_000_000 == candidate["pid"]
        assert candidate["pid"] // 10**9 == candidate["nid"]
        assert candidate["pid"] // 100 % 100 == candidate["rcid"] < 64
        assert alert["objectId"].startswith("ZTF26")
        assert len(alert["objectId"]) == 12


def test_names_stay_with_the_object(visits):
    places = defaultdict(set)
    for _, alert, truth in kind(visits, ""):
        assert alert["objectId"] == truth["object_id"]
        places[alert["objectId"]].add((truth["ra"], truth["dec"], truth["kind"]))
    assert all(len(found) == 1 for found in places.values())
    assert len({next(iter(found))[:2] for found in places.values()}) == len(places)


def test_history_is_what_was_sent_before_and_the_limits_between(visits):
    sent = defaultdict(list)
    first = visits[0][1][0]["candidate"]["jd"]
    for _, found in visits:
        for alert in found:
            now = alert["candidate"]["jd"]
            before = alert["prv_candidates"] or []
            assert all(now - 30.01 < previous["jd"] < now for previous in before)
            detections = [p for p in before if p["candid"] is not None and p["jd"] >= first]
            for detection, candidate in zip(detections, sent[alert["objectId"]], strict=True):
                shared_fields = detection.keys() & candidate.keys() - {"ssnamenr", "ssdistnr", "ssmagnr"}
                assert {n: detection[n] for n in shared_fields} == {n: candidate[n] for n in shared_fields}
            for limit in (p for p in before if p["candid"] is None):
                assert limit["magpsf"] is limit["ra"] is limit["isdiffpos"] is None
                assert 17 < limit["diffmaglim"] < 21.5
        for alert in found:
            sent[alert["objectId"]].append(alert["candidate"])
    assert max(map(len, sent.values())) == 6


def test_counts_of_detections_and_covers(packets):
    for alert in packets:
        candidate = alert["candidate"]
        seen = [p for p in alert["prv_candidates"] or [] if p["candid"]]
        assert candidate["ndethist"] >= len(seen) + 1
        assert candidate["ncovhist"] >= candidate["ndethist"]
        assert candidate["jdstarthist"] <= min([p["jd"] for p in seen], default=candidate["jd"])
        assert candidate["jdendhist"] == candidate["jd"]


def test_forced_photometry_agrees_with_the_detections(packets):
    pulls = []
    for alert in packets:
        found = {p["jd"]: p for p in alert["prv_candidates"] or [] if p["candid"]}
        for point in alert["fp_hists"] or []:
            assert 0 < alert["candidate"]["jd"] - point["jd"] < 30.01
            if point["jd"] in found:
                detection = found[point["jd"]]
                sign = 1 if detection["isdiffpos"] == "t" else -1
                counts = sign * 10 ** (-0.4 * (detection["magpsf"] - point["magzpsci"]))
                pulls.append((point["forcediffimflux"] - counts) / point["forcediffimfluxunc"])
    assert len(pulls) > 500
    assert np.max(np.abs(pulls)) < 1


def test_magnitude_and_error_agree_with_snr(packets):
    for alert in packets:
        candidate = alert["candidate"]
        assert candidate["sigmapsf"] <= 1.0857 / 5 + 1e-6
        assert candidate["sigmapsf"] == pytest.approx(1.0857 / candidate["scorr"], rel=1e-5)
        assert candidate["magpsf"] < candidate["diffmaglim"] + 0.3
        assert candidate["isdiffpos"] in ("t", "f")


def test_solar_system_objects_are_named(visits):
    for _, alert, truth in kind(visits, ""):
        candidate = alert["candidate"]
        if "asteroid" in truth["kind"]:
            assert candidate["ssnamenr"] == truth["name"].replace(" ", "")
            assert 0 <= candidate["ssdistnr"] < 5
            assert candidate["ndethist"] == 1
        else:
            assert (candidate["ssnamenr"], candidate["ssdistnr"]) == ("null", -999.0)


def test_stars_are_stars_and_hosts_are_galaxies(visits):
    stars = [alert["candidate"] for _, alert, _ in kind(visits, "RR Lyrae")]
    hosts = [alert["candidate"] for _, alert, _ in kind(visits, "SN")]
    assert min(c["sgscore1"] for c in stars) > 0.8
    assert max(c["sgscore1"] for c in hosts) < 0.5
    assert np.median([c["distpsnr1"] for c in hosts]) > np.median([c["distpsnr1"] for c in stars])


def test_bogus_detections_look_it(visits):
    bogus = [alert["candidate"]["drb"] for _, alert, _ in kind(visits, "bogus")]
    real = [a["candidate"]["drb"] for _, a, t in kind(visits, "") if not t["kind"].startswith("bogus")]
    assert max(bogus) < 0.5 <= min(real)


def test_stamps_give_the_magnitude_of_the_alert(visits):
    checked = 0
    for _, alert, truth in kind(visits[:2], ""):
        candidate = alert["candidate"]
        (hdu,) = stamp(alert["cutoutDifference"])
        assert hdu.data.shape == (63, 63)
        assert hdu.data.dtype == ">f4"
        if np.isnan(hdu.data).any() or "fast" in truth["kind"] or "bogus" in truth["kind"]:
            continue
        checked += 1
        x, y = (candidate[name] - np.round(candidate[name]) + 31 for name in ("xpos", "ypos"))
        sign = 1 if candidate["isdiffpos"] == "t" else -1
        counts = sign * 10 ** (-0.4 * (candidate["magpsf"] - ZERO_POINT[candidate["fid"]]))
        radius = 2.2 * candidate["seeratio"] * 2.0 * 0.9 / 1.012
        noise = np.std(hdu.data) * radius * np.sqrt(np.pi)
        assert aperture(hdu.data, x, y, radius) == pytest.approx(counts, abs=4.5 * noise + 0.03 * abs(counts))
    assert checked > 30


def test_stamps_are_gzipped_without_a_time(packets):
    for name in ("cutoutScience", "cutoutTemplate", "cutoutDifference"):
        cutout = packets[0][name]
        assert cutout["stampData"][:2] == b"\x1f\x8b"
        assert cutout["stampData"][4:8] == b"\x00\x00\x00\x00"
        assert cutout["fileName"].startswith(f"candid{packets[0]['candid']}")
