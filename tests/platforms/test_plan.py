"""Where a job should run: filters, the ladder of access, then time; the unknown never beats the known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from vobroker.platforms.descriptor import Platform
from vobroker.platforms.documents import parse
from vobroker.platforms.errors import DocumentError, PlatformError
from vobroker.platforms.jobs import Job, job_of, read_job, shipped_jobs
from vobroker.platforms.plan import plan
from vobroker.platforms.plot import described, draw
from vobroker.platforms.read import from_document, shipped, together
from vobroker.platforms.write import to_yaml
from vobroker.timeseries.plot import picture

JOB = """\
title: Look at stars
identity: self-registered
datasets:
  - id: stars
    amount: {value: 1, unit: TB}
compute: {cores: 2, memory: {value: 4, unit: GB}, core_time: {value: 8, unit: h}}
"""


def fact(value: object, unit: str = "") -> dict[str, object]:
    return {"value": value, "from": "doc"} | ({"unit": unit} if unit else {})


USER = {
    "identity": fact("self-registered"),
    "sessions": fact(1),
    "cores": fact(4),
    "memory": fact(16, "GB"),
    "home": fact(2, "TB"),
    "queue_time": fact(60, "s"),
}
STARS = {"closeness": fact("mounted"), "identity": fact("nobody"), "bandwidth": fact(100, "MB/s")}


def place(
    name: str, user: Mapping[str, Any] | None = None, stars: Mapping[str, Any] | None = None
) -> Platform:
    """A place where a user can compute, with stars when they are described."""
    datasets = [] if stars is None else [{"id": "stars", "title": "Stars", **STARS, **stars}]
    document = {
        "format": 1,
        **dict.fromkeys(("title", "summary", "provider", "site"), name.title()),
        "id": name,
        "web": f"https://{name}.org/",
        "evidence": {"doc": {"url": "https://example.org", "date": "2026-01-01", "basis": "doc"}},
        "registration_time": fact(0, "s"),
        "roles": {
            "guest": {"identity": fact("nobody"), "sessions": fact(0)},
            "user": USER | dict(user or {}),
        },
        "datasets": datasets,
    }
    return from_document(parse(to_yaml(document), name))


def job(text: str = JOB) -> Job:
    return job_of(parse(text, "job.yaml"))


def ranked(*platforms: Platform, text: str = JOB) -> list[tuple[str, str]]:
    return [(one.platform.id, one.state) for one in plan(job(text), together(platforms))]


def test_the_ladder_comes_before_the_time() -> None:
    slow = {"bandwidth": fact(1, "MB/s")}
    rungs = ("remote", "provider", "site", "database", "mounted")
    places = [
        place(rung, stars={"closeness": fact(rung)} | (slow if rung == "mounted" else {})) for rung in rungs
    ]
    assert ranked(*places) == [(rung, "ok") for rung in reversed(rungs)]


def test_filters_come_before_the_ladder() -> None:
    stars = {"closeness": fact("remote")}
    first, second, *others = ranked(
        place("no-cores", {"cores": fact(1)}, STARS),
        place("no-notebook", {"sessions": fact(0), "cores": None, "memory": None, "queue_time": None}, STARS),
        place("not-for-you", {"identity": fact("institutional")}, STARS),
        place("far", stars=stars),
        place("maybe", {"memory": None}, STARS),
    )
    assert (first, second) == (("far", "ok"), ("maybe", "unknown"))
    assert {state for _, state in others} == {"no"}


def test_what_is_not_known_never_beats_what_is() -> None:
    assert ranked(
        place("another", stars={"closeness": None}),
        place("provider", stars={"closeness": fact("provider")}),
        place("remote", stars={"closeness": fact("remote")}),
    ) == [("provider", "ok"), ("another", "ok"), ("remote", "ok")]
    assert ranked(
        place("assumed", stars={"bandwidth": None}), place("measured", stars={"bandwidth": fact(1, "kB/s")})
    ) == [("measured", "ok"), ("assumed", "ok")]


def test_the_arithmetic_is_shown_and_adds_up() -> None:
    (choice,) = plan(job(), together([place("here", stars={})]))
    assert [step.arithmetic for step in choice.steps] == [
        "1 TB / 100 MB/s = 2.78 h",
        "8 h of one core / 4 cores = 2 h",
        "60 s",
        "0 s",
    ]
    assert choice.seconds == 1e12 / 1e8 + 8 * 3600 / 4 + 60
    assert choice.exact
    assert choice.moved == 0
    assert choice.words == (
        "As user: the 1 TB of stars are on the same file system; as a guest you get no notebook;"
        " data moved: 0; estimated time 4.79 h."
    )


def test_data_that_are_elsewhere_would_be_copied_where_there_is_room() -> None:
    there = place("there", {"cores": fact(1)}, {"closeness": fact("mounted")})
    full = place("full", {"home": fact(1, "GB"), "scratch": fact(0, "GB")})
    choices = {one.platform.id: one for one in plan(job(), together([there, place("empty"), full]))}
    (move,) = choices["empty"].moves
    assert (move.dataset, move.bytes, move.source, move.target) == ("stars", 1e12, "there", "empty")
    assert choices["empty"].state == "ok"
    assert choices["empty"].moved == 1e12
    assert choices["full"].words == "Not there: room for stars: 1 TB wanted, only 1 GB there."
    assert "cores: 2 wanted, only 1 there" in choices["there"].words


def test_a_copy_that_is_smaller_than_what_is_wanted_is_none() -> None:
    (choice,) = plan(job(), together([place("few", stars={"size": fact(1, "MB")})]))
    assert (choice.state, choice.words) == ("no", "Not there: Few has only 1 MB of the 1 TB of stars.")


def test_a_job_that_only_asks_needs_a_database_and_no_session() -> None:
    text = """\
