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

cases=("$@")
if ((${#cases[@]} == 0)); then
  cases=(
    python_{sqlite3,psycopg2,mysql,sqlalchemy,redis,oracledb,sqlalchemy_oracle,pymssql}{,_stable}
    python_{pyodbc,pymongo,dynamodb,elasticsearch}
    node_{pg,mysql2,mongodb}{,_legacy} node_{ioredis,elasticsearch,oracledb,oracledb_statements,mongodb_reporting,prisma}
    java_{h2,postgresql,mongo}{,_stable} java_{oracle,oracle_urls,oracle_texts,urls,sqlserver}{,_stable,_dup}
    java_oracle_urls_{2_20,2_31,2_31_stable} spring_{boot3,boot4}
    go_{otelsql_pgx,otelsql_mysql,otelpgx,gorm_postgres,gorm_mysql,gorm_uptrace,redisotel,redisotel_secrets}
  )
fi
wanted() { [[ " ${cases[*]}" == *"$1"* ]]; } # a part of a case's name

python=$libraries/py/bin/python
if wanted ' python_'; then
  [[ -x $python ]] || python3 -m venv "$libraries/py"
  "$python" -m pip install -q --disable-pip-version-check -r "$here/requirements.txt"
fi
if wanted ' node_'; then
  cp "$here/package.json" "$here/schema.prisma" "$libraries/"
  npm install --prefix "$libraries" --no-package-lock --no-audit --no-fund --omit=optional --ignore-scripts --loglevel=error
  # The engine is for changes to databases. Without a name, it would be downloaded.
  (cd "$libraries" && PRISMA_SCHEMA_ENGINE_BINARY=/bin/true node_modules/.bin/prisma generate --no-hints >"$work/prisma.log")
fi
copy_jars() { mvn -q -B "$@" dependency:copy-dependencies; }
agent_version() { # of a case: the one of test/apps, or an older one
  case $1 in
  *_2_20*) echo 2.20.1 ;;
  *_2_31*) echo 2.31.1 ;;
  *) echo 2.33.1 ;;
  esac
}
for case in "${cases[@]}"; do
  agent=opentelemetry-javaagent:$(agent_version "$case")
  if [[ $case == java_* && ! -e $libraries/agents/${agent/:/-}.jar ]]; then
    mvn -q -B dependency:copy -Dartifact="io.opentelemetry.javaagent:$agent" -DoutputDirectory="$libraries/agents"
  fi
done
if wanted ' java_' || wanted mongo; then
  copy_jars -f "$here/pom.xml" -DoutputDirectory="$libraries/jars"
  javac -d "$work/classes" -cp "$libraries/jars/*" "$here"/*.java "$here/standin/StandIn.java"
fi
for boot in boot3 boot4; do
  if wanted "spring_$boot"; then
    copy_jars -f "$here/spring/pom.xml" -P"$boot" -DoutputDirectory="$libraries/$boot"
    javac -d "$work/$boot" -cp "$libraries/$boot/*" "$here/standin/StandIn.java" "$here"/spring/{Spring,oracle/jdbc/OracleDriver,org/postgresql/Driver}.java
  fi
done
(cd "$here" && go build -o "$work/capture" .)
export NODE_PATH=$libraries/node_modules

as=()
if [[ $(id -u) == 0 ]]; then
  chown nobody "$work"
  as=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
fi
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
await() {
  for _ in $(seq 300); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return; fi
    sleep 0.1
  done
  tail -n 5 "$work"/*.log >&2
  echo "no server on port $1" >&2
  return 1
}

PG_PORT=$(free_port) MARIADB_PORT=$(free_port) REDIS_PORT=$(free_port)
MONGO_PORT=$(free_port) DYNAMODB_PORT=$(free_port) ELASTICSEARCH_PORT=$(free_port)
PG_SOCKET=$work MARIADB_SOCKET=$work/s
export PG_PORT MARIADB_PORT REDIS_PORT MONGO_PORT DYNAMODB_PORT ELASTICSEARCH_PORT PG_SOCKET MARIADB_SOCKET
bin=$(echo /usr/lib/postgresql/*/bin)
cd /
"${as[@]}" "$bin/initdb" -D "$work/pg" -U hotel --auth trust --encoding UTF8 --no-locale --no-sync >"$work/initdb.log"
"${as[@]}" "$bin/postgres" -D "$work/pg" -p "$PG_PORT" -k "$work" -c listen_addresses=127.0.0.1 -c fsync=off >"$work/pg.log" 2>&1 &
pids+=($!)
"${as[@]}" mariadb-install-db --no-defaults --datadir="$work/mariadb" --auth-root-authentication-method=normal --skip-test-db >"$work/install.log" 2>&1
cat >"$work/setup.sql" <<END
CREATE DATABASE hotel;
CREATE USER hotel;
GRANT ALL ON hotel.* TO hotel;
CREATE USER night IDENTIFIED BY 'secret';
GRANT ALL ON hotel.* TO night;
END
chmod a+r "$work/setup.sql"
"${as[@]}" mariadbd --no-defaults --datadir="$work/mariadb" --bind-address=127.0.0.1 --port="$MARIADB_PORT" --socket="$work/s" \
  --pid-file="$work/pid" --skip-name-resolve --init-file="$work/setup.sql" >"$work/mariadb.log" 2>&1 &
