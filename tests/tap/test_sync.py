"""Queries that are waited for: limits, endings, errors, and rows that come as they are made."""

from __future__ import annotations

import json
import socket
import threading
import time
from urllib.parse import urlsplit

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.tap.conftest import told

MANY = ", ".join(f"alert AS a{number}" for number in range(9))
"""Seven alerts, nine times by each other: forty million rows."""

ENDLESS = (
    f"SELECT COUNT(*) AS n FROM {MANY}, alert AS x, alert AS y, alert AS z WHERE a1.ra + x.ra * y.ra > z.ra"
)


def test_a_query_comes_in_the_address_or_in_the_body(tap):
    query = {"LANG": "ADQL", "query": "SELECT COUNT(*) AS n FROM alert", "RESPONSEFORMAT": "csv"}
    for answer in (
        tap.get("/sync", params=query),
        tap.post("/sync", data=query),
        tap.post("/sync", files={}, data=query),
    ):
        assert answer.text.split() == ["n", "7"]
        assert answer.headers["content-type"].startswith("text/csv")


def test_both_engines_give_the_same_rows(tap):
    rows = tap.rows(
        "SELECT survey, alert_id, object_id, ra, dec, mag, band, mjd FROM alert ORDER BY alert_id"
    )
    assert len(rows) == 7
    assert rows[0]["alert_id"] == "-121540793515135000"
    assert tap.rows("SELECT COUNT(*) AS n FROM measurement WHERE flux IS NOT NULL")[0]["n"] == 117


@pytest.mark.parametrize("format", ["votable", "votable/td", "votable/b"])
def test_a_votable_says_that_there_are_more_rows(tap, format):
    cut = tap.query("SELECT alert_id FROM alert", MAXREC=3, RESPONSEFORMAT=format).text
    assert 'value="OVERFLOW"' in cut.partition("</TABLE>")[2]
    whole = tap.query("SELECT alert_id FROM alert", MAXREC=7, RESPONSEFORMAT=format).text
    assert "OVERFLOW" not in whole


def test_other_formats_say_it_too(tap):
    query = "SELECT alert_id FROM alert"
    assert tap.query(query, MAXREC=3, RESPONSEFORMAT="json").json()["overflow"] is True
    assert tap.query(query, MAXREC=7, RESPONSEFORMAT="json").json()["overflow"] is False
    parquet = pq.ParquetFile(pa.BufferReader(tap.query(query, MAXREC=3, RESPONSEFORMAT="parquet").content))
    assert b'value="OVERFLOW"' in parquet.metadata.metadata[b"IVOA.VOTable-Parquet.content"]
    assert tap.query(query, MAXREC=3, RESPONSEFORMAT="csv").headers["x-row-limit"] == "3"


def test_maxrec_0_gives_the_columns(tap):
    answer = tap.query("SELECT alert_id, ra FROM alert", MAXREC=0, RESPONSEFORMAT="votable/td").text
    assert answer.count("<FIELD") == 2
    assert "<TR>" not in answer
    assert 'value="OVERFLOW"' in answer


def test_the_rows_of_a_long_result_come_before_it_ends(tap):
    query = {"QUERY": f"SELECT a0.alert_id, a1.ra FROM {MANY}", "MAXREC": 5_000_000, "RESPONSEFORMAT": "csv"}
    began = time.monotonic()
    with httpx.stream("POST", f"{tap.address}/sync", data=query, timeout=30) as answer:
        first = next(answer.iter_raw())
        early = time.monotonic() - began
    assert first.startswith(b'"alert_id"') or first.startswith(b"alert_id")
    assert early < 5


def test_a_query_is_stopped_at_its_time_limit(tap, monkeypatch):
    limits = tap.service.roles.limits
    monkeypatch.setitem(
        limits, "guest", type(limits["guest"])(**{**_values(limits["guest"]), "sync_seconds": 1})
    )
    began = time.monotonic()
    assert "stopped after 1 s" in tap.error(ENDLESS)
    assert time.monotonic() - began < 10