title: Match
identity: nobody
datasets: [{id: stars, amount: {value: 1, unit: TB}, query: true, result: {value: 10, unit: MB}, rows: 500}]
upload: {rows: 100}
"""
    base = place("asked", stars={"closeness": fact("database")})
    roles = {"guest": {**base.document["roles"]["guest"], "max_rows": fact(100), "upload_rows": fact(1000)}}
    small = from_document(parse(to_yaml({**base.document, "id": "small", "roles": roles}), "small"))
    roles["guest"]["max_rows"] = fact(1000)
    large = from_document(parse(to_yaml({**base.document, "id": "large", "roles": roles}), "large"))
    choices = plan(job(text), together([small, large, place("none")]))
    assert [(one.platform.id, one.role, one.state) for one in choices] == [
        ("large", "guest", "ok"),
        ("small", "guest", "no"),
        ("none", "guest", "no"),
    ]
    assert choices[0].moved == 10e6
    assert choices[1].words == "Not there: rows of a result: 500 wanted, only 100 there."
    assert choices[2].words == "Not there: stars is in no database there."


def test_a_rate_of_nothing_is_none() -> None:
    nothing = {"bandwidth": fact(0, "byte/s"), "delivery": fact("request"), "per_request": fact(0)}
    text = JOB.replace("unit: TB}", "unit: TB}\n    objects: 7")
    (choice,) = plan(job(text), together([place("here", stars=nothing)]))
    assert choice.steps[0].arithmetic.endswith("a rate assumed for data on the same file system")
    assert choice.steps[1].seconds == 3.5


def test_members_of_a_collaboration_are_let_in() -> None:
    member = {"identity": fact("collaboration"), "collaboration": fact("rubin")}
    assert ranked(place("closed", member, {})) == [("closed", "no")]
    assert ranked(place("closed", member, {}), text=f"{JOB}collaborations: [rubin]\n") == [("closed", "ok")]
    unknown = {"identity": fact("collaboration"), "collaboration": None}
    assert ranked(place("closed", unknown, {}), text=f"{JOB}collaborations: [rubin]\n") == [
        ("closed", "unknown")
    ]


def test_the_examples_are_ranked_for_the_places_that_ship() -> None:
    first = {
        name: next((one.platform.id, one.state) for one in plan(wanted, shipped()))
        for name, wanted in shipped_jobs().items()
    }
    assert first == {
        "crossmatch": ("gavo", "unknown"),
        "gaia-periods": ("esa-datalabs", "ok"),
        "rubin-filter": ("rubin-idf", "unknown"),
    }


def test_a_plot_says_what_it_shows() -> None:
    choices = plan(shipped_jobs()["rubin-filter"], shipped())
    image = picture(draw(choices), "svg", "A filter", described(choices))
    assert b"rubin-idf moves 200 MB and takes 30.1 min" in image
    assert b"Not possible: uk-idac" in image
    assert picture(draw([]), "png", "none", described([])).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("unit: TB", "unit: TBB", "line 5, datasets[0].amount.unit: VOUnits has no unit 'TBB'"),
        ("identity: self-registered", "identity: me", "line 2, identity: 'me' is none of"),
        ("  - id: stars", "  - id: 'no/such'", "line 4, datasets[0].id: 'no/such' does not fit"),
        ("compute:", "computer:", "line 6, computer: there is no such field; did you mean 'compute'?"),
        ("value: 1, ", "value: 1e400, ", "datasets[0].amount.value: this is '1e400', and has to be: number"),
        (
            "value: 1, ",
            "value: 1e99, ",
            "datasets[0].amount.value: this is 1e+99, and has to be at most 1e+21",
        ),
        (
            "value: 1, ",
            "value: .inf, ",
            "line 5, datasets[0].amount.value: this is '.inf', and has to be: number",
        ),
    ],
    ids=["unit", "identity", "name", "field", "overflow", "large", "infinity"],
)
def test_what_is_wrong_with_a_job_is_told(before: str, after: str, said: str) -> None:
    with pytest.raises(DocumentError, match=r"job\.yaml") as raised:
        job(JOB.replace(before, after))
    assert said in str(raised.value)


def test_a_job_is_read_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(JOB)
    assert read_job(tmp_path / "job.yaml") == job()
    with pytest.raises(PlatformError, match="cannot read"):
        read_job(tmp_path)
