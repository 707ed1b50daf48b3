"""Packets of every shape that the schema allows."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from vobroker.voevent.model import (
    CITES,
    DATA_TYPES,
    ROLES,
    SCHEMA_SYSTEMS,
    AstroCoords,
    AstroCoordSystem,
    Author,
    Citations,
    Data,
    EventIVORN,
    Field,
    Group,
    How,
    Inference,
    ObsDataLocation,
    ObservationLocation,
    ObservatoryLocation,
    Param,
    Position2D,
    Position3D,
    Reference,
    Row,
    Table,
    Time,
    TimeInstant,
    Value2,
    Value3,
    VOEvent,
    What,
    WhereWhen,
    Who,
    Why,
)

# All that XML 1.0 can hold; texts of elements come back without white space around them.
characters = st.characters(
    exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"
) | st.sampled_from("\t\n\r<>&\"'")
attributes = st.text(characters, max_size=8)
texts = attributes.map(lambda text: text.strip(" \t\r\n"))
uris = st.from_regex(r"\A[a-z]{2,6}://[a-z0-9.]{1,12}/[a-z0-9]{0,8}\Z")
ivorns = st.from_regex(r"\Aivo://[a-z][a-z0-9.]{2,12}/[a-z]{1,8}#[a-zA-Z0-9_-]{1,12}\Z")
times = st.datetimes().map(lambda time: time.isoformat())
numbers = st.floats(allow_nan=False, allow_infinity=False, width=32)
fractions = st.floats(0, 1, width=32)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


def few(strategy: st.SearchStrategy[Any], least: int = 0) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(strategy, min_size=least, max_size=2).map(tuple)


references = st.builds(
    Reference, uri=uris, type=maybe(attributes), mimetype=maybe(attributes), meaning=maybe(uris)
)
notes: dict[str, Any] = {"descriptions": few(texts), "references": few(references)}
data_types = maybe(st.sampled_from(DATA_TYPES))
# A Param, a Group or a Table without anything in it is not in the schema.
params = st.builds(
    Param,
    name=attributes,
    value=maybe(attributes),
    unit=maybe(attributes),
    ucd=maybe(attributes),
    data_type=data_types,
    utype=maybe(attributes),
    descriptions=few(texts, 1),
    references=few(references),
    text=st.lists(texts, max_size=1).map(tuple),
)
groups = st.builds(Group, name=maybe(attributes), type=maybe(attributes), params=few(params, 1), **notes)
columns = st.builds(
    Field,
    name=maybe(attributes),
    unit=maybe(attributes),
    ucd=maybe(attributes),
    data_type=data_types,
    utype=maybe(attributes),
    descriptions=few(texts, 1),
    references=few(references),
)
rows = st.builds(Row, cells=few(texts, 1))
tables = st.builds(
    Table,
    name=maybe(attributes),
    type=maybe(attributes),
    params=few(params),
    fields=few(columns),
    data=st.builds(Data, rows=few(rows, 1)),
    **notes,
)
systems = st.sampled_from(SCHEMA_SYSTEMS)
coordinates = st.builds(
    AstroCoords,
    coord_system_id=systems,
    time=maybe(
        st.builds(
            Time,
            unit=maybe(attributes),
            instant=st.builds(
                TimeInstant, iso_time=times, time_offset=maybe(numbers), time_scale=maybe(texts)
            ),
            error=maybe(numbers),
        )
    ),
    position2d=maybe(
        st.builds(
            Position2D,
            unit=maybe(attributes),
            name1=maybe(texts),
            name2=maybe(texts),
            value=st.builds(Value2, c1=numbers, c2=numbers),
            radius=numbers,
        )
    ),
    position3d=maybe(
        st.builds(
            Position3D,
            unit=maybe(attributes),
            name1=maybe(texts),
            name2=maybe(texts),
            name3=maybe(texts),
            value=st.builds(Value3, c1=numbers, c2=numbers, c3=numbers),
        )
    ),
)
places = st.builds(
    WhereWhen,
    location=st.builds(
        ObsDataLocation,
        observatory=st.builds(
            ObservatoryLocation,
            id=maybe(attributes),
            system=maybe(st.builds(AstroCoordSystem, id=systems)),
            coords=maybe(coordinates),
        ),
        observation=st.builds(
            ObservationLocation, system=st.builds(AstroCoordSystem, id=systems), coords=coordinates
        ),
    ),
    **notes,
)
inferences = st.builds(
    Inference,
    probability=maybe(fractions),
    relation=maybe(attributes),
    names=few(texts, 1),
    concepts=few(texts),
    **notes,
)
events = st.builds(
    VOEvent,
    ivorn=ivorns,
    role=maybe(st.sampled_from(ROLES)),
    who=maybe(
        st.builds(
            Who,
            author_ivorn=maybe(ivorns),
            date=maybe(times),
            description=maybe(texts),
            reference=maybe(references),
            author=maybe(
                st.builds(Author, title=few(texts, 1), contact_name=few(texts), contributor=few(texts))
            ),
        )
    ),
    what=maybe(st.builds(What, params=few(params, 1), groups=few(groups), tables=few(tables), **notes)),
    where_when=maybe(places),
    how=maybe(st.builds(How, descriptions=few(texts, 1), references=few(references))),
    why=maybe(
        st.builds(
            Why,
            importance=maybe(fractions),
            expires=maybe(times),
            names=few(texts, 1),
            concepts=few(texts),
            inferences=few(inferences),
            **notes,
        )
    ),
    citations=maybe(
        st.builds(
            Citations,
            events=few(st.builds(EventIVORN, ivorn=ivorns, cite=st.sampled_from(CITES)), 1),
            description=maybe(texts),
        )
    ),
    description=maybe(texts),
    reference=maybe(references),
)
"""Packets that VOEvent-v2.0.xsd allows."""
