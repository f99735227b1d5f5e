#!/bin/sh
# Runs after a removal. dpkg's purge also removes the queue; rpm has no such step,
# and keeps it. The user is kept, as Debian recommends: its files elsewhere must not
# become the property of another user.
set -e

if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
fi
if [ "${1:-}" = purge ]; then
  rm -rf /var/lib/otelcol-ociapm
  rm -rf /etc/systemd/system/otelcol-ociapm.service.d
  rmdir /etc/otelcol-ociapm 2>/dev/null || true
fi
