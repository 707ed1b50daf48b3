"""Traces: what a batch, a query and a request cost, sent where the environment says, and no user's text."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from vobroker import telemetry
from vobroker.alerts.schemas import default_schemas
from vobroker.archive import open_archive
from vobroker.filters import compile_filter
from vobroker.pipeline.river import run
from vobroker.roles import read_roles
from vobroker.sources.simulator import as_raw_batches, simulate
from vobroker.tap import Jobs, Service
from vobroker.web import create_app

SECRET = "a-name-that-nobody-should-see"


class Collector(HTTPServer):
    """Takes traces over OTLP/HTTP, as a collector does."""

    def __init__(self) -> None:
        self.found: list[ExportTraceServiceRequest] = []
        super().__init__(("127.0.0.1", 0), _Taking)


class _Taking(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.path == "/v1/traces"
        assert isinstance(self.server, Collector)
        self.server.found.append(ExportTraceServiceRequest.FromString(body))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_batch_is_one_trace_through_the_river(collector: Collector, tmp_path: Path) -> None:
    folder = tmp_path / "night"
    folder.mkdir()
    visit = next(simulate("lsst", seed=5, visits=1, alerts_per_visit=12, history_nights=2))
    for number, packet in enumerate(visit.packets):
        (folder / f"{number}.avro").write_bytes(packet)
    (tmp_path / f"{SECRET}.adql").write_text("SELECT alert_id FROM alert")
    where = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_port}"}
    subprocess.run(
        [sys.executable, "-m", "vobroker", "ingest", "night", "--filters", f"{SECRET}.adql"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        timeout=240,
        env=os.environ | where,
    )
    resources = [one for sent in collector.found for one in sent.resource_spans]
    assert {
        one.value.string_value
        for each in resources
        for one in each.resource.attributes
        if one.key == "service.name"
    } == {"vobroker"}
    spans = {one.name: one for each in resources for scope in each.scope_spans for one in scope.spans}
    assert spans.keys() == {"batch", "decode", "archive", "enrich", "filters", "commit", "publish"}
    batch = spans["batch"]
    for name in ("decode", "archive", "enrich", "filters", "commit"):
        assert (spans[name].trace_id, spans[name].parent_span_id) == (batch.trace_id, batch.span_id)
    told = {one.key: one.value.int_value for one in (*batch.attributes, *spans["filters"].attributes)}
    assert told["vobroker.packets"] == told["vobroker.archived"] == told["vobroker.passed"] == 12
    assert SECRET.encode() not in b"".join(sent.SerializeToString() for sent in collector.found)


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(telemetry, "_tracer", lambda: provider.get_tracer("test"))
    return exporter


def test_a_query_is_told_by_its_digest_alone(spans: InMemorySpanExporter, tmp_path: Path) -> None:
    with open_archive(tmp_path / "archive") as archive:
        visit = next(as_raw_batches(simulate("lsst", seed=11, visits=1, alerts_per_visit=8, history=False)))
        run(
            [visit],
            archive,
            schemas=default_schemas(),
            filters=[compile_filter("a", "SELECT alert_id FROM alert")],
        )
        app = create_app(Service(archive, read_roles(), Jobs(tmp_path / "jobs")))
        query = f"SELECT alert_id, '{SECRET}' AS x FROM alert WHERE survey <> '{SECRET}'"

        async def ask() -> list[int]:
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(app), base_url="http://here"
            ) as client:
                asked = {"LANG": "ADQL", "QUERY": query}
                return [
                    (await client.get("/tap/sync", params=asked)).status_code,
                    (await client.get(f"/objects/{SECRET}/x")).status_code,
                ]

        assert asyncio.run(ask()) == [200, 404]
    found: dict[str, list[ReadableSpan]] = {}
    for one in spans.get_finished_spans():
        found.setdefault(one.name, []).append(one)
    (asked,) = found["query"]
    assert (asked.attributes or {})["vobroker.rows"] == 8
    assert (asked.attributes or {})["vobroker.status"] == "OK"
    assert {(one.attributes or {})["vobroker.status"] for one in found["request"]} == {200, 404}
    assert asked.parent
    assert asked.parent.span_id in {one.context.span_id for one in found["request"] if one.context}
    assert SECRET not in "".join(one.to_json() for each in found.values() for one in each)


def test_an_error_is_told_by_its_name_alone(spans: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match=SECRET), telemetry.span("work"):
        raise ValueError(SECRET)
    (one,) = spans.get_finished_spans()
    assert one.status.description == "ValueError"
    assert SECRET not in one.to_json()
