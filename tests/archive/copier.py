"""A process that copies an archive step by step; it says where it is, and goes on when it is given a line."""

from __future__ import annotations

import sys

from vobroker.archive import open_archive, place
from vobroker.archive.copy import Step, copy


def pause(step: Step) -> None:
    """Wait to be killed, or for a line."""
    print(step.doing, step.table, flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    with open_archive(sys.argv[1], read_only=True) as archive:
        copy(archive, place(sys.argv[2]), watch=pause)
