#!/usr/bin/env bash
# Copyright The otelcol-ociapm Authors
# SPDX-License-Identifier: Apache-2.0

# Captures the spans of real instrumentations: run.sh FOLDER [CASE…].
# FOLDER keeps the libraries for the next run. See README.md. The servers run on
# loopback; those of Debian as nobody if this is root.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
testdata=$(dirname "$here")
peers=$testdata/../../peerserviceprocessor/testdata
mkdir -p "$1"
libraries=$(cd "$1" && pwd)
shift

work=$(mktemp -d)
pids=()
stop() {
  for pid in "${pids[@]}"; do
    kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null || true
  done
  rm -rf "$work"
}
trap stop EXIT

python=$libraries/py/bin/python
[[ -x $python ]] || python3 -m venv "$libraries/py"
"$python" -m pip install -q --disable-pip-version-check -r "$here/requirements.txt"
cp "$here/package.json" "$libraries/"
npm install --prefix "$libraries" --no-package-lock --no-audit --no-fund --omit=optional --ignore-scripts --loglevel=error
mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DoutputDirectory="$libraries/jars"
(cd "$here" && go build -o "$work/capture" . && javac -d "$work/classes" -cp "$libraries/jars/*" Calls.java)
export NODE_PATH=$libraries/node_modules
agent=$(echo "$libraries"/jars/opentelemetry-javaagent-*.jar)

as=()
if [[ $(id -u) == 0 ]]; then
  chown nobody "$work"
  as=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
fi
free_port() { "$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
await() {
  for _ in $(seq 300); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return; fi
    sleep 0.1
  done
  echo "no server on port $1" >&2
  return 1
}

PG_PORT=$(free_port) MARIADB_PORT=$(free_port) REDIS_PORT=$(free_port)
MONGO_PORT=$(free_port) DYNAMODB_PORT=$(free_port) ELASTICSEARCH_PORT=$(free_port)
export PG_PORT MARIADB_PORT REDIS_PORT MONGO_PORT DYNAMODB_PORT ELASTICSEARCH_PORT
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
java -cp "$work/classes:$libraries/jars/*" Calls mongo-server "$MONGO_PORT" >"$work/mongo.log" 2>&1 &
pids+=($!)
"$libraries/py/bin/moto_server" -H 127.0.0.1 -p "$DYNAMODB_PORT" >"$work/moto.log" 2>&1 &
pids+=($!)
for port in "$PG_PORT" "$MARIADB_PORT" "$REDIS_PORT" "$MONGO_PORT" "$DYNAMODB_PORT"; do await "$port"; done
"$bin/createdb" -h 127.0.0.1 -p "$PG_PORT" -U hotel hotel

cases=("$@")
if ((${#cases[@]} == 0)); then
  cases=(
    python_{sqlite3,psycopg2,mysql,sqlalchemy,redis,oracledb,sqlalchemy_oracle,pymssql}{,_stable}
    python_{pyodbc,pymongo,dynamodb,elasticsearch}
    node_{pg,mysql2,mongodb}{,_legacy} node_{ioredis,elasticsearch,oracledb,oracledb_statements,mongodb_reporting}
    java_{h2,postgresql,mongo}{,_stable} java_{oracle,sqlserver}{,_stable,_dup}
    go_{otelsql_pgx,otelsql_mysql,otelpgx,redisotel}
  )
fi
for case in "${cases[@]}"; do
  library=${case%_stable}
  library=${library%_dup}
  optin=
  case $case in
  *_stable) optin=database ;;
  *_dup) optin=database/dup ;;
  esac
  case $library in
  python_*) program=("$python" "$here/calls.py" "${library#python_}") ;;
  node_*) program=(node "$here/calls.js" "${library#node_}") ;;
  java_*)
    program=(java -javaagent:"$agent" -Dotel.metrics.exporter=none -Dotel.logs.exporter=none
      -Dotel.exporter.otlp.protocol=http/protobuf -cp "$work/classes:$libraries/jars/*" Calls "${library#java_}")
    ;;
  go_*) program=("$work/capture" call "${library#go_}") ;;
  esac
  echo "$case"
  mkdir -p "$testdata/$case"
  OTEL_SEMCONV_STABILITY_OPT_IN=$optin "$work/capture" record "$work/input.yaml" "${program[@]}" 2>"$work/calls.log" || { cat "$work/calls.log" >&2; exit 1; }
  # The port is the only thing in the spans that differs from run to run.
  sed -e "s/\b$PG_PORT\b/5432/g" -e "s/\b$MARIADB_PORT\b/3306/g" -e "s/\b$REDIS_PORT\b/6379/g" -e "s/\b$MONGO_PORT\b/27017/g" \
    -e "s/\b$DYNAMODB_PORT\b/8000/g" -e "s/\b$ELASTICSEARCH_PORT\b/9200/g" "$work/input.yaml" >"$testdata/$case/input.yaml"
  if [[ -d $peers/$case ]]; then cp "$testdata/$case/input.yaml" "$peers/$case/"; fi
done
