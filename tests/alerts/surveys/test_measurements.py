"""Light-curve points of real packets against the same made from fastavro's dicts and astropy's times."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastavro
import numpy as np
import pytest
from astropy.time import Time

from vobroker.alerts.decode import Decoded

Usual = Callable[[bytes], list[dict[str, Any]]]
Decode = Callable[..., Decoded]


def flux_of(mag: float) -> float:
    return float(10 ** ((31.4 - mag) / 2.5))


def points(result: Decoded, kind: str) -> dict[int, dict[str, Any]]:
    rows = [row for batch in result.batches for row in batch.measurements().to_pylist()]
    return {row["measurement_id"]: row for row in rows if row["kind"] == kind}


class TestZtf:
    @pytest.fixture
    def alert(self, ztf: bytes, usual: Usual) -> dict[str, Any]:
        (alert,) = usual(ztf)
        return alert

    @pytest.fixture
    def result(self, ztf: bytes, decoded: Decode) -> Decoded:
        return decoded(ztf)

    def test_detections_carry_signed_flux(self, alert: dict[str, Any], result: Decoded) -> None:
        found = points(result, "detection")
        expected = [
            alert["candidate"],
            *(p for p in alert["prv_candidates"] or () if p["candid"] is not None),
        ]
        assert found.keys() == {source["candid"] for source in expected}
        for source in expected:
            point = found[source["candid"]]
            sign = 1 if source["isdiffpos"] in {"t", "1"} else -1
            assert point["flux"] == pytest.approx(sign * flux_of(source["magpsf"]), rel=1e-6)
            assert point["mag"] == pytest.approx(source["magpsf"])
            assert point["positive"] == (sign > 0)
            assert point["band"] == "_gri"[source["fid"]]
            exposure = source.get("exptime") or 30.0
            moment = Time(source["jd"] - 2400000.5 + exposure / 172800, format="mjd", scale="utc")
            assert point["mjd"] == pytest.approx(moment.tai.mjd, abs=1e-8)

    def test_what_was_not_detected_is_a_limit(self, alert: dict[str, Any], result: Decoded) -> None:
        found = points(result, "limit")
        expected = [p for p in alert["prv_candidates"] or () if p["candid"] is None]
        assert len(found) == len({p["pid"] for p in expected})
        for source in expected:
            point = found[source["pid"]]
            assert point["limiting_mag"] == pytest.approx(source["diffmaglim"])
            assert point["mag"] is None
            assert point["flux"] is None
            assert point["positive"] is None

    def test_forced_photometry_is_calibrated(self, alert: dict[str, Any], result: Decoded) -> None:
        found = points(result, "forced")
        given = [p for p in alert["fp_hists"] or () if p["forcediffimflux"] not in {None, -99999.0}]
        assert given
        for source in given:
            point = found[source["pid"]]
            scale = flux_of(source["magzpsci"])
            assert point["flux"] == pytest.approx(source["forcediffimflux"] * scale, rel=1e-5)
            assert point["flux_error"] == pytest.approx(source["forcediffimfluxunc"] * scale, rel=1e-5)

    @pytest.mark.parametrize(("sign", "positive"), [("t", True), ("1", True), ("f", False), ("0", False)])
    def test_every_spelling_of_the_sign(
        self, decoded: Decode, usual: Usual, ztf: bytes, sign: str, positive: bool
    ) -> None:
        (alert,) = usual(ztf)
        alert["candidate"]["isdiffpos"] = sign
        (row,) = decoded(write(ztf, alert)).batches[0].alert.to_pylist()
        assert row["positive"] is positive
        assert (row["flux"] > 0) is positive

    def test_stand_ins_for_no_value_are_null(self, decoded: Decode, usual: Usual, ztf: bytes) -> None:
        (alert,) = usual(ztf)
        alert["candidate"] |= {
            "rb": -999.0,
            "drb": None,
            "ssdistnr": -999.0,
            "ssnamenr": "null",
            "sgscore1": -999.0,
        }
        (row,) = decoded(write(ztf, alert)).batches[0].alert.to_pylist()
        assert row["real_bogus"] is None
        assert row["extendedness"] is None
        assert row["solar_system"] is False
        assert row["solar_system_name"] is None

    def test_a_known_asteroid_is_near_the_source(self, decoded: Decode, usual: Usual, ztf: bytes) -> None:
        (alert,) = usual(ztf)
        alert["candidate"] |= {"ssdistnr": 0.4, "ssnamenr": "2004JQ12"}
        (row,) = decoded(write(ztf, alert)).batches[0].alert.to_pylist()
        assert (row["solar_system"], row["solar_system_name"]) == (True, "2004JQ12")


class TestLsst:
    def test_the_history_is_all_there(self, shared: Path, decoded: Decode, usual: Usual) -> None:
        folder = shared / "alerts" / "lsst" / "real" / "rubin_20260305_v10.0"
        for path in sorted(folder.glob("*.avro")):
            packet = path.read_bytes()
            (alert,) = usual(packet)
            result = decoded(packet)
            detections = [alert["diaSource"], *(alert["prvDiaSources"] or ())]
            found = points(result, "detection")
            assert found.keys() == {source["diaSourceId"] for source in detections}
            for source in detections:
                point = found[source["diaSourceId"]]
                assert point["mjd"] == source["midpointMjdTai"]
                assert point["flux"] == source["psfFlux"]
                assert point["band"] == source["band"]
                assert (point["ra"], point["dec"]) == (source["ra"], source["dec"])
                if source["psfFlux"]:
                    assert point["mag"] == pytest.approx(
                        31.4 - 2.5 * np.log10(abs(source["psfFlux"])), abs=1e-5
                    )
            forced = points(result, "forced")
            expected = alert["prvDiaForcedSources"] or ()
            assert forced.keys() == {source["diaForcedSourceId"] for source in expected}
            for source in expected:
                assert forced[source["diaForcedSourceId"]]["flux"] == source["psfFlux"]

    def test_detections_counted_by_the_survey(self, shared: Path, decoded: Decode, usual: Usual) -> None:
        (packet,) = (shared / "alerts" / "lsst" / "real").rglob("170094456248729605*.avro")
        (row,) = decoded(packet.read_bytes()).batches[0].alert.to_pylist()
        assert row["n_detections"] == 304
        assert row["object_id"] == "313893023095193658"
        assert row["solar_system"] is False
        assert row["flux"] == pytest.approx(8130.546)
        assert row["snr"] == pytest.approx(15.5567, abs=1e-3)


def write(packet: bytes, alert: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    fastavro.writer(out, fastavro.reader(io.BytesIO(packet)).writer_schema, [alert])
    return out.getvalue()
