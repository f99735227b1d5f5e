#!/bin/sh
# Runs after an installation or an upgrade. An installation does not start the
# service, since it has no endpoint and no key yet; an upgrade restarts the service
# if it is running.
set -e

# dpkg passes "configure" and the previous version, rpm the number of versions.
case "${1:-}" in
  configure) [ -n "${2:-}" ] && upgrade=yes || upgrade=no ;;
  abort-*) exit 0 ;;
  1) upgrade=no ;;
  *) upgrade=yes ;;
esac

# Without systemd there is nothing to do.
[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload
if [ "$upgrade" = yes ]; then
  systemctl try-restart otelcol-ociapm.service
else
  echo "otelcol-ociapm: set APM_ENDPOINT and APM_DATA_KEY, or on OCI APM_DOMAIN_ID, in /etc/otelcol-ociapm/otelcol-ociapm.env, then: systemctl enable --now otelcol-ociapm"
fi
