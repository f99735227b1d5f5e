#!/bin/sh
# Sets the collector's memory limit to 70 percent of the unit's, in an environment
# file of the unit. memory_limiter cannot determine it: with control groups v2 it reads
# only the limits of containers.
# Argument: the unit.
set -eu
max=$(systemctl show --property=MemoryMax --value "$1")
case $max in
'' | *[!0-9]*) limit=0 ;; # no limit: the percentages in config.yaml apply to the machine's memory
*) limit=$((max / 100 * 70 / 1048576)) ;;
esac
printf 'OTELCOL_MEMORY_LIMIT_MIB=%d\n' "$limit" >/run/otelcol-ociapm/memory.env
