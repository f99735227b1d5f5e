# Copyright The otelcol-ociapm Authors
# SPDX-License-Identifier: Apache-2.0
"""Steady traffic for `make demo`: a web shop in front of StayEasy, until it is interrupted.

The shop is a second service. It calls StayEasy, and asks an Oracle Database for a guest's points. There is no such
database here: the spans of these calls are written by hand, as python-oracledb's instrumentation sends them. Some fail.
The shop also sends metrics and logs.
"""

import argparse
import itertools
import random
import signal
import time
from typing import Any
from urllib.parse import urlsplit

from opentelemetry import metrics, propagate, trace
from opentelemetry._logs import Logger, SeverityNumber
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode

import traffic

POINTS = "SELECT points FROM loyalty WHERE guest_id = :guest_id"
PAUSE_SECONDS = 0.2
METRIC_INTERVAL_MILLIS = 5_000


class Telemetry:
    """The shop's providers, and what it records with them."""

    def __init__(self) -> None:
        resource = Resource.create({"service.name": "shop"})
        self._traces = TracerProvider(resource=resource)
        self._traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        reader = PeriodicExportingMetricReader(OTLPMetricExporter(), export_interval_millis=METRIC_INTERVAL_MILLIS)
        self._metrics = MeterProvider([reader], resource=resource)
        self._logs = LoggerProvider(resource=resource)
        self._logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
        meter: metrics.Meter = self._metrics.get_meter("demo")
        self.tracer = self._traces.get_tracer("demo")
        self.duration = meter.create_histogram("http.server.request.duration", "s")
        self.unavailable = meter.create_counter("shop.points.unavailable", "{request}")
        self._logger: Logger = self._logs.get_logger("demo")

    def log(self, severity: SeverityNumber, text: str) -> None:
        self._logger.emit(timestamp=time.time_ns(), severity_number=severity, severity_text=severity.name, body=text)

    def shutdown(self) -> None:
        for provider in (self._traces, self._metrics, self._logs):
            provider.shutdown()


class Shop(traffic.Client):
    """Serves each request of a guest by a request to StayEasy, with a span for either."""

    def __init__(self, base_url: str, telemetry: Telemetry, draw: random.Random) -> None:
        super().__init__(base_url)
        self._telemetry = telemetry
        self._tracer = telemetry.tracer
        self._draw = draw
        self._host = urlsplit(base_url).hostname

    def _headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        propagate.inject(headers)
        return headers

    def _send(self, method: str, route: str, target: str, body: str | None, expected: int) -> Any:
        time.sleep(PAUSE_SECONDS)
        began = time.perf_counter()
        path = target.split("?")[0]
        attributes = {"http.request.method": method, "http.route": "/shop" + route, "url.path": "/shop" + path}
        with self._tracer.start_as_current_span(f"{method} /shop{route}", kind=SpanKind.SERVER, attributes=attributes) as span:
            if route.startswith(("/api/guests/", "/api/bookings")) and not self._ask_for_points():
                span.set_status(Status(StatusCode.ERROR, "the points cannot be read"))
                self._telemetry.log(SeverityNumber.ERROR, "the points cannot be read: ORA-12170: TNS:Connect timeout occurred")
                self._telemetry.unavailable.add(1)
            call = {"http.request.method": method, "server.address": self._host, "url.path": path}
            with self._tracer.start_as_current_span(method, kind=SpanKind.CLIENT, attributes=call) as client_span:
                answer = super()._send(method, route, target, body, expected)
                client_span.set_attribute("http.response.status_code", self.status)
            span.set_attribute("http.response.status_code", self.status)
            seconds = time.perf_counter() - began
            self._telemetry.duration.record(seconds, {"http.request.method": method})
            self._telemetry.log(SeverityNumber.INFO, f"{method} /shop{target} {self.status} in {1000 * seconds:.0f} ms")
            return answer

    def _ask_for_points(self) -> bool:
        attributes = {
            "db.system": "oracle",
            "db.name": "LOYALTY",
            "db.statement": POINTS,
            "net.peer.name": "loyalty-db.example.com",
        }
        with self._tracer.start_as_current_span("SELECT", kind=SpanKind.CLIENT, attributes=attributes) as span:
            time.sleep(self._draw.uniform(0.002, 0.02))
            if self._draw.random() < 0.25:
                span.record_exception(TimeoutError("ORA-12170: TNS:Connect timeout occurred"))
                span.set_status(Status(StatusCode.ERROR, "ORA-12170: TNS:Connect timeout occurred"))
                return False
        return True


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base-url", default="http://localhost:8080", help="where StayEasy listens (default: %(default)s)")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, interrupted)
    telemetry = Telemetry()
    draw = random.Random()
    try:
        for _ in itertools.count():
            traffic.run_round(Shop(options.base_url, telemetry, draw), draw)
    except KeyboardInterrupt:
        pass
    finally:
        telemetry.shutdown()


if __name__ == "__main__":
    main()
