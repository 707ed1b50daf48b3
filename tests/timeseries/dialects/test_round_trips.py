"""Every dialect gives back the numbers, and all that it has a place for; what it has none for, it says."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from vobroker.timeseries import documents
from vobroker.timeseries.aspects import ASPECTS
from vobroker.timeseries.dialects import DIALECTS, borrows
from vobroker.timeseries.errors import TimeSeriesError
from vobroker.timeseries.series import Series

from ..strategies import assert_same, in_icrs, of_gaia, of_lightkurve, series

MADE = {
    **dict.fromkeys(("gaia-individual", "gaia-combined", "gaia-raw"), of_gaia),
    "lightkurve": of_lightkurve,
    "obscore": in_icrs,
    "ssap": in_icrs,
    "astropy-timeseries": series().filter(
        lambda one: one.time.scale != "GPS" and one.time.origin is not None
    ),
}
"""Series that a dialect can tell of, where it cannot tell of any."""

WHOLE = [name for name in DIALECTS if name not in ("obscore", "ssap")]
SEVERAL = [
    name
    for name in WHOLE
    if name not in ("parquet", "lightkurve", "ecsv", "astropy-timeseries", "gaia-individual")
]
ANNOTATED = ("mivot", "vodml-mapping", "modelinstance", "gavo")
EQUIVALENT = {
    "gaia-combined": "gaia-individual",  # of one source
    "votable-bands": "votable",  # of one band
}
few = settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


def strategy(name: str) -> st.SearchStrategy[Series]:
    return MADE.get(name, series())


@pytest.mark.parametrize("name", WHOLE)
def test_a_series_comes_back(name: str) -> None:
    @few
    @given(strategy(name))
    def comes_back(one: Series) -> None:
        content = documents.write([one], name)
        found = documents.read(content)
        assert found.dialect in (name, EQUIVALENT.get(name))
        (back,) = found.series
        assert_same(one, back, DIALECTS[name].LACKS, moments=1e-10 if name == "astropy-timeseries" else 0.0)

    comes_back()


@pytest.mark.parametrize("name", [name for name in DIALECTS if DIALECTS[name].LACKS])
def test_what_a_dialect_lacks_does_not_come_back(name: str) -> None:
    @few
    @given(strategy(name))
    def is_lost(one: Series) -> None:
        (back,) = documents.read(documents.write([one], name), name).series
        for aspect in ASPECTS:
            said = aspect.values(one)
            if aspect.key in DIALECTS[name].LACKS and said:
                assert aspect.values(back) != said, aspect.key

    is_lost()


@pytest.mark.parametrize("name", ANNOTATED)
def test_the_annotation_alone_says_all_but_what_it_borrows(name: str) -> None:
    @few
    @given(strategy(name))
    def says_all(one: Series) -> None:
        root = etree.fromstring(documents.write([one], name))
        for tag in ("TIMESYS", "COOSYS", "GROUP"):
            for element in list(root.iter(f"{{*}}{tag}")):
                element.getparent().remove(element)
        for element in root.iter("{*}FIELD", "{*}PARAM"):
            element.attrib.pop("ref", None)
        (back,) = documents.read(etree.tostring(root), name).series
        assert_same(one, back, {*DIALECTS[name].LACKS, *borrows(DIALECTS[name])})
        if one.space.epoch and "space.epoch" in borrows(DIALECTS[name]):
            assert not back.space.epoch

    says_all()


@pytest.mark.parametrize("name", ["obscore", "ssap"])
def test_discovery_services_describe_a_series_without_its_measurements(name: str) -> None:
    @few
    @given(strategy(name))
    def describes(one: Series) -> None:
        found = documents.read(documents.write([one], name))
        assert found.dialect == name
        (back,) = found.series
        assert (back.object_id, back.survey, back.title) == (one.object_id, one.survey, one.title)
        assert (back.ra, back.dec, len(back)) == (one.ra, one.dec, 0)
        assert "the document describes the series and does not hold it" in back.notes

    describes()


@pytest.mark.parametrize("name", SEVERAL)
@settings(max_examples=3, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(data=st.data())
def test_several_objects_come_back(name: str, data: st.DataObject) -> None:
    one = data.draw(strategy(name).filter(lambda made: len(made.bands) != 1))
    others = [
        Series(
            identifier,
            one.points,
            one.roles,
            one.survey,
            one.ra,
            one.dec,
            one.times,
            one.space,
            one.bands,
            one.title,
        )
        for identifier in ("1001", "1002")
    ]
    back = documents.read(documents.write(others, name), name).series
    assert [each.object_id for each in back] == ["1001", "1002"]
    for wanted, found in zip(others, back, strict=True):
        assert_same(wanted, found, DIALECTS[name].LACKS)


@pytest.mark.parametrize("name", ["parquet", "lightkurve", "ecsv", "astropy-timeseries", "gaia-individual"])
@settings(max_examples=1)
@given(data=st.data())
def test_a_dialect_of_one_object_refuses_two(name: str, data: st.DataObject) -> None:
    one = data.draw(strategy(name))
    with pytest.raises(TimeSeriesError, match=f"a document in {name} holds one object, not 2"):
        documents.write([one, one], name)


def test_every_dialect_says_of_known_aspects_only_what_it_lacks() -> None:
    known = {aspect.key for aspect in ASPECTS}
    for one in DIALECTS.values():
        assert set(one.LACKS) <= known
        assert set(borrows(one)) <= known
        assert all(one.LACKS.values())
