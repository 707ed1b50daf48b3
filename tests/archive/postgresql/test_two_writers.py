"""Two processes put the same packets into one archive at once: every packet is there once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.archive.test_transaction import counts

from vobroker.archive import open_archive
from vobroker.archive.balance import faults

WRITER = """
import sys
from pathlib import Path
from vobroker.alerts.schemas import default_schemas
from vobroker.archive import open_archive
from vobroker.filters import compile_filter
from vobroker.pipeline.river import run
from vobroker.sources import files

everything = compile_filter("everything", "-- Everything\\nSELECT alert_id FROM alert")
with open_archive(sys.argv[1]) as archive:
    print("open", flush=True)
    sys.stdin.readline()
    counts = run(files.read([Path(sys.argv[2])], batch=4), archive, schemas=default_schemas(),
                 filters=[everything])
print(counts.received, counts.archived, counts.duplicate, counts.dead)
"""


def test_every_packet_is_there_once(database: str, shared: Path) -> None:
    packets = shared / "alerts/ztf/ZTF21abiuvdk_series"
    command = [sys.executable, "-c", WRITER, database, str(packets)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as one, subprocess.Popen(command, **pipes) as other:
        for process in (one, other):
            assert process.stdout.readline() == "open\n"
        for process in (one, other):
            process.stdin.write("go\n")
            process.stdin.flush()
        told = [tuple(map(int, process.stdout.read().split())) for process in (one, other)]
    assert (one.returncode, other.returncode) == (0, 0)
    assert [line[0] for line in told] == [34, 34]
    assert sum(line[1] for line in told) == sum(line[2] for line in told) == 34
    with open_archive(database, read_only=True) as archive:
        assert counts(archive) == {"received": 68, "archived": 34, "duplicate": 34, "dead": 0}
        assert faults(archive) == []
        events = archive.events()
        assert [row["sequence"] for row in events] == list(range(1, 35))
        assert sum(row["cites"] is None for row in events) == 1
        originals = {path.read_bytes() for path in packets.glob("*.avro")}
        assert {archive.packet("ztf", row["alert_id"]) for row in archive.latest(100)} == originals
        assert [row["sequence"] for row in archive.latest(100)] == list(range(33, -1, -1))
