"""A process that ingests a folder of packets, three a transaction, and may be killed at any time.

It goes on where the archive says. Each line that it prints is a place where it can be killed.
"""

from __future__ import annotations

import resource
import signal
import sys
from pathlib import Path

from vobroker.alerts.decode import decode
from vobroker.alerts.origin import Origin
from vobroker.alerts.packets import RawBatch
from vobroker.alerts.schemas import default_schemas
from vobroker.archive import ArchiveError, open_archive

PACKETS = 3


def main(packets: Path, folder: Path, file_limit: int) -> None:
    """Ingest; a file limit above 0 stands for a full disk."""
    files = sorted(packets.rglob("*.avro"))
    schemas = default_schemas()
    with open_archive(folder) as archive:
        if file_limit:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))
        for start in range(archive.position("packets"), len(files), PACKETS):
            chosen = files[start : start + PACKETS]
            raw = RawBatch(
                [path.read_bytes() for path in chosen],
                [Origin("packets", 0, start + number) for number in range(len(chosen))],
                {("packets", 0): start + len(chosen)},
            )
            decoded = decode(raw, schemas)
            with archive.transaction() as transaction:
                for batch in decoded.batches:
                    print("add", flush=True)
                    transaction.add(batch)
                print("positions", flush=True)
                transaction.add_dead_letters(decoded.dead)
                transaction.set_positions(raw.progress)
                print("commit", flush=True)
            print("committed", flush=True)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
    except ArchiveError as error:
        sys.exit(f"error: {error}")
