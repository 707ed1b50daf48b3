"""An archive that was copied is the same archive: in every row and byte, and in what becomes of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.archive.conftest import Ingest, decoded, raw
from tests.archive.test_transaction import counts, rewrap

from vobroker import adql
from vobroker.alerts.origin import DeadLetter, Origin
from vobroker.alerts.schemas import default_schemas
from vobroker.archive import Archive, ArchiveError, open_archive, place
from vobroker.archive.balance import faults
from vobroker.archive.check import check
from vobroker.archive.copy import Step, copy
from vobroker.filters import compile_filter, starter_filters
from vobroker.pipeline.river import run
from vobroker.sources import files
from vobroker.sources.simulator import as_raw_batches, simulate

from .conftest import fresh_database
from .content import PLACES, content

NOVA = "ZTF21abiuvdk"
COPIER = Path(__file__).parents[1] / "copier.py"
EVERYTHING = "-- Everything\nSELECT alert_id FROM alert"

Ask = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def original(data: Path, shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """Real packets of all kinds, some of them twice, and a simulated night; with events and dead letters."""
    filters = [*starter_filters(), compile_filter("everything", EVERYTHING)]
    folder = tmp_path_factory.mktemp("original") / "archive"
    with open_archive(folder) as archive:
        for source in (
            files.read([shared / "alerts/ztf/ZTF21abiuvdk_series"], batch=12),
            files.read([data / "alerts", shared / "alerts/ztf"], batch=64),
            as_raw_batches(simulate("ztf", seed=4, visits=2, alerts_per_visit=40, fields=1), batch=50),
        ):
            run(source, archive, schemas=default_schemas(), filters=filters)
        with archive.transaction() as transaction:
            transaction.set_positions({("alerts-topic", 3): 2**40, ("alerts-topic", 4): 7})
        yield archive


@pytest.fixture(scope="module")
def copies(original: Archive, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Archive]]:
    """A copy on a server, its copy on another, the copy of that in a folder, and of this in another."""
    folder = tmp_path_factory.mktemp("copies")
    with fresh_database("q3c") as first, fresh_database() as second:
        opened: list[Archive] = []
        source, digests = original, set()
        for target in (first, second, folder / "one", folder / "two"):
            steps: list[Step] = []
            told = copy(source, place(target), watch=steps.append)
            assert steps[-1].done == steps[-1].rows == sum(told.rows.values())
            assert told.ledger == counts(original)
            assert told.replaced == 0
            digests.add(told.digest)
            source = open_archive(target)
            opened.append(source)
        assert len(digests) == 1
        yield opened
        for archive in opened:
            archive.close()


def test_every_table_has_the_same_rows(original: Archive, copies: list[Archive]) -> None:
    old = content(original, PLACES)
    assert {"ztf", "lsst"} <= old.keys()
    assert all(old[name] for name in ("alert", "dead_letter", "event", "filter_ledger", "source_position"))
    for archive in copies:
        assert archive.tables() == original.tables()
        new = content(archive, PLACES)
        for name, rows in old.items():
            assert list(map(repr, new[name])) == list(map(repr, rows)), name
        assert faults(archive) == check(archive).faults == []


def test_every_packet_is_there_byte_by_byte_and_in_order(original: Archive, copies: list[Archive]) -> None:
    old = [batch.packets for batch in original.read_batches()]
    latest = original.latest(1000)
    assert len(latest) > 120
    for archive in copies:
        assert [batch.packets for batch in archive.read_batches()] == old
        assert repr(archive.latest(1000)) == repr(latest)  # NaN is NaN
        assert repr(archive.latest(5, before=latest[20]["sequence"])) == repr(latest[21:26])


def test_what_is_asked_one_by_one_is_answered_alike(original: Archive, copies: list[Archive]) -> None:
    letters = [original.dead_letter(row["id"]) for row in original.dead_letters()]
    curve = original.light_curve(NOVA).points.sort_by(
        [("kind", "ascending"), ("measurement_id", "ascending")]
    )
    text = "SELECT COUNT(*) AS n, MIN(mag) AS m FROM alert AS a JOIN ztf AS z USING (survey, alert_id)"
    for archive in copies:
        assert archive.events(limit=10_000) == original.events(limit=10_000)
        assert [archive.dead_letter(row["id"]) for row in archive.dead_letters()] == letters
        assert archive.positions() == original.positions()
        again = archive.light_curve(NOVA).points.sort_by(
            [("kind", "ascending"), ("measurement_id", "ascending")]
        )
        assert repr(again.to_pylist()) == repr(curve.to_pylist())
        query = adql.translate(adql.check(adql.parse(text), archive.tables()), archive.platform)
        assert archive.query(query.sql, query.parameters).to_pylist()[0]["n"] > 100


def test_a_copy_goes_on_like_the_original(
    original: Archive, copies: list[Archive], ingest: Ingest, ztf: list[bytes], tmp_path: Path
) -> None:
    """What is there already is known again, what is new gets the next numbers; nothing is told apart."""
    before = counts(original)
    events = len(original.events(limit=10_000))
    new = as_raw_batches(simulate("ztf", seed=5, visits=1, alerts_per_visit=10, fields=1), batch=10)
    packets = [*next(iter(new)).data]
    for archive in copies:
        ingest(archive, [ztf[0], ztf[1][:500], rewrap(ztf[0], codec="deflate"), *packets], source="later")
        assert counts(archive) == {
            "received": before["received"] + 13,
            "archived": before["archived"] + 10,
            "duplicate": before["duplicate"] + 2,
            "dead": before["dead"] + 1,
        }
        run([], archive, schemas=default_schemas())
        assert [archive.packet("ztf", row["alert_id"]) for row in archive.latest(10)][::-1] == packets
        assert archive.latest(1)[0]["sequence"] == before["archived"] + 9
        assert archive.dead_letters(1)[0]["id"] == original.dead_letters(1)[0]["id"] + 1
        passing = compile_filter("late", EVERYTHING)
        more = as_raw_batches(simulate("ztf", seed=6, visits=1, alerts_per_visit=5, fields=1), batch=5)
        run(more, archive, schemas=default_schemas(), filters=[passing])
        assert [row["sequence"] for row in archive.events("late")] == list(range(events + 1, events + 6))
        assert check(archive).faults == []


# --- what cannot be copied --------------------------------------------------------------------------


def emptied(where: Any) -> Any:
    """A place with an archive in which nothing is."""
    open_archive(where).close()
    return where


@pytest.mark.parametrize("kind", ["folder", "postgresql"])
def test_an_empty_archive_takes_a_copy_and_one_with_rows_does_not(
    original: Archive, tmp_path: Path, database: str, kind: str
) -> None:
    target = emptied(tmp_path / "target" if kind == "folder" else database)
    copy(original, place(target))
    with open_archive(target, read_only=True) as archive:
        assert content(archive, PLACES).keys() == content(original, PLACES).keys()
        assert check(archive).faults == []
    told = r"(target|/archive_\w+) holds an archive already, with [\d,]+ rows in alert; choose another place$"
    with pytest.raises(ArchiveError, match=told):
        copy(original, place(target))
    with open_archive(target, read_only=True) as archive:
        assert check(archive).faults == []


def test_an_archive_is_not_copied_onto_itself(original: Archive) -> None:
    with pytest.raises(ArchiveError, match="is the archive that is to be copied"):
        copy(original, Path(original.place) / ".." / "archive")


def test_packets_without_an_archive_are_not_thrown_away(original: Archive, tmp_path: Path) -> None:
    (tmp_path / "packets").mkdir()
    (tmp_path / "packets/000001.seg").write_bytes(b"somebody's packets")
    with pytest.raises(ArchiveError, match=r"there are packets in .* but no archive\.duckdb"):
        copy(original, tmp_path)
    assert (tmp_path / "packets/000001.seg").read_bytes() == b"somebody's packets"


@pytest.mark.parametrize("kind", ["folder", "postgresql"])
def test_a_lost_segment_is_named_and_no_archive_is_made(
    tmp_path: Path, database: str, ingest: Ingest, ztf: list[bytes], kind: str
) -> None:
    target = tmp_path / "target" if kind == "folder" else database
    with open_archive(tmp_path / "source") as source:
        ingest(source, ztf[:3])
        (tmp_path / "source/packets/000001.seg").unlink()
        with pytest.raises(ArchiveError, match=r"cannot read packets from .*000001\.seg: No such file"):
            copy(source, place(target))
    with pytest.raises(ArchiveError, match=r"unfinished copy|there is no archive"):
        open_archive(target, read_only=True)


def test_a_copy_that_is_not_the_same_is_not_kept(original: Archive, database: str, server: Ask) -> None:
    emptied(database)
    server(
        "CREATE FUNCTION worse() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN NEW.mag := NEW.mag + 1e-6; RETURN NEW; END'"
    )
    server("CREATE TRIGGER worse BEFORE INSERT ON measurement FOR EACH ROW EXECUTE FUNCTION worse()")
    with pytest.raises(ArchiveError, match="the copy of measurement is not the same"):
        copy(original, place(database))
    assert server("SELECT count(*) FROM alert") == [(0,)]


def test_what_an_engine_cannot_hold_is_counted(tmp_path: Path, database: str) -> None:
    with open_archive(tmp_path / "source") as source:
        with source.transaction() as transaction:
            letters = [
                DeadLetter(Origin("a", 0, n), "odd", f"no{c}thing", b"\0") for n, c in enumerate("\0-")
            ]
            transaction.add_dead_letters(letters)
        assert copy(source, place(database)).replaced == 1
    with open_archive(database) as archive:
        assert [row["message"] for row in archive.dead_letters()] == ["no-thing", "no\ufffdthing"]
        assert archive.dead_letter(1)["data"] == b"\0"


# --- while others write, and when it is killed ------------------------------------------------------


def test_a_copy_is_of_one_moment(
    archive: Archive, tmp_path: Path, ingest: Ingest, ztf: list[bytes], rubin: list[bytes]
) -> None:
    ingest(archive, ztf[:10])

    def more(step: Step) -> None:
        if not archive.alert("ztf", decoded(raw(ztf[10:11])).batches[0].alert["alert_id"][0].as_py()):
            ingest(archive, [*ztf[10:12], *rubin], start=10)

    copy(archive, tmp_path / "copy", watch=more)
    assert len(archive.latest(100)) == 12 + len(rubin)
    with open_archive(tmp_path / "copy") as copied:
        assert len(copied.latest(100)) == 10
        assert counts(copied) == {"received": 10, "archived": 10, "duplicate": 0, "dead": 0}
        assert check(copied).faults == []


def killed(source: str, target: str, after: str) -> None:
    """Copy in another process, and kill it in the middle."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
    with subprocess.Popen([sys.executable, COPIER, source, target], **pipes) as process:
        while process.stdout.readline().strip() != after:
            process.stdin.write("\n")
        process.kill()
        assert process.wait() == -9


