#!/usr/bin/env bash
# Starts the built collector with config/agent.yaml. It uploads to the APM domain of
# APM_ENDPOINT and APM_DATA_KEY, or of APM_DOMAIN_ID. If none of them is set, the
# script also starts a sandbox of OCI APM. Arguments are passed to the collector, so
# `make run RUN_ARGS="--config mine.yaml"` changes its configuration.
set -euo pipefail
# Jobs get process groups of their own: a Ctrl-C reaches only this script, which
# stops the collector before the sandbox, so that the queue can drain.
set -m

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
state=${RUN_DIRECTORY:-$root/.run}
sandbox_listen=${SANDBOX_LISTEN:-127.0.0.1:4320}
collector_pid=
sandbox_pid=
viewer_pid=
configs=(--config="$root/config/agent.yaml")

stop() {
  trap '' INT TERM
  for pid in $collector_pid $sandbox_pid; do
    kill -TERM "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  # The viewer is a pipeline, and so a process group.
  kill -TERM -- "-$viewer_pid" 2>/dev/null || true
  wait "$viewer_pid" 2>/dev/null || true
  rm -f "$state/run.pid"
  echo "stopped"
  exit "${1:-0}"
}
trap 'echo; echo "stopping: the collector first sends its queued data"; stop 0' INT TERM

# await FILE TEXT PID waits until a process has logged that it is ready.
await() {
  until grep -qF "$2" "$1"; do
    if ! kill -0 "$3" 2>/dev/null; then
      sleep 0.2 # gives the viewer time to show the reason
      return 1
    fi
    sleep 0.1
  done
}

if [[ (-n ${APM_ENDPOINT:-} && -z ${APM_DATA_KEY:-}) || (-z ${APM_ENDPOINT:-} && -n ${APM_DATA_KEY:-}) ]]; then
  echo "run: set both APM_ENDPOINT and APM_DATA_KEY to upload to an APM domain, or neither to use the local sandbox" >&2
  exit 1
fi
if [[ -n ${APM_DOMAIN_ID:-} && -n ${APM_ENDPOINT:-} ]]; then
  echo "run: set either APM_DOMAIN_ID, or APM_ENDPOINT and APM_DATA_KEY, but not all of them" >&2
  exit 1
fi

mkdir -p "$state"
# The logs and the queue belong to one run. A file that was left by kill -9 names a
# process that has exited, or that is another program by now.
other=$(cat "$state/run.pid" 2>/dev/null || true)
if [[ -n $other ]] && kill -0 "$other" 2>/dev/null && ps -ww -o args= -p "$other" | grep -q 'run\.sh'; then
  echo "run: process $other is already running here: stop it with Ctrl-C or \`kill $other\`, or set RUN_DIRECTORY to another folder than $state" >&2
  exit 1
fi
echo "$$" >"$state/run.pid"
: >"$state/apmsandbox.log"
: >"$state/collector.log"
# The programs write to files, so that closing this terminal cannot block them. The
# viewer shows the log of the sandbox, and the collector's warnings.
tail -q -n +1 -f "$state/apmsandbox.log" "$state/collector.log" 2>/dev/null | grep --line-buffered -v $'\tinfo\t' &
viewer_pid=$(jobs -p %+)
export OTELCOL_QUEUE_DIRECTORY=${OTELCOL_QUEUE_DIRECTORY:-$state/queue}

if [[ -n ${APM_ENDPOINT:-} ]]; then
  destination=$APM_ENDPOINT
  look="OCI Console > Observability & Management > APM > Trace Explorer"
elif [[ -n ${APM_DOMAIN_ID:-} ]]; then
  destination="the APM domain $APM_DOMAIN_ID"
  look="OCI Console > Observability & Management > APM > Trace Explorer"
  configs+=(--config="$root/config/oci-agent.yaml")
else
  "$root/bin/apmsandbox" --listen="$sandbox_listen" >>"$state/apmsandbox.log" 2>&1 &
  sandbox_pid=$!
  await "$state/apmsandbox.log" "apmsandbox ready at" "$sandbox_pid" || stop 1
  destination=$(sed -n 's/.*apmsandbox ready at \(http:[^[:space:]]*\).*/\1/p' "$state/apmsandbox.log" | head -n 1)
  look="$destination (in a browser)"
  export APM_ENDPOINT=$destination APM_DATA_KEY=${APMSANDBOX_PRIVATE_KEY:-sandbox-private-key}
  configs+=(--config="$root/scripts/originals.yaml")
fi

"$root/bin/otelcol-ociapm" "${configs[@]}" "$@" >>"$state/collector.log" 2>&1 &
collector_pid=$!
await "$state/collector.log" "Everything is ready" "$collector_pid" || stop 1

cat <<TEXT

  otelcol-ociapm is ready. (Press Ctrl-C to stop it.)

  Send OTLP to   localhost:4317 (gRPC) or http://localhost:4318 (HTTP): the defaults of every OpenTelemetry SDK
  It uploads to  $destination
  Look at        $look
  Logs           ${state#"$PWD"/}/collector.log; warnings are also shown here
TEXT
if [[ -n $sandbox_pid ]]; then
  cat <<TEXT
  Use a real domain:  APM_ENDPOINT=https://<prefix>.apm-agt.<region>.oci.oraclecloud.com APM_DATA_KEY=<private data key> make run
TEXT
fi
echo

wait "$collector_pid" && stop 0 || stop $?
