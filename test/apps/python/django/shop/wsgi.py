# Copyright The otelcol-ociapm Authors
# SPDX-License-Identifier: Apache-2.0
"""The shop in Django: the entry point of the server."""

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