pids+=($!)
"${as[@]}" redis-server --bind 127.0.0.1 --port "$REDIS_PORT" --save '' --dir "$work" --user night on '>s3cret' '~*' '&*' +@all >"$work/redis.log" &
pids+=($!)
ports=("$PG_PORT" "$MARIADB_PORT" "$REDIS_PORT")
if wanted mongo; then
  java -cp "$work/classes:$libraries/jars/*" Calls mongo-server "$MONGO_PORT" >"$work/mongo.log" 2>&1 &
  pids+=($!)
  ports+=("$MONGO_PORT")
fi
if wanted dynamodb; then
  "$libraries/py/bin/moto_server" -H 127.0.0.1 -p "$DYNAMODB_PORT" >"$work/moto.log" 2>&1 &
  pids+=($!)
  ports+=("$DYNAMODB_PORT")
fi
for port in "${ports[@]}"; do await "$port"; done
"$bin/createdb" -h 127.0.0.1 -p "$PG_PORT" -U hotel hotel

for case in "${cases[@]}"; do
  library=${case%_stable}
  library=${library%_dup}
  library=${library%_2_[23][01]}
  optin=
  case $case in
  *_stable) optin=database ;;
  *_dup) optin=database/dup ;;
  esac
  case $library in
  python_*) program=("$python" "$here/calls.py" "${library#python_}") ;;
  node_*) program=(node "$here/calls.js" "${library#node_}") ;;
  java_*)
    program=(java -javaagent:"$libraries/agents/opentelemetry-javaagent-$(agent_version "$case").jar" -Dotel.metrics.exporter=none -Dotel.logs.exporter=none
      -Dotel.exporter.otlp.protocol=http/protobuf -cp "$work/classes:$libraries/jars/*" Calls "${library#java_}")
    ;;
  spring_*) program=(java -cp "$work/${library#spring_}:$libraries/${library#spring_}/*" Spring) ;;
  go_*) program=("$work/capture" call "${library#go_}") ;;
  esac
  echo "$case"
  mkdir -p "$testdata/$case"
  OTEL_SEMCONV_STABILITY_OPT_IN=$optin "$work/capture" record "$work/input.yaml" "${program[@]}" 2>"$work/calls.log" || { cat "$work/calls.log" >&2; exit 1; }
  # Ports and sockets are the only things in the spans that differ from run to run.
  sed -e "s|$MARIADB_SOCKET\b|/run/mysqld/mysqld.sock|g" -e "s|$PG_SOCKET\b|/run/postgresql|g" -e "s/\b$PG_PORT\b/5432/g" -e "s/\b$MARIADB_PORT\b/3306/g" -e "s/\b$REDIS_PORT\b/6379/g" -e "s/\b$MONGO_PORT\b/27017/g" \
    -e "s/\b$DYNAMODB_PORT\b/8000/g" -e "s/\b$ELASTICSEARCH_PORT\b/9200/g" "$work/input.yaml" >"$testdata/$case/input.yaml"
  if [[ -d $peers/$case ]]; then cp "$testdata/$case/input.yaml" "$peers/$case/"; fi
done
