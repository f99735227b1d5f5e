# Copyright The otelcol-ociapm Authors
# SPDX-License-Identifier: Apache-2.0
"""The entry point of the server: hypercorn asgi:application."""

import db
import seed
from otel_setup import init_otel, span_details

# The schema and the demo data are created before tracing starts: only requests create spans.
seed.prepare(db.from_environment())
provider = init_otel()

from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware  # noqa: E402

from app import app  # noqa: E402

# The last spans are sent as soon as the server has stopped, because it may skip Python's exit handlers.
app.after_serving(provider.shutdown)
application = OpenTelemetryMiddleware(app.asgi_app, default_span_details=span_details(app.url_map))
