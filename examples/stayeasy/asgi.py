# Copyright The otelcol-ociapm Authors
# SPDX-License-Identifier: Apache-2.0
"""The entry point of the server: hypercorn asgi:application."""

import db
import seed
from otel_setup import init_otel

# The schema and the demo data are made before tracing begins: only requests leave spans.
seed.prepare(db.from_environment())
provider = init_otel()

from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware  # noqa: E402

from app import app  # noqa: E402

# The last spans leave when the server has stopped, whatever it does with the process afterwards.
app.after_serving(provider.shutdown)
application = OpenTelemetryMiddleware(app.asgi_app)
