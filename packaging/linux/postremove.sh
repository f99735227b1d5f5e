#!/bin/sh
# After a removal. dpkg's purge removes the queue as well; rpm has no such step
# and leaves it. The user stays, as Debian has it: a file that it owns elsewhere
# must not become another user's.
set -e

if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
fi
if [ "${1:-}" = purge ]; then
  rm -rf /var/lib/otelcol-ociapm
  rm -rf /etc/systemd/system/otelcol-ociapm.service.d
  rmdir /etc/otelcol-ociapm 2>/dev/null || true
fi
