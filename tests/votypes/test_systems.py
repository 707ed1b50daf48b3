"""Coordinate and time systems: ours by name, those of uploads by what declares them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vobroker.votypes.systems import SYSTEMS, System, find, name_of


@pytest.mark.parametrize("name", SYSTEMS)
def test_what_is_declared_as_ours_is_ours(name: str) -> None:
    assert name_of(SYSTEMS[name].element, SYSTEMS[name].attributes) == name
    assert find(name) == SYSTEMS[name]


def test_another_system_is_named_by_its_declaration() -> None:
    name = name_of("COOSYS", {"ID": "x", "system": "FK5", "equinox": "J2000", "epoch": ""})
    assert find(name) == System("COOSYS", {"system": "FK5", "equinox": "J2000"})
    assert name_of("COOSYS", {"ID": "x"}) == name_of("GROUP", {"system": "ICRS"}) == ""


@given(
    st.text()
    | st.sampled_from(["COOSYS {}", 'COOSYS {"x": "y"}', 'TIMESYS {"timescale": 1}', "COOSYS [" * 9])
)
def test_any_other_name_is_none(name: str) -> None:
    assert find(name) is None or name in SYSTEMS


@given(st.dictionaries(st.sampled_from(["system", "equinox", "epoch", "refposition"]), st.text(max_size=20)))
def test_names_are_read_as_they_are_written(attributes: dict[str, str]) -> None:
    name = name_of("COOSYS", attributes)
    kept = {key: value for key, value in attributes.items() if value}
    assert (find(name).attributes if name else {}) == kept
