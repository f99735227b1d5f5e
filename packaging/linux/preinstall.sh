#!/bin/sh
# Makes the user before the files of the package that its group may read.
set -e

if ! getent group otelcol-ociapm >/dev/null; then
  groupadd --system otelcol-ociapm
fi
if ! getent passwd otelcol-ociapm >/dev/null; then
  useradd --system --gid otelcol-ociapm --no-create-home --home-dir /var/lib/otelcol-ociapm \
    --shell /usr/sbin/nologin --comment "OpenTelemetry Collector for OCI APM" otelcol-ociapm
fi
