"""Packets from files, folders and archives: all of them, in order, and once."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from vobroker.alerts.packets import MAX_PACKET_BYTES, RawBatch
from vobroker.sources.files import count, read


def packets(batches: Iterable[RawBatch]) -> list[tuple[str, bytes]]:
    return [
        (str(origin), data)
        for batch in batches
        for origin, data in zip(batch.origins, batch.data, strict=True)
    ]


def reasons(batches: Iterable[RawBatch]) -> list[tuple[str, str]]:
    return [(letter.reason, letter.message) for batch in batches for letter in batch.dead]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    top = tmp_path / "night"
    for name in ("b.avro", "a.avro", "sub/c.avro", "sub/deep/d"):
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    for name in ("truth.csv", "truth.parquet", "schema.avsc", "README.md", "notes.txt", ".hidden"):
        (top / name).write_bytes(b"no packet")
    return top


def tar(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as archive:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return path


class TestFolders:
    def test_everything_below_in_order(self, folder: Path) -> None:
        found = packets(read([folder]))
        assert [origin.removeprefix(str(folder)) for origin, _ in found] == [
            "/a.avro",
            "/b.avro",
            "/sub/c.avro",
            "/sub/deep/d",
        ]
        assert [data for _, data in found] == [b"a.avro", b"b.avro", b"sub/c.avro", b"sub/deep/d"]
        assert count([folder]) == 4

    def test_the_ledger_counts_by_the_folder(self, folder: Path) -> None:
        (batch,) = read([folder])
        assert {origin.source for origin in batch.origins} == {str(folder)}
        assert [origin.position for origin in batch.origins] == [0, 1, 2, 3]

    def test_a_file_named_by_itself_is_tried_whatever_its_name(self, folder: Path) -> None:
        assert len(packets(read([folder / "README.md"]))) == 1

    def test_batches_are_of_the_size_asked_for(self, folder: Path) -> None:
        assert [len(batch.data) for batch in read([folder], batch=3)] == [3, 1]

    def test_an_empty_file_is_an_input_like_any_other(self, tmp_path: Path) -> None:
        (tmp_path / "empty.avro").touch()
        assert [data for _, data in packets(read([tmp_path / "empty.avro"]))] == [b""]

    def test_what_cannot_be_read_is_a_dead_letter_and_the_rest_goes_on(self) -> None:
        """Root reads everything, so another user tries, in a folder that everybody can enter."""
        place = tempfile.TemporaryDirectory()
        Path(place.name).chmod(0o755)
        night = Path(place.name, "night")
        (night / "locked").mkdir(parents=True)
        (night / "good.avro").write_bytes(b"good")
        (night / "secret.avro").write_bytes(b"secret")
        (night / "locked" / "x.avro").write_bytes(b"x")
        (night / "secret.avro").chmod(0)
        (night / "locked").chmod(0)
        script = (
            "import os, sys\n"
            "from pathlib import Path\n"
            "from vobroker.sources.files import read\n"
            "if os.getuid() == 0: os.setgid(65534); os.setuid(65534)\n"
            "for batch in read([Path(sys.argv[1])]):\n"
            "    print(len(batch.data), *(letter.reason for letter in batch.dead))\n"
            "    print(*(letter.message for letter in batch.dead), sep='\\n')\n"
        )
        try:
            done = subprocess.run(
                [sys.executable, "-c", script, str(night)], capture_output=True, text=True, check=False
            )
        finally:
            (night / "locked").chmod(0o755)
            place.cleanup()
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        assert lines[0] == "1 unreadable unreadable"
        assert f"{night}/secret.avro: the file cannot be read: Permission denied" in lines
        assert any(
            "locked" in line and "the folder cannot be read: Permission denied" in line for line in lines
        )

    def test_names_that_are_not_utf8_are_shown_with_escapes(self, tmp_path: Path) -> None:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.avro")).write_bytes(b"good")
        assert packets(read([tmp_path])) == [(f"{tmp_path}/caf\\xe9.avro", b"good")]

    def test_a_pipe_in_a_folder_is_not_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "a.avro")
        (tmp_path / "b.avro").write_bytes(b"good")
        batches = list(read([tmp_path]))
        assert packets(batches) == [(f"{tmp_path}/b.avro", b"good")]
        assert reasons(batches) == [("unreadable", f"{tmp_path}/a.avro: it is a pipe")]

    def test_a_file_over_the_limit(self, tmp_path: Path) -> None:
        with (tmp_path / "huge.avro").open("wb") as file:
            file.truncate(MAX_PACKET_BYTES + 1)
        ((reason, message),) = reasons(read([tmp_path / "huge.avro"]))
        assert reason == "too-large"
        assert str(MAX_PACKET_BYTES + 1) in message


MEMBERS = {f"{number}.avro": f"packet {number}".encode() for number in range(10)}


class TestArchives:
    @pytest.mark.parametrize("name", ["night.tar", "night.tar.gz"])
    def test_members_are_read_as_they_stream(self, tmp_path: Path, name: str) -> None:
        path = tar(tmp_path / name, {"README.txt": b"", **MEMBERS})
        batches = list(read([path], batch=4))
        assert packets(batches) == [(f"{path}!{name}", data) for name, data in MEMBERS.items()]
        assert count([path]) is None

    def test_it_goes_on_where_the_last_commit_was(self, tmp_path: Path) -> None:
        path = tar(tmp_path / "night.tar.gz", MEMBERS)
        batches = read([path], batch=4)
        next(batches)
        committed = next(batches).progress[str(path), 0]
        rest = packets(read([path], resume=lambda source: committed if source == str(path) else 0))
        assert [data for _, data in rest] == list(MEMBERS.values())[committed:]

    def test_a_finished_one_begins_anew(self, tmp_path: Path) -> None:
        path = tar(tmp_path / "night.tar", MEMBERS)
        *_, last = read([path], batch=4)
        assert last.progress[str(path), 0] == 0

    def test_an_empty_member_is_an_input_like_any_other(self, tmp_path: Path) -> None:
        path = tar(tmp_path / "night.tar", {"empty.avro": b"", "good.avro": b"good"})
        assert [data for _, data in packets(read([path]))] == [b"", b"good"]

    @pytest.mark.parametrize("keep", [0.2, 0.6, 0.95])
    def test_a_truncated_one_gives_what_it_has(self, tmp_path: Path, keep: float) -> None:
        members = {name: os.urandom(3000) for name in MEMBERS}
        path = tar(tmp_path / "night.tar.gz", members)
        whole = path.read_bytes()
        path.write_bytes(whole[: int(keep * len(whole))])
        batches = list(read([path]))
        found = [data for _, data in packets(batches)]
        assert found == list(members.values())[: len(found)]
        ((reason, message),) = reasons(batches)
        assert reason in {"truncated", "unreadable"}
        assert f"after {len(found)} packets" in message

    def test_what_is_no_archive(self, tmp_path: Path) -> None:
        path = tmp_path / "night.tar.gz"
        path.write_bytes(b"nothing of the kind")
        ((reason, message),) = reasons(read([path]))
        assert reason in {"truncated", "unreadable"}
        assert str(path) in message

    def test_a_member_over_the_limit(self, tmp_path: Path) -> None:
        path = tmp_path / "night.tar.gz"
        members = {"huge.avro": bytes(MAX_PACKET_BYTES + 1), "good.avro": b"good"}
        batches = list(read([tar(path, members)]))
        assert packets(batches) == [(f"{path}!good.avro", b"good")]
        ((reason, message),) = reasons(batches)
        assert (reason, message.split(":")[0]) == ("too-large", f"{path}!huge.avro")

    def test_a_member_that_claims_more_than_can_be(self, tmp_path: Path) -> None:
        """The reader would look for its end for ages."""
        path = tar(tmp_path / "night.tar", MEMBERS)
        entry = tarfile.TarInfo("x.avro")
        entry.size = 2**60
        start = 3 * 1024  # a header and a block each
        path.write_bytes(path.read_bytes()[:start] + entry.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
        batches = list(read([path]))
        assert [data for _, data in packets(batches)] == list(MEMBERS.values())[:3]
        ((reason, message),) = reasons(batches)
        assert reason == "truncated"
        assert f"x.avro claims to be of {2**60} bytes" in message

    def test_headers_that_the_tar_reader_stumbles_over(self, tmp_path: Path) -> None:
        """A sparse member of format 1.0 begins with its map; this one has none."""
        path = tmp_path / "night.tar"
        with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
            for name, sparse in (
                ("a.avro", {}),
                ("b.avro", {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}),
            ):
                entry = tarfile.TarInfo(name)
                entry.size = 4
                entry.pax_headers = sparse
                archive.addfile(entry, io.BytesIO(b"good"))
        batches = list(read([path]))
        assert [data for _, data in packets(batches)] == [b"good"]
        assert len(reasons(batches)) == 1

    def test_archives_inside_a_folder(self, folder: Path) -> None:
        path = tar(folder / "sub" / "more.tar", {"x.avro": b"x"})
        assert (f"{path}!x.avro", b"x") in packets(read([folder]))
