"""What is released is complete, clean and the same each time, and works where there is no checkout."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def build(source: Path, to: Path, *which: str) -> None:
    """Build what is named from a folder, with the packages that are installed."""
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", *which, "--outdir", to, source],
        env=os.environ | {"SOURCE_DATE_EPOCH": "1700000000"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the sdist, unpacked: a source without git."""
    folder = tmp_path_factory.mktemp("sdist")
    build(ROOT, folder, "--sdist")
    with tarfile.open(next(folder.glob("*.tar.gz"))) as sdist:
        sdist.extractall(folder, filter="data")
    return next(path for path in folder.iterdir() if path.is_dir())


@pytest.fixture(scope="module")
def wheel(unpacked: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the wheel that is built from the sdist."""
    folder = tmp_path_factory.mktemp("wheel")
    build(unpacked, folder, "--wheel")
    return next(folder.glob("*.whl"))


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_same_source_gives_the_same_wheel(unpacked: Path, wheel: Path, tmp_path: Path) -> None:
    build(unpacked, tmp_path, "--wheel")
    assert digest(tmp_path / wheel.name) == digest(wheel)


def test_a_source_without_git_has_the_version_it_was_made_with(unpacked: Path, wheel: Path) -> None:
    assert wheel.name.split("-")[1] == unpacked.name.removeprefix("vobroker-")


def test_the_wheel_has_all_of_the_package_and_no_more(unpacked: Path, wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if not name.endswith("/")}
    package = {
        str(path.relative_to(unpacked / "src")) for path in (unpacked / "src").rglob("*") if path.is_file()
    }
    assert package <= names
    rest = names - package
    assert all(name.startswith(("vobroker/notebook/shipped/", "vobroker-")) for name in rest)
    for part in ("licenses/LICENSE", "share/man/man1/vobroker.1", "METADATA", "entry_points.txt"):
        assert any(name.endswith(part) for name in rest), part
    for part in ("py.typed", "roles.toml", "adql/adql.peg"):
        assert f"vobroker/{part}" in package
    assert not any(name.endswith((".pyc", ".orig", "~")) for name in names)


def test_the_wheel_runs_where_there_is_no_checkout(wheel: Path, tmp_path: Path) -> None:
    place = tmp_path / "place"
    zipfile.ZipFile(wheel).extractall(place)

    def run(*words: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "vobroker", *words],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(place)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    version = wheel.name.split("-")[1]
    assert run("--version").strip() == f"vobroker {version}"
    assert "canfar" in run("platform", "list")


def test_bash_completes_commands_and_options() -> None:
    script = """
eval "$(vobroker completion bash)"
try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _vobroker_completion vobroker; echo "${COMPREPLY[@]}"; }
try vobroker plat
try vobroker query --arch
"""
    env = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["platform", "--archive"], done.stderr


def test_the_manual_page_is_that_of_the_commands() -> None:
    from scripts.man import PAGE, page

    assert PAGE.read_text(encoding="utf-8") == page(), "run `make man`"
