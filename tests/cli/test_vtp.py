"""``vobroker vtp``: a broker, an author and a subscriber in processes of their own."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from vobroker.archive import open_archive
from vobroker.cli import app
from vobroker.cli.vtp_broker import STATE

PACKET = (
    '<v:VOEvent xmlns:v="http://www.ivoa.net/xml/VOEvent/v2.0" version="2.0" role="test"'
    ' ivorn="ivo://org.example/stream#{}"><Who><AuthorIVORN>ivo://org.example/author</AuthorIVORN>'
    '<Date>2026-01-01T00:00:00</Date></Who><What><Param name="mag" value="{}"/></What></v:VOEvent>'
)


def vobroker(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vobroker", *arguments], capture_output=True, text=True, check=False
    )


@contextmanager
def broker(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """A broker, and where it says it listens for authors and for subscribers."""
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "vobroker", "vtp", "broker", f"--journal={folder / 'journal'}"),
            *("--authors=127.0.0.1:0", "--subscribers=127.0.0.1:0", *options),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            places = []
            for what in ("authors", "subscribers"):
                line = process.stdout.readline()
                found = re.fullmatch(rf"{what}: (127.0.0.1:\d+), from .*\n", line)
                assert found, line + process.stdout.read()
                places.append(found[1])
            yield process, *places
        finally:
            process.kill()


def write(folder: Path, *numbers: int) -> list[str]:
    files = [folder / f"{number}.xml" for number in numbers]
    for number, file in zip(numbers, files, strict=True):
        file.write_text(PACKET.format(number, number))
    return list(map(str, files))


def test_a_broker_takes_events_archives_and_passes_them_on_and_ends_when_asked(tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    files = write(tmp_path, 1, 2, 3)
    (tmp_path / "wrong.xml").write_text(PACKET.format(3, 4))
    with broker(tmp_path, f"--archive={archive}") as (process, authors, subscribers):
        sent = vobroker("vtp", "send", "--to", authors, *files, str(tmp_path / "wrong.xml"))
        assert "4 sent = 3 taken + 1 refused" in sent.stdout
        assert "received with other content" in " ".join(sent.stderr.split())
        saved = tmp_path / "saved"
        got = vobroker(
            *("vtp", "subscribe", subscribers, "--since=beginning", "--count=1", f"--save={saved}"),
            *("--adql=SELECT ivorn FROM voevent_param WHERE name = 'mag' AND number > 2",),
            f"--state={tmp_path / 'state'}",
        )
        assert got.returncode == 0, got.stderr
        assert [file.read_text() for file in saved.iterdir()] == [PACKET.format(3, 3)]
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0
        assert process.stdout is not None
        line = process.stdout.readlines()[-1]
    assert "4 received = 3 taken + 0 known + 1 with other content + 0 refused + 0 failed" in line
    assert "1 sent to 0 subscribers, 1 answered" in line
    assert line.endswith("archive: 3 archived\n")
    state = json.loads((tmp_path / "journal" / STATE).read_text())
    assert (state["taken"], state["other"], state["newest"]) == (3, 1, 3)
    with open_archive(str(archive), read_only=True) as store:
        assert store.query("SELECT count(*) AS n FROM voevent")["n"].to_pylist() == [3]
    with broker(tmp_path) as (_, authors, _):
        assert "received before" in vobroker("vtp", "send", "--to", authors, files[0]).stderr


def test_tokens_and_signatures_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "signed.py").write_text(
        "import sys\nif b'number' not in sys.stdin.buffer.read(): sys.exit('no good signature')\n"
    )
    tokens = tmp_path / "tokens"
    token = vobroker("token", "add", "somebody", f"--tokens={tokens}").stdout.strip()
    verify = f"{sys.executable} {tmp_path / 'signed.py'}"
    (file,) = write(tmp_path, 1)
    with broker(tmp_path, f"--author-tokens={tokens}", f"--verify={verify}") as (_, authors, _):
        told = vobroker("vtp", "send", "--to", authors, file)
        assert "only from authors who prove a token" in " ".join(told.stderr.split())
        told = vobroker("vtp", "send", "--to", authors, file, f"--token={token}")
        assert "the signature is not accepted: no good signature" in " ".join(told.stderr.split())


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--authors=none", "--subscribers=none"], "a broker that listens nowhere is none"),
        (["--authors=somewhere"], "'somewhere' is no place to listen at such as 0.0.0.0:8098"),
        (["--allow-author=192.0.2.0/40"], "'192.0.2.0/40' is no network"),
        (["--author-tokens=nothing"], "there is no file of tokens nothing"),
        (["--certificate=nothing"], "cannot use the certificate nothing"),
        (["--subscribers=192.0.2.1:1"], "cannot listen on 192.0.2.1:1"),
    ],
    ids=["nowhere", "place", "network", "tokens", "certificate", "address"],
)
def test_what_cannot_be_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app(), ["vtp", "broker", "--authors=127.0.0.1:0", *options])
    assert done.exit_code == 2
    assert told in " ".join(done.output.split())


def test_connections_can_be_encrypted_and_a_strange_certificate_is_not_trusted(tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", "/CN=broker", "-days", "2"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    (file,) = write(tmp_path, 1)
    with broker(tmp_path, f"--certificate={certificate}", f"--key={key}") as (_, authors, subscribers):
        told = vobroker("vtp", "send", "--to", authors, file, "--tls", "--patience=0")
        assert "its certificate cannot be trusted" in " ".join(told.stderr.split())
        assert vobroker("vtp", "send", "--to", authors, file, "--tls", f"--ca={certificate}").returncode == 0
        got = vobroker(
            *("vtp", "subscribe", subscribers, "--since=beginning", "--count=1", "--tls"),
            *(f"--ca={certificate}", f"--state={tmp_path / 'state'}"),
        )
        assert "ivo://org.example/stream#1" in got.stdout
