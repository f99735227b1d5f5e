#!/bin/sh
# Creates the user before the package's files, some of which belong to its group.
set -e

if ! getent group otelcol-ociapm >/dev/null; then
  groupadd --system otelcol-ociapm
fi
if ! getent passwd otelcol-ociapm >/dev/null; then
  useradd --system --gid otelcol-ociapm --no-create-home --home-dir /var/lib/otelcol-ociapm \
    --shell /usr/sbin/nologin --comment "OpenTelemetry Collector for OCI APM" otelcol-ociapm
fi
