#!/bin/sh
# Copies the data key, if it is in a file that only root can read, to a file that only
# the collector's user can read. systemd before 247 has no LoadCredential for this.
set -eu
key=/etc/otelcol-ociapm/data_key
if [ -e "$key" ]; then
  install --mode=0400 --owner=otelcol-ociapm --group=otelcol-ociapm "$key" /run/otelcol-ociapm/data_key
fi
