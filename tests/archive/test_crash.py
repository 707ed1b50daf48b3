from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest

from vobroker.archive import Archive, ArchiveError, open_archive
from vobroker.archive.balance import faults

RIVER = Path(__file__).with_name("river.py")
TIMES = {"received", "created"}


@pytest.fixture(scope="module")
def packets(shared: Path) -> Path:
    return shared / "alerts" / "ztf" / "ZTF21abiuvdk_series"


@pytest.fixture(scope="module")
def uninterrupted(packets: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, pa.Table]:
    """What is in an archive that was filled in one go."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    subprocess.run([sys.executable, RIVER, packets, folder, "0"], check=True, capture_output=True)
    with open_archive(folder, read_only=True) as archive:
        return content(archive)


def content(archive: Archive) -> dict[str, pa.Table]:
    """Everything but the times of arrival."""
    tables = {}
    for name, table in archive.tables().items():
        columns = ", ".join(f'"{column.name}"' for column in table if column.name not in TIMES)
        tables[name] = archive.query(f'SELECT {columns} FROM "{name}" ORDER BY ALL')
    return tables


def original(packets: Path, archive: Archive) -> bool:
    """Whether every packet comes back as it was, in the order of the files."""
    files = [path.read_bytes() for path in sorted(packets.rglob("*.avro"))]
    stored = [archive.packet("ztf", row["alert_id"]) for row in archive.latest(len(files))]
    return stored[::-1] == files


def killed(packets: Path, folder: Path, lines: int, seconds: float) -> bool:
    """Run the river, kill it some time after a line; tell whether it was still running then."""
    with subprocess.Popen(
        [sys.executable, RIVER, packets, folder, "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as river:
        assert river.stdout is not None
        for _ in range(lines):
            river.stdout.readline()
        time.sleep(seconds)
        river.kill()
        return river.wait() < 0


def test_killed_anywhere_nothing_is_lost_and_nothing_stands_twice(
    packets: Path, tmp_path: Path, uninterrupted: dict[str, pa.Table]
) -> None:
    dice = random.Random(20210701)
    kills = sum(
        killed(packets, tmp_path, dice.randint(1, 12), dice.choice([0, dice.uniform(0, 0.03)]))
        for _ in range(4)
    )
    assert kills >= 2
    subprocess.run([sys.executable, RIVER, packets, tmp_path, "0"], check=True, capture_output=True)
    with open_archive(tmp_path) as archive:
        assert content(archive) == uninterrupted
        assert original(packets, archive)
        assert faults(archive) == []


def test_a_full_disk_is_a_clear_error_and_the_rest_follows_when_there_is_room(
    packets: Path, tmp_path: Path, uninterrupted: dict[str, pa.Table]
) -> None:
    done = subprocess.run(
        [sys.executable, RIVER, packets, tmp_path, "500000"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("error: cannot write")
    assert str(tmp_path) in done.stderr
    assert "File too large" in done.stderr
    with open_archive(tmp_path) as archive:
        assert faults(archive) == []
        assert archive.position("packets") == archive.query("FROM alert").num_rows < 34
    subprocess.run([sys.executable, RIVER, packets, tmp_path, "0"], check=True, capture_output=True)
    with open_archive(tmp_path) as archive:
        assert content(archive) == uninterrupted
        assert original(packets, archive)


def test_an_archive_in_use_is_an_error_that_names_the_process(tmp_path: Path) -> None:
    holder = "import sys; from pathlib import Path; from vobroker.archive import open_archive\n"
    holder += "archive = open_archive(Path(sys.argv[1])); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", holder, tmp_path], stdout=subprocess.PIPE, stdin=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(ArchiveError, match=f"{tmp_path} is in use by process {process.pid}$"):
            open_archive(tmp_path)
        assert process.stdin is not None
        process.stdin.close()
    open_archive(tmp_path).close()
