#!/usr/bin/env bash
# Prints the table in docs/deploy.md: the sizes of the files in bin and dist, the
# memory of an idle agent after a minute, and the time from its start to the first
# accepted span (the best of five runs, each with an empty queue).
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
pids=()
trap 'for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; done; rm -rf "$work"' EXIT

row() { printf '| %s | %s |\n' "$1" "$2"; }
megabytes() { awk -v bytes="$(stat --format=%s "$1")" 'BEGIN {printf "%.1f MB", bytes / 1e6}'; }

row "What" "Size"
row "---" "---"
row "\`bin/otelcol-ociapm\`" "$(megabytes "$root/bin/otelcol-ociapm")"
row "\`bin/apmctl\`" "$(megabytes "$root/bin/apmctl")"
for file in "$root"/dist/release/*.{tar.gz,zip,deb,rpm} "$root"/dist/*.tar; do
  [[ -e $file ]] && row "\`$(basename "$file")\`" "$(megabytes "$file")"
done

"$root/bin/apmsandbox" --listen=127.0.0.1:0 >"$work/sandbox" 2>/dev/null &
pids+=($!)
until grep -q "ready at" "$work/sandbox"; do sleep 0.1; done
export APM_ENDPOINT APM_DATA_KEY=sandbox-private-key OTELCOL_QUEUE_DIRECTORY
APM_ENDPOINT=$(grep -o 'http://[^ ]*' "$work/sandbox")
span='{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","name":"a"}]}]}]}'

best=
for round in 1 2 3 4 5; do
  OTELCOL_QUEUE_DIRECTORY=$work/queue$round
  begin=$(date +%s%N)
  "$root/bin/otelcol-ociapm" --config "$root/config/agent.yaml" 2>"$work/log" &
  pid=$!
  pids+=("$pid")
  until curl -sf -o /dev/null localhost:4318/v1/traces -H 'Content-Type: application/json' -d "$span"; do
    kill -0 "$pid" || { cat "$work/log"; exit 1; }
    sleep 0.005
  done
  took=$((($(date +%s%N) - begin) / 1000000))
  [[ -n $best && $best -le $took ]] || best=$took
  if ((round < 5)); then
    kill "$pid"
    wait "$pid"
  fi
done
sleep 60
row "Start to the first accepted span" "$best ms"
row "Idle agent, RSS" "$(awk '/^VmRSS/ {printf "%.0f MiB", $2 / 1024}' "/proc/$pid/status")"
row "Idle agent, PSS" "$(awk '/^Pss:/ {printf "%.0f MiB", $2 / 1024}' "/proc/$pid/smaps_rollup")"
