# Copyright The otelcol-ociapm Authors
# SPDX-License-Identifier: Apache-2.0
"""StayEasy's asgi.py as it is, with its spans counted inside the SDK.

At the provider's shutdown, and at every span that ends later, the counts are written to the file that SPAN_COUNT_FILE
names: the spans that ended, and those that the exporter was given and delivered.
"""

import json
import os
import threading
from collections.abc import Sequence
from pathlib import Path

from opentelemetry.exporter.otlp.proto.http import trace_exporter
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExportResult

_lock = threading.Lock()
_counts = {"ended": 0, "exported": 0, "delivered": 0}
_finished = False


def _count(**numbers: int) -> None:
    with _lock:
        for name, number in numbers.items():
            _counts[name] += number
        if _finished:
            _write()


def _write() -> None:
    Path(os.environ["SPAN_COUNT_FILE"]).write_text(json.dumps(_counts), encoding="utf-8")


class CountingExporter(trace_exporter.OTLPSpanExporter):
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = super().export(spans)
        _count(exported=len(spans), delivered=len(spans) if result is SpanExportResult.SUCCESS else 0)
        return result

    def shutdown(self) -> None:
        global _finished
        super().shutdown()
        with _lock:
            _finished = True
            _write()


class CountingProcessor(SpanProcessor):
    def on_end(self, span: ReadableSpan) -> None:
        _count(ended=1)


trace_exporter.OTLPSpanExporter = CountingExporter

from asgi import application, provider  # noqa: E402

provider.add_span_processor(CountingProcessor())

__all__ = ["application"]
