"""What a service really does: measured through a slow network, and never for more than the bounds allow."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.tap.conftest import Served, serving

from vobroker.archive import open_archive
from vobroker.platforms.answers import AnswerError, count_rows, read_availability, read_capabilities
from vobroker.platforms.errors import PlatformError
from vobroker.platforms.history import file_of, history, keep
from vobroker.platforms.probe import AGENT, Bounds, Report, probe
from vobroker.roles import read_roles

from .network import Service, http, listening, slowed

QUICK = Bounds(pause=0, times=3, seconds=60)
SHORT = replace(QUICK, seconds=0.5)

UP = b'<a:availability xmlns:a="urn:x"><a:available>true</a:available></a:availability>'
CAPABLE = b"""<c:capabilities xmlns:c="http://www.ivoa.net/xml/VOSICapabilities/v1.0">
<capability standardID="ivo://ivoa.net/std/VOSI#tables">
  <interface><securityMethod standardID="ivo://x"/></interface>
</capability>
<capability standardID="ivo://ivoa.net/std/TAP">
  <interface/>
  <interface><securityMethod standardID="ivo://ivoa.net/sso#BasicAA"/></interface>
  <outputLimit><default unit="row">3</default><hard unit="row">7</hard></outputLimit>
</capability>
</c:capabilities>"""
HTML = b"<!DOCTYPE html><html><body>Sorry</body></html>"
TABLE = (
    b'<VOTABLE xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE type="results">'
    b'<INFO name="QUERY_STATUS" value="OK"/><TABLE><FIELD name="a" datatype="int"/><DATA><TABLEDATA>'
    + b"<TR><TD>1</TD></TR>" * 6
    + b"</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"
)


@pytest.fixture(scope="module")
def tap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("probed")
    known = read_roles()
    guest = replace(known.limits["guest"], rows=40)
    roles = replace(known, limits={**known.limits, "guest": guest})
    with open_archive(folder / "archive") as archive, serving(archive, folder, roles) as served:
        yield served


def test_a_slow_network_is_measured_and_limits_are_met(tap: Served) -> None:
    delay, rate = 0.05, 100_000
    near = probe(tap.address, QUICK)
    with slowed(tap.address, delay=delay, rate=rate) as address:
        far = probe(address, QUICK)
    assert near.problems == far.problems == []
    assert near.available
    assert far.available
    assert far.p50 > delay
    assert far.p95 >= far.p50
    assert far.rows == near.rows == 40
    assert 0 < far.bytes_per_second < rate
    assert far.rows_per_second == far.rows / far.seconds
    assert near.announced["outputLimit.default"] == 40
    assert near.met["default rows"] == "40 announced, 40 came, and that there are more is told"
    assert near.met["MAXREC=5 of 20 rows"] == "5 rows, and that there are more is told"
    assert near.identity == ["anonymous", "OAuth", "BasicAA"]
    assert near.requests == 8


def test_a_service_that_hangs_is_not_asked_on() -> None:
    service = Service({})
    with listening(service) as address:
        report = probe(address, SHORT)
    assert report.available is None
    assert report.problems == [
        "availability: no answer within 0.5 s",
        "capabilities: no answer within 0.5 s",
        "it was asked no more",
    ]
    assert [name for name, _ in service.asked] == ["availability", "capabilities"]
    assert service.asked[0][1]["user-agent"] == AGENT
    assert service.asked[0][1]["accept-encoding"] == "identity"


def test_a_port_where_nobody_listens_is_told() -> None:
    with listening(Service({})) as address:
        pass
    assert probe(address, QUICK).problems[0].startswith("availability: ConnectError")


BOMB = gzip.compress(b"\0" * 20_000_000)
ENTITIES = b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'


HARM = {
    "loop": (http(status="302 Found", Location="/availability"), "it redirects more than 4 times"),
    "file": (http(status="302 Found", Location="file:///etc/passwd"), "it leads to 'file'"),
    "bomb": (http(BOMB, Content_Encoding="gzip"), "the answer is larger than 4194304 bytes when it is"),
    "no-gzip": (http(b"no gzip", Content_Encoding="gzip"), "it says that its answer is compressed, and"),
    "coding": (http(b"x", Content_Encoding="br"), "it answers in a coding that was not asked for, 'br'"),
    "large": (http(b"x" * 5_000_000), "the answer is larger than 4194304 bytes"),
    "html": (http(HTML), "line 1 declares HTML; that is not allowed"),
    "tags": (http(b"<html><p>Sorry<br></html>"), "this is HTML"),
    "entities": (http(ENTITIES), "line 1 declares a document type; that is not allowed"),
    "deep": (http(b"<a>" * 200), "elements are nested more than 100 deep"),
    "cut": (http(UP[:-9]), "this is no XML: unclosed token, line 1"),
    "other": (http(TABLE), "this is no VOSI availability, but <VOTABLE>"),
    "identity": (http(status="401 No", WWW_Authenticate="Bearer"), "it asks who one is (401 Bearer)"),
    "error": (http(status="500 Oh"), "it answers 500"),
    "ssh": (b"SSH-2.0-OpenSSH\r\n\r\n", "RemoteProtocolError: illegal status line"),
}


@pytest.mark.parametrize(("answer", "said"), HARM.values(), ids=HARM)
def test_answers_that_mean_harm_are_told_and_do_none(answer: bytes, said: str) -> None:
    nothing = http(status="404 Nothing")
    with listening(Service({"availability": answer, "capabilities": nothing, "sync": nothing})) as address:
        report = probe(address, QUICK)
    assert report.available is None
    assert report.problems[0].startswith(f"availability: {said}")


def test_an_answer_that_never_ends_is_left_within_the_time() -> None:
    head = b"HTTP/1.1 200 OK\r\n\r\n<a>"
    with listening(Service({"availability": head, "capabilities": head}, drip=b" ")) as address:
        report = probe(address, SHORT)
    assert report.problems[0] == "availability: no answer within 0.5 s"


def test_html_for_a_votable_and_limits_that_do_not_hold_are_told() -> None:
    answers = {"availability": http(UP), "capabilities": http(CAPABLE), "sync": http(HTML)}
    with listening(Service(answers)) as address:
        report = probe(address, QUICK)
    assert (report.available, report.rows) == (True, None)
    assert report.announced == {"outputLimit.default": 3, "outputLimit.hard": 7}
    assert report.identity == ["anonymous", "BasicAA"]
    assert report.problems[0] == "query: line 1 declares HTML; that is not allowed"
    with listening(Service(answers | {"sync": http(TABLE)})) as address:
        report = probe(address, QUICK)
    assert report.rows == 6
    assert report.problems == [
        "MAXREC: 6 rows came where 5 were asked for",
        "rows: 6 came, more than the default limit of 3",
    ]


def test_rows_of_a_query_that_failed_or_are_binary_are_not_counted() -> None:
    failed = TABLE.replace(b'value="OK"/>', b'value="ERROR">no such table</INFO>')
    with pytest.raises(AnswerError, match="the query failed there: no such table"):
        count_rows(failed)
    with pytest.raises(AnswerError, match="in binary"):
        count_rows(TABLE.replace(b"TABLEDATA", b"BINARY2"))
    with pytest.raises(AnswerError, match="of no TAP service"):
        read_capabilities(CAPABLE.replace(b"std/TAP", b"std/SIA"))
    assert read_availability(UP.replace(b"true", b"false")) == (False, "")


@pytest.mark.parametrize("url", ["ftp://x", "x", "http://", "http://a:b@c/tap"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(PlatformError, match="is no address of a service"):
        probe(url, QUICK)


def test_reports_are_kept_over_time(tmp_path: Path) -> None:
    url = "http://x.org/tap"
    reports = [Report(url, f"2026-01-0{day}T00:00:00Z", p50=day / 10) for day in (1, 2)]
    assert history(tmp_path, url) == []
    for report in reports:
        keep(tmp_path / "new", report)
    assert history(tmp_path / "new", f"{url}/") == reports
    file = file_of(tmp_path / "new", url)
    with file.open("a") as opened:
        opened.write('{"url": "http')
    assert history(tmp_path / "new", url) == reports
    file.write_text("no report\n" + file.read_text())
    with pytest.raises(PlatformError, match="line 1: this is no report of a probe"):
        history(tmp_path / "new", url)
    assert file_of(tmp_path, "http://x.org/tap?a") != file_of(tmp_path, "http://x.org/tap/a")