@pytest.mark.parametrize("kind", ["folder", "postgresql"])
def test_killed_anywhere_there_is_no_archive_until_it_is_copied_again(
    original: Archive, tmp_path: Path, database: str, kind: str
) -> None:
    source = tmp_path / "source"
    copy(original, source)
    target = str(tmp_path / "target") if kind == "folder" else database
    refused = "holds an unfinished copy of .*source; copy it again" if kind == "folder" else "there is no"
    for after in ("copying payload", "verifying measurement"):
        killed(str(source), target, after)
        for options in ({"read_only": True}, {"create": False}):
            with pytest.raises(ArchiveError, match=refused):
                open_archive(target, **options)
    with open_archive(source, read_only=True) as archive:
        copy(archive, place(target))
    with open_archive(target, read_only=True) as archive:
        assert repr(content(archive, PLACES)) == repr(content(original, PLACES))
        assert check(archive).faults == []


def test_who_opens_a_place_that_is_being_filled_waits_for_it(original: Archive, database: str) -> None:
    """A worker that starts meanwhile finds the whole archive, or none; it never makes one beside it."""
    pipes = {"stdout": subprocess.PIPE, "text": True}
    opener = (
        "import sys\nfrom vobroker.archive import open_archive\n"
        "print(len(open_archive(sys.argv[1]).latest(1000)))"
    )
    others: list[subprocess.Popen[str]] = []

    def start(step: Step) -> None:
        if not others:
            others.append(subprocess.Popen([sys.executable, "-c", opener, database], **pipes))
        with psycopg.connect(database) as looking:
            assert looking.execute("SELECT to_regclass('alert')").fetchone() == (None,)

    copy(original, place(database), watch=start)
    out, _ = others[0].communicate(timeout=60)
    assert int(out) == counts(original)["archived"]
