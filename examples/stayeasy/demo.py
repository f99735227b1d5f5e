# Copyright The otelcol-ociapm Authors
# SPDX-License-Identifier: Apache-2.0
"""Steady traffic for `make demo`: a web shop in front of StayEasy, until it is interrupted.

The shop is a second service. It calls StayEasy, and asks an Oracle Database for a guest's points. There is no such
database here: the spans of these calls are written by hand, as python-oracledb's instrumentation sends them. Some fail.
"""

import argparse
import itertools
import random
import signal
import time
from typing import Any
from urllib.parse import urlsplit

from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode

import traffic

POINTS = "SELECT points FROM loyalty WHERE guest_id = :guest_id"
PAUSE_SECONDS = 0.2


class Shop(traffic.Client):
    """Serves each request of a guest by a request to StayEasy, with a span for either."""

    def __init__(self, base_url: str, tracer: trace.Tracer, draw: random.Random) -> None:
        super().__init__(base_url)
        self._tracer = tracer
        self._draw = draw
        self._host = urlsplit(base_url).hostname

    def _headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        propagate.inject(headers)
        return headers

    def _send(self, method: str, route: str, target: str, body: str | None, expected: int) -> Any:
        time.sleep(PAUSE_SECONDS)
        attributes = {"http.request.method": method, "http.route": "/shop" + route}
        with self._tracer.start_as_current_span(f"{method} /shop{route}", kind=SpanKind.SERVER, attributes=attributes) as span:
            if route.startswith(("/api/guests/", "/api/bookings")) and not self._ask_for_points():
                span.set_status(Status(StatusCode.ERROR, "the points cannot be read"))
            call = {"http.request.method": method, "server.address": self._host, "url.path": target.split("?")[0]}
            with self._tracer.start_as_current_span(method, kind=SpanKind.CLIENT, attributes=call):
                return super()._send(method, route, target, body, expected)

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
    provider = TracerProvider(resource=Resource.create({"service.name": "shop"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    draw = random.Random()
    try:
        for _ in itertools.count():
            shop = Shop(options.base_url, provider.get_tracer("demo"), draw)
            traffic.run_round(shop, draw)
    except KeyboardInterrupt:
        pass
    finally:
        provider.shutdown()


if __name__ == "__main__":
    main()
