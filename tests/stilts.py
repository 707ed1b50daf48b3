"""STILTS as the tests use it: what votlint says of a VOTable, and what it reads from a file."""

from __future__ import annotations

import io
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from astropy.table import Table


@dataclass(frozen=True)
class Stilts:
    """The program."""

    path: str

    def run(self, *arguments: object) -> subprocess.CompletedProcess[bytes]:
        """Run a task."""
        command = [self.path, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, timeout=120, check=False)

    def lint(self, document: Path) -> list[str]:
        """Give what votlint finds wrong, each with its line."""
        done = self.run("votlint", f"votable={document}", "maxrepeat=100")
        said = (done.stdout + done.stderr).decode().splitlines()
        return [line for line in said if line.strip() and not line.startswith("INFO")]

    def read(self, file: Path, form: str) -> Table:
        """Read a table of any format; it comes back as a VOTable, which astropy reads."""
        done = self.run("tpipe", f"in={file}", f"ifmt={form}", "ofmt=votable-binary2-inline", "out=-")
        assert done.returncode == 0, done.stderr.decode()
        return Table.read(io.BytesIO(done.stdout), format="votable")


@pytest.fixture(scope="session")
def stilts() -> Stilts:
    path = shutil.which("stilts")
    if path is None:
        pytest.fail("these tests need STILTS; scripts/stilts.sh installs it")
    return Stilts(path)
