"""Schemas come from the packet, a folder, the lsst-alert-packet distribution or a registry."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from vobroker.alerts.avro.schema import SchemaError
from vobroker.alerts.decode import Decoded, decode
from vobroker.alerts.origin import Origin
from vobroker.alerts.packets import RawBatch
from vobroker.alerts.schemas import (
    MAX_SCHEMA_BYTES,
    SchemaSource,
    UnknownSchemaError,
    default_schemas,
    read_schema,
    ztf_schema_text,
)


@pytest.mark.parametrize("schema_id", [700, 701, 702, 703, 704, 800, 900, 1000, 1100, 1101])
def test_lsst_versions_come_from_the_distribution(schemas: SchemaSource, schema_id: int) -> None:
    major, minor = divmod(schema_id, 100)
    schema = schemas.by_id(schema_id)
    assert schema.version == f"{major}.{minor}"
    assert schema.name.endswith("alert")
    assert schemas.by_id(schema_id) is schema


def test_a_schema_is_known_by_its_text() -> None:
    one, same = read_schema(ztf_schema_text()), read_schema(ztf_schema_text())
    assert one == same
    assert one.fingerprint == same.fingerprint
    assert one.version == "4.02"


def test_an_unknown_id_says_where_it_was_looked_for(schemas: SchemaSource, tmp_path: Path) -> None:
    with pytest.raises(UnknownSchemaError, match=r"id 9907 \(LSST 99\.7\).*lsst-alert-packet distribution"):
        schemas.by_id(9907)
    with pytest.raises(UnknownSchemaError, match=f"the folder {tmp_path}"):
        default_schemas(folder=tmp_path).by_id(9907)


def test_a_folder_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "mine.v77_3.alert.avsc").write_text(
        json.dumps({"type": "record", "name": "mine.v77_3.alert", "fields": [{"name": "x", "type": "int"}]})
    )
    assert default_schemas(folder=tmp_path).by_id(7703).name == "mine.v77_3.alert"


def test_a_schema_whose_parts_are_missing(tmp_path: Path, schemas: SchemaSource) -> None:
    (source,) = schemas.folders[0].rglob("lsst.v10_0.alert.avsc")
    shutil.copy(source, tmp_path)
    with pytest.raises(SchemaError, match=r"lsst\.v10_0\.alert\.avsc cannot be read"):
        SchemaSource((tmp_path,)).by_id(1000)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not JSON"),
        ("{", "is not JSON"),
        ('"int"', "is not of a record"),
        ("[" * 100_000, "nests too deep"),
        (" " * (MAX_SCHEMA_BYTES + 1), "is longer than"),
        ('{"type": "record", "name": "a", "fields": []}'.encode("utf-16"), "is not JSON"),
        (b'{"type": "record", "name": "a", "doc": "\xed\xa0\x80", "fields": []}', "is not JSON"),
        ('{"type": "record", "name": "a", "doc": "\\ud800", "fields": []}', "surrogates not allowed"),
    ],
)
def test_what_is_no_schema(text: str | bytes, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        read_schema(text)


class TestRegistry:
    """The Confluent Schema Registry API, over real HTTP."""

    @pytest.fixture
    def registry(self) -> Iterator[Callable[[dict[int, bytes]], str]]:
        answers: dict[str, bytes] = {}

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answer = answers.get(self.path)
                self.send_response(200 if answer is not None else 404)
                self.end_headers()
                self.wfile.write(answer or b"{}")

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=server.serve_forever, daemon=True).start()

        def serve(given: dict[int, bytes]) -> str:
            answers.update({f"/schemas/ids/{number}": answer for number, answer in given.items()})
            return f"http://127.0.0.1:{server.server_port}/"

        yield serve
        server.shutdown()
        server.server_close()

    def test_it_is_asked_first_and_once(
        self, registry: Callable[[dict[int, bytes]], str], asteroid: bytes, schemas: SchemaSource
    ) -> None:
        answers = {12: json.dumps({"schema": schemas.by_id(1000).text}).encode()}
        source = default_schemas(registry=registry(answers))
        packet = b"\0" + (12).to_bytes(4, "big") + asteroid[5:]
        result = decode(RawBatch([packet], [Origin("kafka:alerts")]), source)
        assert [len(batch) for batch in result.batches] == [1]
        answers.clear()
        assert source.by_id(12).version == "10.0"

    def test_what_it_does_not_know_is_looked_for_elsewhere(
        self, registry: Callable[[dict[int, bytes]], str]
    ) -> None:
        assert default_schemas(registry=registry({})).by_id(1000).version == "10.0"

    def test_it_may_be_down(self) -> None:
        source = default_schemas(registry="http://127.0.0.1:9/")
        assert source.by_id(1000).version == "10.0"
        with pytest.raises(UnknownSchemaError, match="the registry"):
            source.by_id(7)

    @pytest.mark.parametrize("answer", [b"<html>", b"[]", b'{"schema": 3}', b" " * (MAX_SCHEMA_BYTES + 1)])
    def test_nonsense_does_not_hurt(
        self,
        registry: Callable[[dict[int, bytes]], str],
        decoded: Callable[..., Decoded],
        answer: bytes,
    ) -> None:
        source = default_schemas(registry=registry({3: answer}))
        result = decode(RawBatch([b"\0\0\0\0\x03abc"], [Origin("kafka:alerts")]), source)
        assert next(letter.reason for letter in result.dead) in {"bad-schema", "unknown-schema-id"}

    @pytest.mark.parametrize(
        "answer",
        [
            b"SSH-2.0-OpenSSH_9.6\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nnonsense",
            b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 200_000,
            b"",
        ],
        ids=["another service", "broken chunks", "nests too deep", "hangs up"],
    )
    def test_what_is_no_registry_is_said(self, answer: bytes) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:

            def serve() -> None:
                connection, _ = server.accept()
                with connection:
                    connection.recv(4096)
                    connection.sendall(answer)

            thread = Thread(target=serve)
            thread.start()
            source = default_schemas(registry=f"http://127.0.0.1:{server.getsockname()[1]}")
            with pytest.raises(UnknownSchemaError, match="looked in the registry"):
                source.by_id(7)
            thread.join()

    def test_one_that_does_not_answer_is_asked_once_a_batch(self) -> None:
        asked = []
        with socket.create_server(("127.0.0.1", 0)) as server:

            def serve() -> None:
                with suppress(OSError):  # the end of the listening
                    while True:
                        connection, _ = server.accept()
                        asked.append(connection.recv(4096).split()[1])
                        connection.close()

            thread = Thread(target=serve)
            thread.start()
            source = default_schemas(registry=f"http://127.0.0.1:{server.getsockname()[1]}")
            for _ in range(2):
                numbers = [7, 7, 8, 9]
                origins = [Origin("kafka:alerts", 0, n) for n in range(4)]
                raw = RawBatch([b"\0" + n.to_bytes(4, "big") + b"abc" for n in numbers], origins)
                assert [letter.reason for letter in decode(raw, source).dead] == ["unknown-schema-id"] * 4
            server.shutdown(socket.SHUT_RDWR)
            thread.join()
        assert asked == [b"/schemas/ids/7"] * 2

    def test_only_http(self) -> None:
        with pytest.raises(ValueError, match="http"):
            default_schemas(registry="file:///etc/passwd")