def test_rows_until_the_time_limit_are_given_as_such(tap, monkeypatch):
    limits = tap.service.roles.limits
    slow = {**_values(limits["guest"]), "sync_seconds": 1, "max_rows": 10**12}
    monkeypatch.setitem(limits, "guest", type(limits["guest"])(**slow))
    query = f"SELECT a0.alert_id FROM {MANY}, alert AS more, alert AS still"
    answer = tap.query(query, MAXREC=10**12, RESPONSEFORMAT="votable")
    assert 'value="ERROR">the query was stopped after 1 s' in answer.text[-2000:]
    with pytest.raises(httpx.RemoteProtocolError):
        tap.query(query, MAXREC=10**12, RESPONSEFORMAT="csv")


def test_a_caller_who_leaves_stops_the_query(tap):
    """Also while it has not given a row: its turn is free again."""
    turns = tap.service.turns
    place = urlsplit(tap.address)
    body = f"QUERY={ENDLESS.replace('+', '%2B').replace(' ', '+')}"
    with socket.create_connection((place.hostname, place.port)) as caller:
        head = (
            "POST /tap/sync HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        caller.sendall((head + body).encode())
        deadline = time.monotonic() + 60
        while turns._value == 8 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert turns._value == 7
    deadline = time.monotonic() + 60
    while turns._value < 8 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert turns._value == 8


def test_a_caller_who_does_not_read_is_left_after_the_time_limit(tap, monkeypatch):
    limits = tap.service.roles.limits
    slow = {**_values(limits["guest"]), "sync_seconds": 1, "max_rows": 10**12}
    monkeypatch.setitem(limits, "guest", type(limits["guest"])(**slow))
    monkeypatch.setattr("vobroker.tap.answer.GRACE", 1.0)
    place = urlsplit(tap.address)
    query = f"SELECT+a0.alert_id+FROM+{MANY}".replace(" ", "+")
    with socket.create_connection((place.hostname, place.port)) as caller:
        head = f"GET /tap/sync?QUERY={query}&MAXREC=1000000000 HTTP/1.1\r\nHost: x\r\n\r\n"
        caller.sendall(head.encode())
        deadline = time.monotonic() + 60
        while tap.service.turns._value == 8 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert tap.service.turns._value == 7
        while tap.service.turns._value < 8 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert tap.service.turns._value == 8


def test_many_ask_at_the_same_time(tap):
    answers: list[list[dict[str, object]]] = []
    ask = [
        threading.Thread(target=lambda: answers.append(tap.rows("SELECT COUNT(*) AS n FROM alert")))
        for _ in range(24)
    ]
    for one in ask:
        one.start()
    for one in ask:
        one.join()
    assert answers == [[{"n": 7}]] * 24


# -- what cannot be answered ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"QUERY": "SELECT nope FROM alert"}, "There is no column nope"),
        ({"QUERY": "SELECT * FROM payload"}, "There is no table payload"),
        ({"QUERY": "SELECT * FROM dead_letter"}, "There is no table dead_letter"),
        ({"QUERY": "SELECT partition FROM ledger"}, "no column partition"),
        ({"QUERY": "SELECT * FROM"}, "line 1"),
        ({"QUERY": ""}, "QUERY is missing"),
        ({"QUERY": "SELECT 1 AS a FROM alert", "LANG": "SQL"}, "no query language 'SQL'"),
        ({"QUERY": "SELECT 1 AS a FROM alert", "MAXREC": "-1"}, "MAXREC is a whole number"),
        ({"QUERY": "SELECT 1 AS a FROM alert", "MAXREC": "many"}, "MAXREC is a whole number"),
        ({"QUERY": "SELECT 1 AS a FROM alert", "RESPONSEFORMAT": "xls"}, "no output format 'xls'"),
        ({"QUERY": "SELECT 1 AS a FROM alert", "REQUEST": "getCapabilities"}, "REQUEST is doQuery"),
        ({"QUERY": "SELECT 1 AS a FROM alert", "UPLOAD": "x"}, "UPLOAD is name,address"),
        ({"QUERY": "SELECT 1 AS a FROM alert", "UPLOAD": "x,param:y"}, "not in the request"),
        ({"QUERY": "SELECT 1 AS a FROM alert", "UPLOAD": "x;drop,param:y"}, "UPLOAD is name,address"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(tap, parameters, sentence):
    assert sentence in told(tap.post("/sync", data=parameters))


@pytest.mark.parametrize(
    "attempt",
    [
        "SELECT * FROM alert; DROP TABLE alert",
        "SELECT * FROM read_csv('/etc/passwd')",
        'SELECT * FROM "/etc/passwd"',
        "SELECT * FROM pg_catalog.pg_shadow",
        "SELECT * FROM duckdb_settings()",
        "COPY alert TO '/tmp/x'",
        "ATTACH '/tmp/x'",
        "SELECT pg_sleep(10) FROM alert",
        "SELECT survey FROM alert WHERE survey = '' OR 1=1 --",
        "SELECT current_setting('data_directory') FROM alert",
        "SELECT lent.* FROM tap_schema_columns AS lent",
        "INSERT INTO alert VALUES (1)",
    ],
)
def test_nothing_but_adql_reaches_the_database(tap, attempt):
    answer = tap.query(attempt, RESPONSEFORMAT="json")
    assert answer.status_code == 400 or answer.json()["rows"] is not None
    for leak in ("Traceback", "duckdb", "psycopg", "adbc", "root:", "/work", "site-packages"):
        assert leak.lower() not in answer.text.lower().replace(attempt.lower(), "")
    assert tap.rows("SELECT COUNT(*) AS n FROM alert") == [{"n": 7}]


def test_quotes_in_names_and_texts_stay_what_they_are(tap):
    assert tap.rows(
        "SELECT 'it''s; --' AS \"a\"\"b; --\" FROM alert WHERE alert_id = -121540793515135000"
    ) == [{'a"b; --': "it's; --"}]


def test_a_body_that_is_too_large_is_refused(tap):
    answer = tap.post("/sync", data={"QUERY": "x" * 2_000_000})
    assert answer.status_code in (400, 413)
    assert "QUERY_STATUS" in answer.text
    limit = tap.service.roles.limits["guest"].upload_bytes
    told(
        tap.post(
            "/sync",
            content=b"x" * (limit + 5_000_000),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        ),
        413,
    )


def test_a_page_that_is_not_there_is_an_error_document(tap):
    assert "/nothing" in told(tap.get("/nothing"), 404)


def test_a_token_that_nobody_has_is_refused(tap):
    query = {"QUERY": "SELECT COUNT(*) AS n FROM alert", "RESPONSEFORMAT": "json"}
    answer = tap.get("/sync", params=query, headers={"Authorization": "Bearer nobody"})
    assert "this token does not hold here" in told(answer, 401)
    assert "Bearer" in answer.headers["www-authenticate"]
    for way in ({"headers": {"Authorization": f"Bearer {tap.token}"}}, {"auth": ("ada", tap.token)}):
        assert tap.get("/sync", params=query, **way).json()["rows"] == [{"n": 7}]


def test_a_user_may_have_more_than_a_guest(tap):
    query = {"QUERY": "SELECT alert_id FROM alert", "RESPONSEFORMAT": "csv", "MAXREC": "10000000"}
    assert tap.get("/sync", params=query).headers["x-row-limit"] == "5000000"
    assert tap.get("/sync", params=query, auth=("ada", tap.token)).headers["x-row-limit"] == "10000000"


def _values(limits):
    return {name: getattr(limits, name) for name in limits.__slots__}


def test_the_limits_that_are_enforced_are_the_limits_that_are_shown(tap):
    shown = tap.get("/capabilities").text
    guest, user = tap.service.roles.limits["guest"], tap.service.roles.limits["user"]
    assert (
        f'<outputLimit><default unit="row">{guest.rows}</default><hard unit="row">{user.max_rows}</hard>'
        in shown
    )
    assert f'<uploadLimit><default unit="byte">{guest.upload_bytes}</default>' in shown
    assert json.dumps(guest.async_seconds) in shown
    for limits in (guest, user):
        assert f"{limits.kept_bytes} bytes of results and uploads kept" in shown
        assert f"{limits.result_bytes} bytes of the result of a job" in shown
