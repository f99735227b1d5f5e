# Copyright The otelcol-ociapm Authors
# SPDX-License-Identifier: Apache-2.0
"""The entry point of Oracle's guide for an ASGI app."""

from otel_setup import init_otel

init_otel()  # before the app makes its first connection

from app import app
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware

application = OpenTelemetryMiddleware(app)
