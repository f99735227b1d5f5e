# Copyright The otelcol-ociapm Authors
# SPDX-License-Identifier: Apache-2.0
"""All that StayEasy needs for traces: plain OTLP to the collector on this machine.

Where the spans go is not written here. The exporter sends to http://localhost:4318 unless the standard variables say
otherwise (OTEL_EXPORTER_OTLP_ENDPOINT and its kin), and the service is called stayeasy unless OTEL_SERVICE_NAME does.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.asgi import get_default_span_details
from opentelemetry.instrumentation.dbapi import DatabaseApiIntegration, trace_integration
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map

import db

# The attributes of a driver's connection that hold the values for a database span.
CONNECTION_ATTRIBUTES = {
    "sqlite": {},
    "postgresql": {"database": "info.dbname", "host": "info.host", "port": "info.port", "user": "info.user"},
    "mysql": {"database": "database", "host": "server_host", "port": "server_port", "user": "user"},
    "oracle": {"database": "service_name", "host": "host", "port": "port", "user": "username"},
}


class SQLiteIntegration(DatabaseApiIntegration):
    """Uses the file's name as the database's: SQLite connections have no attribute with it."""

    def get_connection_attributes(self, connection: Any) -> None:
        super().get_connection_attributes(connection)
        (_, _, file), *_ = connection.execute("PRAGMA database_list")
        self.database = Path(file).stem


def init_otel() -> TracerProvider:
    """Sets up tracing and the spans of the database driver. Call it before the first connection is made."""
    provider = TracerProvider(
        resource=Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", "stayeasy")})
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)

    database = db.from_environment()
    system = database.dialect.system
    trace_integration(
        connect_module=database.driver,
        connect_method_name="connect",
        database_system=system,
        connection_attributes=CONNECTION_ATTRIBUTES[system],
        db_api_integration_factory=SQLiteIntegration if system == "sqlite" else None,
        tracer_provider=provider,
    )
    return provider


def span_details(routes: Map) -> Callable[[dict[str, Any]], tuple[str, dict[str, Any]]]:
    """Returns what names a request's span after its route, as in GET /api/bookings/{reference}.

    The ASGI instrumentation does not know Quart's routes. Named after its path, each booking would be an operation.
    """
    adapter = routes.bind("")

    def details(scope: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        name, attributes = get_default_span_details(scope)
        if scope["type"] != "http":
            return name, attributes
        try:
            rule, _ = adapter.match(scope["path"], scope["method"], return_rule=True)
        except HTTPException:  # no route
            return name, attributes
        route = re.sub(r"<(?:[^<>]*:)?(\w+)>", r"{\1}", rule.rule)
        return f"{scope['method']} {route}", attributes | {"http.route": route}

    return details
