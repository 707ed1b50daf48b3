"""Traces for OpenTelemetry, where the environment asks for them; otherwise nothing, at no cost.

The variables are the usual ones: ``OTEL_EXPORTER_OTLP_ENDPOINT`` says where traces go, ``OTEL_SERVICE_NAME``
who sends them, and so on (OpenTelemetry specification, "Environment Variable Specification"). A program that
has set up its own tracing is followed.

A span is of a batch, a query or a request, never of an alert, and it holds numbers and names of ours: no text
of a user, no address.
"""

from __future__ import annotations

import logging
import os
import sys
from functools import cache
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Tracer

_log = logging.getLogger(__name__)

_ASKED = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_TRACES_EXPORTER")

Value = str | int | float | bool


class Span:
    """Some work, with a beginning, an end and numbers; here, nothing of it is told.

    What is begun in its block is a part of it.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def set(self, **told: Value) -> None:
        """Note numbers and names; they are called ``vobroker.…``."""

    def child(self, name: str, **told: Value) -> Span:
        """Begin a part of it, from any thread."""
        return self

    def end(self) -> None:
        """End it, for work that no block holds."""


OFF = Span()


def span(name: str, **told: Value) -> Span:
    """Begin some work, as a part of what the block around it is."""
    tracer = _tracer()
    return OFF if tracer is None else _On(tracer, name, told, None)


class _On(Span):
    def __init__(self, tracer: Tracer, name: str, told: dict[str, Value], within: Context | None) -> None:
        self._tracer = tracer
        self._span = tracer.start_span(name, within, attributes=_named(told))

    def __enter__(self) -> Self:
        from opentelemetry import context, trace

        self._token = context.attach(trace.set_span_in_context(self._span))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        from opentelemetry import context
        from opentelemetry.trace import StatusCode

        context.detach(self._token)
        if isinstance(error, Exception):
            # Its name alone: what it says may hold what a user has written.
            self._span.set_status(StatusCode.ERROR, type(error).__name__)
        self.end()

    def set(self, **told: Value) -> None:
        self._span.set_attributes(_named(told))

    def child(self, name: str, **told: Value) -> Span:
        from opentelemetry import trace

        return _On(self._tracer, name, told, trace.set_span_in_context(self._span))

    def end(self) -> None:
        if self._span.is_recording():
            self._span.end()


def _named(told: dict[str, Value]) -> dict[str, Value]:
    return {f"vobroker.{name}": value for name, value in told.items()}


@cache
def _tracer() -> Tracer | None:
    """Give what makes spans, None where nobody asks for them."""
    asked = any(os.environ.get(name) for name in _ASKED)
    off = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if not asked and "opentelemetry.trace" not in sys.modules:
        return None
    try:
        from opentelemetry import trace

        if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
            if not asked or off or os.environ.get("OTEL_TRACES_EXPORTER") == "none":
                return None
            _set_up()
        return trace.get_tracer("vobroker")
    except ModuleNotFoundError as error:
        if asked and not off:
            _log.warning("traces need %s: pip install 'vobroker[telemetry]'", error.name)
        return None


def _set_up() -> None:
    from opentelemetry import trace
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter

    exporter: SpanExporter
    if os.environ.get("OTEL_TRACES_EXPORTER") == "console":
        exporter = ConsoleSpanExporter()
    else:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        exporter = OTLPSpanExporter()
    name = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": "vobroker"}
    # The exporter sends in a thread of its own, drops what it cannot, and is emptied when the process ends.
    provider = TracerProvider(resource=Resource.create(name))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
