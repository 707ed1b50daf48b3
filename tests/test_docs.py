"""Every command in the README and the docs runs as it is written.

A ```console block holds commands behind ``$``. The blocks of one page run in order in one empty folder;
other lines are output, shown to the reader and not compared. The ```python blocks of a page that says
``<!-- python runs -->`` run too, as one program, after the commands. Where a page speaks to Kafka at
127.0.0.1:19092, the broker that ``make kafka`` starts is there; topics named ``test-...`` are deleted.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

ROOT = Path(__file__).resolve().parents[1]
WARM = ROOT / "tests" / "warm"
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
KAFKA = "127.0.0.1:19092"
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands(page: Path) -> list[str]:
    """Commands of a page, with the lines that a backslash, a quote or a here-document takes along."""
    found = []
    lines = iter("\n".join(BLOCK.findall(page.read_text())).replace("\\\n", " ").splitlines())
    for line in lines:
        if line.startswith("$ "):
            command = line[2:]
            while goes_on(command):
                command += f"\n{next(lines)}"
            found.append(command)
    return found


def goes_on(command: str) -> bool:
    """Whether a command needs more lines."""
    first, _, rest = command.partition("\n")
    if document := re.search(r"<<'(\w+)'", first):
        return document[1] not in rest.splitlines()
    try:
        shlex.split(command, comments=True)
    except ValueError:  # a quote is open
        return True
    return False


def delete_topics(brokers: str, script: str) -> None:
    """Delete the topics that commands have named, or the beginnings of, where they are there."""
    client = AdminClient({"bootstrap.servers": brokers})
    named = set(re.findall(r"--topic (test-\S+)", script))
    begun = tuple(re.findall(r"--publish-to (test-\S+)", script))
    found = [t for t in client.list_topics(timeout=30).topics if t in named or t.startswith(begun)]
    for done in client.delete_topics(found).values() if found else ():
        done.result(30)


def program(page: Path) -> str:
    """Give the Python blocks of a page that wants them to run."""
    text = page.read_text()
    return "\n".join(PYTHON.findall(text)) if "<!-- python runs -->" in text else ""


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Give the environment in which the program is one that has imported all it needs already."""
    place = tmp_path_factory.mktemp("warm") / "socket"
    env = {**os.environ, "COLUMNS": "120", "VOBROKER_WARM": str(place)}
    env["PATH"] = f"{WARM}:{Path(sys.executable).parent}:{env['PATH']}"
    command = [sys.executable, WARM / "server.py", place]
    with subprocess.Popen(command, env=env, stdin=subprocess.PIPE) as server:
        while not place.exists():
            assert server.poll() is None
            time.sleep(0.05)
        yield env
        server.communicate()


@pytest.mark.parametrize("page", [p for p in PAGES if commands(p)], ids=lambda p: p.name)
def test_commands_of_the_page_run(
    page: Path, tmp_path: Path, warm: dict[str, str], request: pytest.FixtureRequest
) -> None:
    script = "set -e\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n" + "\n".join(commands(page))
    if code := program(page):
        (tmp_path / "program.py").write_text(code)
        script += "\npython program.py"
    if KAFKA in script:
        cluster = request.getfixturevalue("kafka1")
        script = script.replace(KAFKA, cluster.brokers)
        delete_topics(cluster.brokers, script)  # what a run that was ended has left
        request.addfinalizer(lambda: delete_topics(cluster.brokers, script))
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env=warm,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, f"{script}\n\n{done.stdout}\n{done.stderr}"


def test_make_targets_named_in_the_readme_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z]+)", (ROOT / "README.md").read_text()))
    assert {"demo", "test"} <= named <= targets


def test_the_documentation_builds_without_a_warning(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
