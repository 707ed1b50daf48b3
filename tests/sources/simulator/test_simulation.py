"""The simulation as a whole: determinism, counts, truth."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vobroker.sources import simulator

from .packets import alerts, read

SMALL = {"history_nights": 3, "fields": 1}


ARGUMENTS = st.fixed_dictionaries(
    {
        "survey": st.sampled_from(["lsst", "ztf"]),
        "seed": st.integers(0, 2**32),
        "nights": st.integers(1, 2),
        "visits": st.integers(1, 3),
        "alerts_per_visit": st.integers(1, 15),
        "start": st.dates(date(2025, 7, 1), date(2031, 1, 1)),
        "history_nights": st.integers(0, 4),
    }
)


@given(ARGUMENTS)
@settings(max_examples=15, deadline=None)
def test_any_arguments_give_as_many_valid_alerts_as_asked(arguments):
    made = list(simulator.simulate(**arguments))
    survey, count = arguments["survey"], arguments["alerts_per_visit"]
    assert len(made) == arguments["nights"] * arguments["visits"]
    assert [visit.mjd for visit in made] == sorted({visit.mjd for visit in made})
    ids = set()
    for visit in made:
        assert len(visit.packets) == len(visit.truth) == count
        for alert, truth in zip(alerts(visit), visit.truth.to_pylist(), strict=True):
            measured = alert["diaSource"] if survey == "lsst" else alert["candidate"]
            assert 0 <= measured["ra"] < 360
            assert abs(measured["dec"] - truth["dec"]) < 0.01
            ids.add(truth["alert_id"])
    assert len(ids) == len(made) * count


@pytest.mark.parametrize("survey", ["lsst", "ztf"])
def test_equal_arguments_give_equal_bytes(survey):
    def everything(seed):
        made = simulator.simulate(survey, seed=seed, nights=2, visits=2, alerts_per_visit=20, **SMALL)
        return [(list(visit.packets), visit.truth) for visit in made]

    assert everything(5) == everything(5)
    assert everything(5) != everything(6)


def test_a_packet_is_the_same_whichever_way_it_is_asked_for():
    count = 300  # more than two blocks
    (visit,) = simulator.simulate("lsst", seed=1, visits=1, alerts_per_visit=count, **SMALL)
    packets = list(visit.packets)
    assert [visit.packets[i] for i in (299, 0, 131, -1)] == [packets[i] for i in (299, 0, 131, 299)]
    assert visit.packets[120:140] == packets[120:140]
    assert [packet[5:] for packet in packets] == list(visit.packets.datums())
    with pytest.raises(IndexError):
        visit.packets[count]


def test_packets_may_be_made_after_later_visits():
    def visits():
        return simulator.simulate("lsst", seed=2, visits=4, alerts_per_visit=15, **SMALL)

    late = list(visits())
    assert [list(visit.packets) for visit in late] == [list(visit.packets) for visit in visits()]


def test_an_object_is_one_thing_for_good():
    kinds, places = {}, {}
    for visit in simulator.simulate(
        "lsst", seed=9, nights=3, visits=4, alerts_per_visit=80, fields=2, history_nights=9
    ):
        for packet, truth in zip(visit.packets, visit.truth.to_pylist(), strict=True):
            name = truth["object_id"]
            assert kinds.setdefault(name, truth["kind"]) == truth["kind"]
            if "asteroid" not in truth["kind"]:
                assert places.setdefault(name, (truth["ra"], truth["dec"])) == (truth["ra"], truth["dec"])
                source = read(visit, packet)["diaSource"]
                assert name == str(source["diaObjectId"])
    assert len(set(places.values())) == len(places)
    assert {"SN Ia", "SN II", "RR Lyrae", "eclipsing binary", "AGN", "asteroid"} <= set(kinds.values())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"survey": "atlas"}, "no survey 'atlas' to simulate; there are lsst, ztf"),
        ({"survey": "lsst", "nights": 0}, "the number of nights must be between 1 and 1000, not 0"),
        ({"survey": "lsst", "visits": -1}, "the number of visits must be at least 1, not -1"),
        ({"survey": "lsst", "visits": 3, "fields": 4}, "the number of fields must be between 1 and 3, not 4"),
        ({"survey": "lsst", "seed": -1}, "the seed must be at least 0, not -1"),
        ({"survey": "ztf", "visits": 2000}, "has room for"),
        ({"survey": "lsst", "schema_version": "ten"}, "written as 10.0, not 'ten'"),
    ],
)
def test_what_cannot_be_simulated_is_said(arguments, message):
    with pytest.raises(ValueError, match=message):
        list(simulator.simulate(**arguments))
