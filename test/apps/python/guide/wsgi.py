# Copyright The otelcol-ociapm Authors
# SPDX-License-Identifier: Apache-2.0
"""The entry point of Oracle's guide for an app in Flask, which calls another service."""

from otel_setup import init_otel

init_otel()  # before the app makes its first call

from app import app as application
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware

RequestsInstrumentor().instrument()
application.wsgi_app = OpenTelemetryMiddleware(application.wsgi_app)
