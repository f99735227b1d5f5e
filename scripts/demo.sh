#!/usr/bin/env bash
# Starts the collector, the sandbox, and StayEasy with steady traffic, until Ctrl-C. Its
# only files are in a temporary folder, which it removes. `make demo` builds the programs
# and StayEasy's Python environment first. DEMO_LISTEN is StayEasy's address; run.sh has
# more variables.
set -euo pipefail
# Jobs get process groups of their own: a Ctrl-C reaches only this script, which stops
# them in order.
set -m

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=$root/.venv/stayeasy/bin
listen=${DEMO_LISTEN:-127.0.0.1:8080}
work=$(mktemp -d "${TMPDIR:-/tmp}/otelcol-ociapm-demo.XXXXXX")
run_pid=
app_pid=
traffic_pid=

stop() {
  trap '' INT TERM EXIT
  # The app sends its last spans before the collector exits.
  for pid in $traffic_pid $app_pid $run_pid; do
    kill -TERM "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  rm -rf "$work"
  echo "demo: stopped, and removed $work"
  exit "${1:-0}"
}
trap 'echo; stop 0' INT TERM
trap 'stop 1' EXIT

# await FILE TEXT PID waits until a process has printed that it is ready.
await() {
  until grep -qF "$2" "$1"; do
    if ! kill -0 "$3" 2>/dev/null; then
      cat "$1" >&2
      stop 1
    fi
    sleep 0.1
  done
}

# The demo never uploads to a real domain.
unset APM_ENDPOINT APM_DATA_KEY APM_DOMAIN_ID OTELCOL_QUEUE_DIRECTORY
for name in $(compgen -e OTEL_ || true) $(compgen -e STAYEASY_ || true); do
  [[ $name == OTEL_EXPORTER_OTLP_ENDPOINT ]] || unset "$name"
done

: >"$work/run.log"
# shellcheck disable=SC2086 # several arguments
RUN_DIRECTORY=$work/run "$root/scripts/run.sh" ${RUN_ARGS:-} >"$work/run.log" 2>&1 &
run_pid=$!
await "$work/run.log" "otelcol-ociapm is ready" "$run_pid"
console=$(sed -n 's/.*Look at *\(http:[^[:space:]]*\).*/\1/p' "$work/run.log")

export PYTHONPATH=$root/examples/stayeasy PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
export STAYEASY_DATABASE_URL=sqlite:///$work/stayeasy.db
cd "$work"
# A caller's spans arrive after those of the service that it calls: until then, the
# topology would show External Unknown.
OTEL_BSP_SCHEDULE_DELAY=500 "$python/hypercorn" asgi:application --workers 1 --bind "$listen" >"$work/stayeasy.log" 2>&1 &
app_pid=$!
await "$work/stayeasy.log" "unning on http://" "$app_pid"
OTEL_BSP_SCHEDULE_DELAY=2000 "$python/python" "$root/examples/stayeasy/demo.py" --base-url "http://$listen" >"$work/traffic.log" 2>&1 &
traffic_pid=$!

cat <<TEXT

  The demo runs. (Press Ctrl-C to stop it; it leaves nothing behind.)

  Look at     $console in a browser
  StayEasy    http://$listen, called by the service shop about four times a second
  To find     the slow report (GET /api/reports/occupancy), the N+1 queries of the search,
              failed calls to Oracle, and the SQL_ID of the others

TEXT

wait -n "$run_pid" "$app_pid" "$traffic_pid" || true
echo "demo: a program has stopped:" >&2
tail -n 5 "$work"/*.log >&2
stop 1
