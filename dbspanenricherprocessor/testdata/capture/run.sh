#!/usr/bin/env bash
# Copyright The otelcol-ociapm Authors
# SPDX-License-Identifier: Apache-2.0

# Captures the spans of real instrumentations: run.sh PYTHON NODE_MODULES JARS [CASE…].
# See README.md. The database servers run on loopback, as nobody if this is root.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
testdata=$(dirname "$here")
python=$1
modules=$2
jars=$3
shift 3

work=$(mktemp -d)
pids=()
stop() {
  for pid in "${pids[@]}"; do
    kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null || true
  done
  rm -rf "$work"
}
trap stop EXIT

as=()
if [[ $(id -u) == 0 ]]; then
  chown nobody "$work"
  as=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
fi
free_port() { "$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
await() {
  for _ in $(seq 100); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return; fi
    sleep 0.1
  done
  echo "no server on port $1" >&2
  return 1
}

PG_PORT=$(free_port) MARIADB_PORT=$(free_port) REDIS_PORT=$(free_port)
export PG_PORT MARIADB_PORT REDIS_PORT NODE_PATH=$modules
bin=$(echo /usr/lib/postgresql/*/bin)
cd /
"${as[@]}" "$bin/initdb" -D "$work/pg" -U hotel --auth trust --encoding UTF8 --no-locale --no-sync >"$work/initdb.log"
"${as[@]}" "$bin/postgres" -D "$work/pg" -p "$PG_PORT" -k "$work" -c listen_addresses=127.0.0.1 -c fsync=off >"$work/pg.log" 2>&1 &
pids+=($!)
"${as[@]}" mariadb-install-db --no-defaults --datadir="$work/mariadb" --auth-root-authentication-method=normal --skip-test-db >"$work/install.log" 2>&1
printf "CREATE DATABASE hotel;\nCREATE USER hotel@'127.0.0.1';\nGRANT ALL ON hotel.* TO hotel@'127.0.0.1';\n" >"$work/setup.sql"
chmod a+r "$work/setup.sql"
"${as[@]}" mariadbd --no-defaults --datadir="$work/mariadb" --bind-address=127.0.0.1 --port="$MARIADB_PORT" --socket="$work/s" \
  --pid-file="$work/pid" --skip-name-resolve --init-file="$work/setup.sql" >"$work/mariadb.log" 2>&1 &
pids+=($!)
"${as[@]}" redis-server --bind 127.0.0.1 --port "$REDIS_PORT" --save '' --dir "$work" >"$work/redis.log" &
pids+=($!)
await "$PG_PORT"
await "$MARIADB_PORT"
await "$REDIS_PORT"
"$bin/createdb" -h 127.0.0.1 -p "$PG_PORT" -U hotel hotel

(cd "$here" && go build -o "$work/capture" capture.go)
cases=("$@")
if ((${#cases[@]} == 0)); then
  cases=(python_{sqlite3,psycopg2,mysql,sqlalchemy,redis}{,_stable} node_{pg,mysql2,ioredis} java_{h2,postgresql}{,_stable})
fi
for case in "${cases[@]}"; do
  library=${case%_stable}
  optin=
  if [[ $case == *_stable ]]; then optin=database; fi
  # The port is the only thing in the spans that differs from run to run.
  case $library in
  python_*) program=("$python" "$here/calls.py" "${library#python_}") ;;
  node_*) program=(node "$here/calls.js" "${library#node_}") ;;
  java_*)
    program=(java -javaagent:"$jars/opentelemetry-javaagent.jar" -Dotel.metrics.exporter=none -Dotel.logs.exporter=none
      -Dotel.exporter.otlp.protocol=http/protobuf -cp "$jars/*" "$here/Calls.java" "${library#java_}")
    ;;
  esac
  mkdir -p "$testdata/$case"
  OTEL_SEMCONV_STABILITY_OPT_IN=$optin "$work/capture" "$work/input.yaml" "${program[@]}"
  sed -e "s/\b$PG_PORT\b/5432/g" -e "s/\b$MARIADB_PORT\b/3306/g" -e "s/\b$REDIS_PORT\b/6379/g" "$work/input.yaml" >"$testdata/$case/input.yaml"
done
