"""The river carries every packet into exactly one account, through repeats, damage and kills."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from vobroker.alerts.schemas import default_schemas
from vobroker.archive import Archive, open_archive
from vobroker.filters import compile_filter, starter_filters
from vobroker.pipeline.demo import nights
from vobroker.pipeline.river import Counts, run
from vobroker.sources import files
from vobroker.sources.simulator import simulate, write


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with open_archive(tmp_path / "archive") as opened:
        yield opened


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A night of ZTF as a tar archive, packets without stamps to keep it small."""
    folder = tmp_path_factory.mktemp("night")
    write(simulate("ztf", seed=3, visits=8, alerts_per_visit=60, cutouts=False), folder, "tar.gz")
    (archive,) = folder.glob("*.tar.gz")
    return archive


def ingest(archive: Archive, *paths: Path, batch: int = 64, filters: bool = True) -> Counts:
    return run(
        files.read(paths, resume=archive.position, batch=batch),
        archive,
        schemas=default_schemas(),
        filters=starter_filters() if filters else (),
        voevents=None,
    )


def ledger_total(archive: Archive, column: str) -> int:
    return sum(archive.ledger()[column].to_pylist())


class TestAccounts:
    def test_all_real_packets_are_accounted_for(self, archive: Archive, shared: Path) -> None:
        counts = ingest(archive, shared / "alerts")
        # 120 alerts decode, 11 inputs do not; sample packets of several schemas share identifiers.
        assert counts.received == 131
        assert counts.balanced
        assert counts.archived + counts.duplicate + ledger_conflicts(archive) == 120
        assert ledger_total(archive, "received") == 131

    def test_the_ledger_says_what_the_run_says(self, archive: Archive, night: Path) -> None:
        counts = ingest(archive, night)
        assert counts.received == counts.archived == 480
        assert ledger_total(archive, "received") == ledger_total(archive, "archived") == 480

    def test_the_same_again_changes_nothing_but_the_duplicates(self, archive: Archive, night: Path) -> None:
        ingest(archive, night)
        before = content(archive)
        again = ingest(archive, night)
        assert (again.received, again.archived, again.duplicate) == (480, 0, 480)
        assert content(archive) == before

    def test_batches_may_be_cut_anywhere(self, tmp_path: Path, night: Path) -> None:
        contents = []
        for batch in (1000, 37):
            with open_archive(tmp_path / str(batch)) as archive:
                ingest(archive, night, batch=batch)
                contents.append(content(archive))
        assert contents[0] == contents[1]

    def test_a_damaged_packet_does_not_stop_the_others(self, archive: Archive, night: Path) -> None:
        damaged = night.with_name("damaged.avro")
        damaged.write_bytes(b"Obj\x01 and then nothing that makes sense")
        counts = ingest(archive, damaged, night)
        assert (counts.archived, counts.dead) == (480, 1)


class TestFilters:
    def test_each_filter_sees_every_new_alert_once(self, archive: Archive, night: Path) -> None:
        ingest(archive, night)
        ingest(archive, night)
        for row in archive.filter_ledger().to_pylist():
            assert row["seen"] == row["passed"] + row["rejected"] + row["failed"]
        seen = {}
        for row in archive.filter_ledger().to_pylist():
            seen[row["filter"]] = seen.get(row["filter"], 0) + row["seen"]
        assert seen == {chosen.name: 480 for chosen in starter_filters()}

    def test_a_filter_that_fails_is_named_and_leaves_the_others(self, archive: Archive, night: Path) -> None:
        bad = compile_filter("too-far", "SELECT alert_id FROM alert WHERE alert_id * alert_id > 0")
        good = compile_filter("all", "SELECT alert_id FROM alert WHERE mjd > 0")
        counts = run(
            files.read([night]), archive, schemas=default_schemas(), filters=[bad, good], voevents=None
        )
        assert counts.archived == 480
        assert counts.passed["all"] == 480
        assert "too-far" in counts.failed


class TestDemo:
    def test_both_surveys_flow_and_the_demo_goes_on_where_it_stopped(self, archive: Archive) -> None:
        stop = Event()

        def halt(counts: Counts) -> None:
            if counts.received >= 200:
                stop.set()

        first = run(
            nights(archive.position, stop, seconds=0),
            archive,
            schemas=default_schemas(),
            after_batch=halt,
            stop=stop,
        )
        surveys = {row["survey"] for row in archive.ledger().to_pylist()}
        assert surveys == {"lsst", "ztf"}
        stop.clear()
        second = run(
            nights(archive.position, stop, seconds=0),
            archive,
            schemas=default_schemas(),
            after_batch=halt,
            stop=stop,
        )
        assert first.duplicate == second.duplicate == 0


class TestKill:
    def test_killed_anywhere_and_restarted_it_ends_as_if_nothing_had_been(
        self, tmp_path: Path, night: Path
    ) -> None:
        moments = random.Random(1)
        command = [sys.executable, "-m", "vobroker", "ingest", str(night), "--batch", "16"]
        env = {**os.environ, "VOBROKER_ARCHIVE": str(tmp_path / "killed")}
        kills = 0
        while True:
            with subprocess.Popen(
                command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
            ) as process:
                if kills < 5:
                    wait_for_work(tmp_path / "killed" / "packets", process)
                    time.sleep(moments.uniform(0.0, 0.15))
                    process.send_signal(signal.SIGKILL)
                _, message = process.communicate()
            if process.returncode != -signal.SIGKILL:
                break
            kills += 1
        assert process.returncode == 0, message
        assert kills >= 3
        with open_archive(tmp_path / "killed") as killed, open_archive(tmp_path / "calm") as calm:
            ingest(calm, night, batch=16)
            assert content(killed) == content(calm)
            assert ledger_total(killed, "received") == 480 + ledger_total(killed, "duplicate")
            events = killed.events(limit=10_000)
            assert sorted(event["ivorn"] for event in events) == sorted(
                event["ivorn"] for event in calm.events(limit=10_000)
            )
            written = sorted(path.stem for path in (tmp_path / "killed" / "voevents").rglob("*.xml"))
            assert written == sorted(event["ivorn"].rpartition("#")[2] for event in events)


def wait_for_work(packets: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait until packets are written, so that kills fall into the work and not into the start."""

    def size() -> int:
        return sum(path.stat().st_size for path in packets.glob("*")) if packets.exists() else 0

    before = size()
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline and size() <= before:
        time.sleep(0.005)


def ledger_conflicts(archive: Archive) -> int:
    return sum(letter["reason"] == "conflict" for letter in archive.dead_letters(limit=1000))


def content(archive: Archive) -> dict[str, list[tuple[object, ...]]]:
    """Rows of the archive that depend on the packets alone, and the packets."""
    rows = {
        "alert": "SELECT * EXCLUDE (received) FROM alert ORDER BY ALL",
        "measurement": "SELECT * FROM measurement ORDER BY ALL",
        "ztf": "SELECT * FROM ztf ORDER BY ALL",
        "object": "SELECT survey, object_id, n_alerts, first_mjd, last_mjd FROM object ORDER BY ALL",
        "payload": "SELECT survey, alert_id, size, digest FROM payload ORDER BY ALL",
    }
    return {name: sorted(map(repr, archive.query(sql).to_pylist())) for name, sql in rows.items()}
