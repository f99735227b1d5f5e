#!/bin/sh
# Gives the collector its memory limit, 70 percent of what the unit may use, through
# an environment file of the unit. memory_limiter does not find it by itself: where
# control groups are of version 2, it reads the limit of containers only.
# Argument: the unit.
set -eu
max=$(systemctl show --property=MemoryMax --value "$1")
case $max in
'' | *[!0-9]*) limit=0 ;; # none: the percentages of config.yaml are of the machine's memory
*) limit=$((max / 100 * 70 / 1048576)) ;;
esac
printf 'OTELCOL_MEMORY_LIMIT_MIB=%d\n' "$limit" >/run/otelcol-ociapm/memory.env
