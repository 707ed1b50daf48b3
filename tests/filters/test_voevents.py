"""Conditions in ADQL on events that are on their way to subscribers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

import pytest

from vobroker.filters.voevents import ADQLJudge
from vobroker.voevent.vtp.filters import FilterError


def event(number: int, role: str = "observation", mag: float = 17.0) -> bytes:
    return (
        '<v:VOEvent xmlns:v="http://www.ivoa.net/xml/VOEvent/v2.0" version="2.0"'
        f' ivorn="ivo://org.example/stream#{number}" role="{role}">'
        "<Who><AuthorIVORN>ivo://org.example/author</AuthorIVORN><Date>2026-01-01T00:00:00</Date></Who>"
        f'<What><Param name="mag" value="{mag}" unit="mag"/></What></v:VOEvent>'
    ).encode()


EVENTS = [event(0), event(1, "test"), event(2, mag=19.5), b"<nothing/>"]


@pytest.fixture(scope="module")
def judge() -> Iterator[ADQLJudge]:
    made = ADQLJudge()
    yield made
    asyncio.run(made.close())


def judged(judge: ADQLJudge, text: str, events: Sequence[bytes] = EVENTS, seconds: float = 60) -> list[bool]:
    return list(asyncio.run(judge.judge(text, events, seconds)))


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("role = 'test'", [False, True, False, False]),
        ("ivorn LIKE '%#2' OR role = 'test'", [False, True, True, False]),
        ("SELECT ivorn FROM voevent_param WHERE name = 'mag' AND number > 18", [False, False, True, False]),
        (
            "role <> 'test' AND ivorn IN (SELECT ivorn FROM voevent_param WHERE number < 18)",
            [True, False, False, False],
        ),
        ("1 = CONTAINS(POINT(ra, dec), CIRCLE(10, 20, 1))", [False] * 4),
    ],
)
def test_events_pass_whose_rows_fulfil_the_condition(judge: ADQLJudge, text: str, passes: list[bool]) -> None:
    assert judged(judge, text) == passes
    assert judged(judge, text, EVENTS[::-1]) == passes[::-1]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("role = ", "cannot be used"),
        ("rolle = 'test'", "rolle"),
        ("number = 1", "number"),
        ("packet IS NULL", "packet"),
        ("1 = 1 UNION SELECT ivorn FROM voevent", "set operator"),
        ("SELECT role FROM voevent", "selects ivorn"),
        ("SELECT TOP 1 ivorn FROM voevent", "TOP"),
        ("ivorn IN (SELECT MAX(ivorn) FROM voevent)", "aggregate"),
        ("RAND() > 0.5", "RAND"),
        ("1=1; DROP TABLE voevent", "cannot be used"),
        ("SELECT ivorn FROM read_csv('/etc/passwd')", "cannot be used"),
    ],
)
def test_what_judges_no_single_event_is_refused_by_name(judge: ADQLJudge, text: str, reason: str) -> None:
    with pytest.raises(FilterError, match=reason):
        judged(judge, text)


def test_a_condition_that_takes_too_long_is_ended_and_the_next_is_judged(judge: ADQLJudge) -> None:
    many = [event(number) for number in range(200)]
    joins = ", ".join(f"voevent AS t{n}" for n in range(9))
    with pytest.raises(FilterError, match="takes longer than"):
        judged(judge, f"SELECT t0.ivorn FROM {joins} WHERE t1.ra < t2.ra OR t3.role = 'test'", many, 0.2)
    assert judged(judge, "role = 'test'") == [False, True, False, False]
