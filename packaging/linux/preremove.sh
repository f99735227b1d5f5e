#!/bin/sh
# Runs before a removal. An upgrade leaves the service running.
set -e

# dpkg passes "remove" or "upgrade", rpm the number of versions that remain.
case "${1:-}" in
  remove | 0) ;;
  *) exit 0 ;;
esac

if [ -d /run/systemd/system ]; then
  systemctl disable --now otelcol-ociapm.service
else
  rm -f /etc/systemd/system/multi-user.target.wants/otelcol-ociapm.service
fi
