#!/bin/sh
# After an installation or an upgrade. The service does not start by itself the
# first time, for it has no endpoint and no key then; an upgrade restarts it if
# it runs.
set -e

# dpkg gives "configure" and the version before, rpm the number of versions.
case "${1:-}" in
  configure) [ -n "${2:-}" ] && upgrade=yes || upgrade=no ;;
  abort-*) exit 0 ;;
  1) upgrade=no ;;
  *) upgrade=yes ;;
esac

# Without systemd there is nothing to tell.
[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload
if [ "$upgrade" = yes ]; then
  systemctl try-restart otelcol-ociapm.service
else
  echo "otelcol-ociapm: set APM_ENDPOINT and APM_DATA_KEY, or on OCI APM_DOMAIN_ID, in /etc/otelcol-ociapm/otelcol-ociapm.env, then: systemctl enable --now otelcol-ociapm"
fi
