# Copyright The otelcol-ociapm Authors
# SPDX-License-Identifier: Apache-2.0
"""Tracing straight to OCI APM, set up as Oracle's guide for Python apps sets it up: it knows APM's path and a data key,
and names the database itself. The suite puts another driver in the place of oracledb."""

import os

import oracledb
from opentelemetry import trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.dbapi import trace_integration
from opentelemetry.propagate import set_global_textmap
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator


class DbPeerServiceEnricher(SpanProcessor):
    """Tags every CLIENT span, a call over HTTP as well."""

    def on_start(self, span, parent_context=None):
        if span.kind == trace.SpanKind.CLIENT:
            span.set_attribute("peer.service", "my-database")

    def on_end(self, span):
        pass

    def shutdown(self):
        pass

    def force_flush(self, timeout_millis=None):
        pass


def init_otel(service_name="my-python-app"):
    provider = TracerProvider(
        resource=Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", service_name)})
    )
    provider.add_span_processor(DbPeerServiceEnricher())

    apm_endpoint = os.environ.get("APM_ENDPOINT", "")
    apm_key = os.environ.get("APM_DATA_KEY", "")
    if apm_endpoint and apm_key:
        exporter = OTLPSpanExporter(
            endpoint=f"{apm_endpoint}/20200101/opentelemetry/v1/traces",
            headers={"Authorization": f"dataKey {apm_key}"},
        )
        provider.add_span_processor(BatchSpanProcessor(exporter))

    trace.set_tracer_provider(provider)
    set_global_textmap(CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()]))

    trace_integration(
        connect_module=oracledb,
        connect_method_name="connect",
        database_system="oracle",
        tracer_provider=provider,
    )
