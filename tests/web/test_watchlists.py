"""Watchlists over the web: a user's table becomes one, alerts are matched with it, nobody else changes it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import httpx
import pytest

from vobroker.alerts.schemas import default_schemas
from vobroker.archive import files_of, open_archive
from vobroker.enrich import Enrichment
from vobroker.enrich.store import FOLDER
from vobroker.pipeline.river import run
from vobroker.sources.simulator import as_raw_batches, simulate

from .conftest import SCRIPT, Served, serving

JSON = {"Accept": "application/json"}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Callable[[], None]]]:
    """A broker with a few alerts, and more that could come."""
    with open_archive(tmp_path_factory.mktemp("lists")) as archive:
        more = as_raw_batches(simulate("ztf", seed=4, visits=2, alerts_per_visit=20, history_nights=2))
        enrichment = Enrichment.open(files_of(archive.place) / FOLDER)

        def flow() -> None:
            run([next(more)], archive, schemas=default_schemas(), enrichment=enrichment)

        flow()
        with serving(archive) as served:
            yield served, flow


@pytest.fixture
def place(broker: tuple[Served, Callable[[], None]]) -> Served:
    return broker[0]


@pytest.fixture
def flow(broker: tuple[Served, Callable[[], None]]) -> Callable[[], None]:
    """Let the next alerts come, into a river that began before."""
    return broker[1]


def bring(
    client: httpx.Client, content: str | bytes, called: str = "mine.csv", **fields: str
) -> httpx.Response:
    return client.post("/watchlists", files={"file": (called, content)}, data=fields, headers=JSON)


def settled(client: httpx.Client, where: str) -> dict:
    """Wait until nothing is done with a table any more."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        told = client.get(where, headers=JSON).raise_for_status().json()
        if told["state"] not in ("looking", "making"):
            return told
        threading.Event().wait(0.1)
    raise TimeoutError(where)


def rows_of(place: Served) -> str:
    """The objects of the alerts as a table."""
    found = place.archive.query(
        "SELECT object_id, any_value(ra) AS ra, any_value(dec) AS dec FROM alert GROUP BY 1"
    )
    lines = [f"{row['object_id']},{row['ra']},{row['dec']}" for row in found.to_pylist()]
    return "\n".join(["who,ra,dec", *lines]) + "\n"


def test_a_table_becomes_a_watchlist_that_the_next_alerts_are_matched_with(
    place: Served, flow: Callable[[], None]
) -> None:
    with place.browser(place.token("ada")) as client:
        where = bring(client, rows_of(place)).headers["location"]
        told = settled(client, where)
        assert (told["state"], told["recognised"]) == ("ready", {"ra": "ra", "dec": "dec"})
        chosen = {"name": "mine", "ra": "ra", "dec": "dec", "id": "who", "radius": "1", "description": SCRIPT}
        assert client.post(where, data=chosen).headers["location"] == where
        assert settled(client, where)["state"] == "made"
        assert client.get(where).headers["location"] == "/watchlists/mine"
        page = client.get("/watchlists/mine")
        assert "Change it" in page.text
        assert SCRIPT not in page.text
        told = place.json("/watchlists/mine")
        assert (told["owner"], told["kind"], told["radius"], told["matched"]) == (
            "ada",
            "watchlist",
            1.0,
            False,
        )
        assert {"separation", "n_matches", "who"} <= {column["name"] for column in told["columns"]}
        flow()
        assert place.json("/watchlists/mine")["matched"] is True
        assert place.archive.query("SELECT count(*) AS n FROM watchlist_mine").to_pylist()[0]["n"] > 0
        assert not list((files_of(place.archive.place) / FOLDER).glob(".*"))


def test_only_owner_and_operator_change_one(place: Served) -> None:
    with place.browser(place.token("eve")) as eve, place.browser(place.token("root", "operator")) as root:
        where = bring(eve, "id,ra,dec\na,1,1\n").headers["location"]
        settled(eve, where)
        assert root.get(where).status_code == 404
        eve.post(where, data={"name": "hers", "ra": "ra", "dec": "dec", "id": "id", "radius": "2"})
        assert settled(eve, where)["state"] == "made"
        with place.browser(place.token("mallory")) as other:
            assert other.post("/watchlists/hers/remove").status_code == 403
            assert bring(other, "id,ra,dec\na,1,1\n", replaces="hers").status_code == 403
            assert "Change it" not in other.get("/watchlists/hers").text
        where = bring(root, "id,ra,dec\na,1,1\nb,2,x\n", replaces="hers").headers["location"]
        settled(root, where)
        root.post(where, data={"ra": "ra", "dec": "ra", "radius": "3"})
        assert settled(root, where)["state"] == "made"
        told = place.json("/watchlists/hers")
        assert (told["owner"], told["rows"], told["radius"]) == ("eve", 2, 3.0)
        assert eve.post("/watchlists/hers/remove").status_code == 303
        assert place.get("/watchlists/hers").status_code == 404


def test_what_cannot_be_is_said_where_it_was_chosen(place: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    with place.browser(place.token("cid")) as client:
        where = bring(client, "id,ra,dec\na,1,1\na,2,2\n", f"{SCRIPT}.csv").headers["location"]
        settled(client, where)
        assert SCRIPT not in client.get(where).text
        good = {"name": "cids", "ra": "ra", "dec": "dec", "id": "id", "radius": "2"}
        for fields, said in (
            (good | {"name": "../x"}, "cannot be called"),
            (good | {"name": "new"}, "cannot be called"),
            (good | {"radius": "nan"}, "arcsec"),
            (good | {"radius": "1e9"}, "arcsec"),
        ):
            answer = client.post(where, data=fields, headers=JSON)
            assert (answer.status_code, said in answer.json()["error"]) == (422, True), said
        client.post(where, data=good)
        assert "the identifier a is there 2 times" in settled(client, where)["error"]
        assert client.post(f"{where}/drop").status_code == 303
        assert client.get(where).status_code == 404
        assert place.get("/watchlists/cids").status_code == 404


def test_there_is_a_limit_to_everything(place: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    small = replace(place.roles.limits["user"], watchlists=1, watchlist_bytes=20_000, watchlist_rows=3)
    monkeypatch.setitem(place.roles.limits, "user", small)
    with place.browser(place.token("dan")) as client:
        assert bring(client, "x" * 40_000).status_code == 413
        big = {"Content-Type": "multipart/form-data; boundary=x"}
        assert client.post("/watchlists", content=iter([b"x" * 10_000] * 9), headers=big).status_code == 413
        assert bring(client, b"").status_code == 422
        where = bring(client, "ra,dec\n" + "1,1\n" * 4).headers["location"]
        settled(client, where)
        client.post(where, data={"name": "dans", "ra": "ra", "dec": "dec", "radius": "2"})
        assert "more than 3 rows" in settled(client, where)["error"]
        assert [bring(client, "ra,dec\n1,1\n").status_code for _ in range(3)] == [303, 303, 422]


def test_guests_look_and_bring_nothing(place: Served) -> None:
    assert place.get("/watchlists").status_code == 200
    with place.browser() as guest:
        assert bring(guest, "ra,dec\n1,1\n").status_code == 401
        answer = guest.post(
            "/watchlists", files={"file": ("a", b"x")}, headers={"Origin": "https://evil.example"}
        )
        assert answer.status_code == 403
