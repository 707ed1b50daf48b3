"""The outbox holds every event once, whatever happens to the process that fills it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vobroker.archive import Archive, ArchiveError, open_archive
from vobroker.publish.folder import POSITION, PublishError, publish_folder
from vobroker.publish.render import render
from vobroker.voevent import read


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*.xml")}


def names(archive: Archive) -> set[str]:
    rows = archive.query(
        "SELECT stream, night, survey, alert_id FROM event JOIN alert USING (survey, alert_id)"
    )
    return {
        f"{row['stream']}/{row['night']}/{row['survey']}-{row['alert_id']}.xml" for row in rows.to_pylist()
    }


def test_every_event_has_its_file(archive: Archive, tmp_path: Path) -> None:
    assert publish_folder(archive, tmp_path) == len(names(archive)) == len(contents(tmp_path))
    assert contents(tmp_path).keys() == names(archive)


def test_a_second_run_writes_nothing(archive: Archive, tmp_path: Path) -> None:
    publish_folder(archive, tmp_path)
    written = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.xml")}
    assert publish_folder(archive, tmp_path) == 0
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.xml")} == written


def test_an_event_renders_to_the_same_bytes_later(archive: Archive, tmp_path: Path) -> None:
    publish_folder(archive, tmp_path)
    files = contents(tmp_path)
    for event in archive.events(limit=50):
        (name,) = (n for n in files if n.startswith(event["stream"]) and f"-{event['alert_id']}.xml" in n)
        assert render(archive, event["ivorn"]) == files[name]


def test_one_stream_can_be_followed_alone(archive: Archive, tmp_path: Path) -> None:
    publish_folder(archive, tmp_path, stream="fast-moving")
    assert {name.partition("/")[0] for name in contents(tmp_path)} == {"fast-moving"}
    assert publish_folder(archive, tmp_path, stream="fast-moving") == 0
    assert publish_folder(archive, tmp_path) == len(contents(tmp_path)) == len(names(archive))


def test_notices_stand_beside_the_packets(archive: Archive, tmp_path: Path) -> None:
    publish_folder(archive, tmp_path, stream="fast-moving")
    written = publish_folder(archive, tmp_path, stream="fast-moving", notices=True)
    assert written == len(contents(tmp_path))
    assert publish_folder(archive, tmp_path, stream="fast-moving", notices=True) == 0
    for file in tmp_path.rglob("*.json"):
        packet = read(file.with_suffix(".xml").read_bytes())
        assert json.loads(file.read_bytes())["id"][0] == packet.ivorn


def test_a_folder_of_another_archive_starts_again(archive: Archive, tmp_path: Path) -> None:
    (tmp_path / POSITION).write_text("7 ivo://org.example.other/stream#lsst-1\n")
    assert publish_folder(archive, tmp_path) == len(names(archive))


def test_a_damaged_position_costs_only_time(archive: Archive, tmp_path: Path) -> None:
    (tmp_path / POSITION).write_bytes(b"\xff\xfe\0")
    assert publish_folder(archive, tmp_path) == len(names(archive))


def test_an_archive_without_events_gives_none(tmp_path: Path) -> None:
    with open_archive(tmp_path / "archive") as empty:
        assert publish_folder(empty, tmp_path / "out") == 0
        with pytest.raises(ArchiveError, match="there is no event ivo://nothing"):
            render(empty, "ivo://nothing")


def test_a_full_disk_is_told_and_the_next_run_goes_on(archive: Archive, tmp_path: Path) -> None:
    name = sorted(names(archive))[-1]
    blocked = (tmp_path / name).with_name(f".{Path(name).name}.part")
    blocked.parent.mkdir(parents=True)
    blocked.symlink_to("/dev/full")
    with pytest.raises(PublishError, match=r"No space left on device; \d+ events written, the others follow"):
        publish_folder(archive, tmp_path)
    assert name not in contents(tmp_path)
    blocked.unlink()
    publish_folder(archive, tmp_path)
    assert contents(tmp_path).keys() == names(archive)


def test_a_folder_that_is_a_file_is_told(archive: Archive, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(PublishError, match=f"cannot write {tmp_path}/out"):
        publish_folder(archive, tmp_path / "out")


@pytest.mark.parametrize("after", [1, 40, 200])
def test_a_killed_process_leaves_whole_files_and_the_next_one_goes_on(
    folder: Path, tmp_path: Path, after: int
) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from vobroker.archive import open_archive; from vobroker.publish.folder import publish_folder\n"
        "with open_archive(Path(sys.argv[1]), read_only=True) as archive:\n"
        "    publish_folder(archive, Path(sys.argv[2]))\n"
    )
    out = tmp_path / "out"
    child = subprocess.Popen([sys.executable, "-c", script, folder, out])
    while sum(1 for _ in out.rglob("*.xml")) < after and child.poll() is None:
        time.sleep(0.001)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    left = contents(out)
    with open_archive(folder, read_only=True) as archive:
        publish_folder(archive, out)
        publish_folder(archive, tmp_path / "whole")
    assert contents(out) == contents(tmp_path / "whole")
    assert left.items() <= contents(out).items()
