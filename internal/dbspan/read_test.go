// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspan

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

func attributes(t testing.TB, raw map[string]any) pcommon.Map {
	t.Helper()
	m := pcommon.NewMap()
	require.NoError(t, m.FromRaw(raw))
	return m
}

// Each case has the attributes that the instrumentation in its name sends, according to
// that instrumentation's source and tests.
func TestRead(t *testing.T) {
	tests := []struct {
		name  string
		scope string
		attrs map[string]any
		want  Span // without Sent
		kind  Kind
	}{
		{
			name:  "python dbapi with oracledb, the guide's",
			scope: "opentelemetry.instrumentation.dbapi",
			attrs: map[string]any{"db.system": "oracle", "db.name": "", "db.statement": "SELECT 1 FROM dual", "db.user": "hotel"},
			want:  Span{System: Oracle, Statement: "SELECT 1 FROM dual"},
		},
		{
			name:  "python dbapi told to send the data source name as the database",
			scope: "opentelemetry.instrumentation.dbapi",
			attrs: map[string]any{"db.system": "oracledb", "db.name": "(description=(address=(host=adb.example.com)(port=1522))(connect_data=(service_name=hotel_high)))"},
			want:  Span{System: Oracle, Namespace: "hotel_high", ServerAddress: "adb.example.com", ServerPort: 1522},
		},
		{
			name:  "datasource-micrometer, which names the driver",
			scope: "org.springframework.boot",
			attrs: map[string]any{"jdbc.datasource.driver": "oracle.jdbc.OracleDriver", "jdbc.query[0]": "SELECT 1 FROM dual"},
			want:  Span{System: Oracle, Statement: "SELECT 1 FROM dual", JDBC: true},
		},
		{
			name:  "easy connect without a port as the database",
			attrs: map[string]any{"db.system": "oracle", "db.name": "db1.example.com/orclpdb1"},
			want:  Span{System: Oracle, Namespace: "orclpdb1", ServerAddress: "db1.example.com"},
		},
		{
			name:  "what may be a user and a password as the database",
			attrs: map[string]any{"db.system": "oracle", "db.name": "scott/tiger"},
			want:  Span{System: Oracle},
		},
		{
			name:  "the data source name alone tells the system",
			attrs: map[string]any{"db.system": "other_sql", "db.name": "(DESCRIPTION=(ADDRESS=(HOST=db1)(PORT=1521))(CONNECT_DATA=(SID=x)))"},
			want:  Span{System: Oracle, Namespace: "x", ServerAddress: "db1", ServerPort: 1521},
		},
		{
			name:  "easy connect with a protocol as the database",
			attrs: map[string]any{"db.system": "oracle", "db.name": "tcps://db1.example.com:2484/orclpdb1"},
			want:  Span{System: Oracle, Namespace: "orclpdb1", ServerAddress: "db1.example.com", ServerPort: 2484},
		},
		{
			name:  "java agent with an alias and the wallet's folder",
			scope: "io.opentelemetry.jdbc",
			attrs: map[string]any{
				"db.system": "oracle", "db.name": "opt/wallet", "db.connection_string": "oracle:thin://hotel_high?tns_admin=:1521",
				"server.address": "hotel_high?tns_admin=", "server.port": 1521,
			},
			want: Span{System: Oracle, Namespace: "hotel_high", JDBC: true},
		},
		{
			name:  "java agent with an entry of a directory",
			scope: "io.opentelemetry.jdbc",
			attrs: map[string]any{
				"db.system.name": "oracle.db", "db.namespace": "cn=hotel,cn=oraclecontext,dc=example,dc=com", "server.address": "oid.example.com", "server.port": 389,
			},
			want: Span{System: Oracle, Namespace: "hotel", JDBC: true},
		},
		{
			name:  "node mongodb, a command of the database",
			scope: "@opentelemetry/instrumentation-mongodb",
			attrs: map[string]any{"db.system.name": "mongodb", "db.collection.name": "$cmd", "db.operation.name": "aggregate", "db.namespace": "hotel"},
			want:  Span{System: mongoDB, Namespace: "hotel", Operation: "aggregate"},
		},
		{
			name:  "the Java agent's PostgreSQL, both generations",
			attrs: map[string]any{"db.system": "postgresql", "db.system.name": "postgresql", "db.name": "shop", "db.namespace": "shop|app"},
			want:  Span{System: postgreSQL, Namespace: "shop"},
		},
		{
			name:  "PostgreSQL, a schema without a database",
			attrs: map[string]any{"db.system.name": "postgresql", "db.namespace": "|app", "db.name": "shop"},
			want:  Span{System: postgreSQL, Namespace: "shop"},
		},
		{
			name:  "SQL Server with its instance",
			attrs: map[string]any{"db.system.name": "microsoft.sql_server", "db.namespace": "SQLEXPRESS|shop"},
			want:  Span{System: sqlServer, Namespace: "shop"},
		},
		{
			name:  "SQL Server without an instance",
			attrs: map[string]any{"db.system.name": "microsoft.sql_server", "db.namespace": "shop"},
			want:  Span{System: sqlServer, Namespace: "shop"},
		},
		{
			name:  "python psycopg2",
			scope: "opentelemetry.instrumentation.psycopg2",
			attrs: map[string]any{"db.system": "postgresql", "db.name": "shop", "db.statement": "SELECT 1", "db.user": "app", "net.peer.name": "pg1", "net.peer.port": 5432},
			want:  Span{System: postgreSQL, Namespace: "shop", Statement: "SELECT 1", ServerAddress: "pg1", ServerPort: 5432},
		},
		{
			name:  "node oracledb",
			scope: "@opentelemetry/instrumentation-oracledb",
			attrs: map[string]any{
				"db.system.name": "oracle.db", "db.namespace": "ORCL1|PDB1|svc", "db.operation.name": "SELECT", "db.query.text": "SELECT :1 FROM dual",
				"server.address": "db1", "server.port": 1521, "network.transport": "TCP", "oracle.db.pdb": "PDB1",
			},
			want: Span{System: Oracle, Namespace: "svc", Operation: "SELECT", Statement: "SELECT :1 FROM dual", ServerAddress: "db1", ServerPort: 1521},
		},
		{
			name:  "node pg",
			scope: "@opentelemetry/instrumentation-pg",
			attrs: map[string]any{"db.system": "postgresql", "db.connection_string": "postgresql://localhost:5432/shop", "db.statement": "SELECT $1"},
			want:  Span{System: postgreSQL, Namespace: "shop", Statement: "SELECT $1", ServerAddress: "localhost", ServerPort: 5432},
		},
		{
			name:  "node mysql2",
			scope: "@opentelemetry/instrumentation-mysql2",
			attrs: map[string]any{"db.system": "mysql", "db.connection_string": "jdbc:mysql://127.0.0.1:33306/test_db", "db.name": "test_db", "db.statement": "SELECT 1+1"},
			want:  Span{System: mySQL, Namespace: "test_db", Statement: "SELECT 1+1", ServerAddress: "127.0.0.1", ServerPort: 33306},
		},
		{
			name:  "node ioredis",
			scope: "@opentelemetry/instrumentation-ioredis",
			attrs: map[string]any{"db.system": "redis", "db.connection_string": "redis://cache:6379", "db.statement": "get key", "net.peer.name": "cache", "net.peer.port": 6379},
			want:  Span{System: redis, Statement: "get key", ServerAddress: "cache", ServerPort: 6379},
		},
		{
			name:  "node mongodb",
			scope: "@opentelemetry/instrumentation-mongodb",
			attrs: map[string]any{"db.system": "mongodb", "db.name": "shop", "db.mongodb.collection": "orders", "db.operation": "find", "db.statement": `{"a":"?"}`, "net.peer.name": "m1", "net.peer.port": "27017"},
			want:  Span{System: mongoDB, Namespace: "shop", Collection: "orders", Operation: "find", Statement: `{"a":"?"}`, ServerAddress: "m1", ServerPort: 27017},
		},
		{
			name:  "java agent, oracle",
			scope: "io.opentelemetry.jdbc",
			attrs: map[string]any{"db.system": "oracle", "db.connection_string": "oracle:thin://db1:1521", "db.name": "orclpdb1", "db.operation": "SELECT", "db.sql.table": "emp", "db.statement": "SELECT * FROM emp WHERE id = ?", "server.address": "db1", "server.port": 1521},
			want:  Span{System: Oracle, Namespace: "orclpdb1", Collection: "emp", Operation: "SELECT", Statement: "SELECT * FROM emp WHERE id = ?", ServerAddress: "db1", ServerPort: 1521, JDBC: true},
		},
		{
			name:  "oracle jdbc provider, legacy names",
			scope: "oracle.jdbc.provider.observability.tracers.otel.OTelTracer",
			attrs: map[string]any{
				"Connection ID": "x", "Database Operation": "Execute query", "Database Tenant": "PDB1", "SQL ID": "8vq9m5kx3n2wh",
				"Original SQL Text": "SELECT ? FROM dual", "Actual SQL Text": "SELECT :1  FROM dual",
			},
			want: Span{System: Oracle, Namespace: "PDB1", Call: "Execute query", Statement: "SELECT ? FROM dual", ServerText: "SELECT :1  FROM dual", OracleSQLID: "8vq9m5kx3n2wh", JDBC: true},
		},
		{
			name:  "oracle jdbc provider, stable names",
			scope: "oracle.jdbc.provider.observability.tracers.otel.OTelTracer",
			attrs: map[string]any{
				"db.system.name": "oracle.db", "db.namespace": "svc", "db.operation.name": "ExecuteQuery", "db.query.summary": "SELECT",
				"oracle.db.query.sql.id": "8vq9m5kx3n2wh", "server.address": "db1",
			},
			want: Span{System: Oracle, Namespace: "svc", Operation: "SELECT", Call: "ExecuteQuery", OracleSQLID: "8vq9m5kx3n2wh", ServerAddress: "db1", JDBC: true},
		},
		{
			name:  "odp.net without its enrichment",
			scope: "Oracle.ManagedDataAccess.Core",
			attrs: map[string]any{"db.system": "oracle", "db.odp.roundtrip.count": 1},
			want:  Span{System: Oracle},
		},
		{
			name:  "sqlclient",
			scope: "OpenTelemetry.Instrumentation.SqlClient",
			attrs: map[string]any{"db.system": "mssql", "db.name": "shop", "server.address": "sql1", "db.statement": "EXEC p"},
			want:  Span{System: sqlServer, Namespace: "shop", Statement: "EXEC p", ServerAddress: "sql1"},
		},
		{
			name:  "php pdo that does not know its driver",
			scope: "io.opentelemetry.contrib.php.pdo",
			attrs: map[string]any{"db.system": "other_sql", "db.connection_string": "oci:", "db.query.text": "SELECT 1"},
			want:  Span{System: Oracle, Statement: "SELECT 1"},
		},
		{
			name:  "go otelsql without attributes of its own",
			scope: "github.com/XSAM/otelsql",
			attrs: map[string]any{"db.statement": "SELECT 1"},
			want:  Span{System: OtherSQL, Statement: "SELECT 1"},
		},
		{
			name:  "driver class of a jdbc pool",
			attrs: map[string]any{"db.jdbc.driver_classname": "oracle.jdbc.OracleDriver", "db.statement": "SELECT 1"},
			want:  Span{System: Oracle, Statement: "SELECT 1"},
		},
		{
			name:  "stable names win over legacy ones",
			attrs: map[string]any{"db.system": "mysql", "db.system.name": "oracle.db", "db.name": "a", "db.namespace": "b", "db.statement": "c", "db.query.text": "d", "net.peer.name": "e", "server.address": "f"},
			want:  Span{System: Oracle, Namespace: "b", Statement: "d", ServerAddress: "f"},
		},
		{
			name:  "empty counts as absent",
			attrs: map[string]any{"db.system": "", "db.system.name": "postgresql", "db.namespace": "", "db.name": "shop"},
			want:  Span{System: postgreSQL, Namespace: "shop"},
		},
		{
			name:  "a system nobody knows",
			attrs: map[string]any{"db.system": "frobdb"},
			want:  Span{System: System{Legacy: "frobdb", Stable: "frobdb"}},
		},
		{
			name:  "opentracing's names",
			attrs: map[string]any{"db.type": "postgres", "db.instance": "shop", "db.statement": "SELECT 1"},
			want:  Span{System: postgreSQL, Namespace: "shop", Statement: "SELECT 1"},
		},
		{
			name:  "the scope of a database that has one system",
			scope: "opentelemetry.instrumentation.asyncpg",
			attrs: map[string]any{"net.peer.name": "pg1"},
			want:  Span{System: postgreSQL, ServerAddress: "pg1"},
		},
		{
			name:  "a port as the last resort",
			attrs: map[string]any{"server.address": "db1", "server.port": 1521},
			want:  Span{System: Oracle, ServerAddress: "db1", ServerPort: 1521},
		},
		{
			name:  "socket addresses where there is no name",
			attrs: map[string]any{"db.system": "mysql", "net.sock.peer.addr": "10.0.0.7", "net.sock.peer.port": 3306},
			want:  Span{System: mySQL, ServerAddress: "10.0.0.7", ServerPort: 3306},
		},
		{
			name:  "oracle's own names for the place",
			attrs: map[string]any{"db.system.name": "oracle.db", "oracle.db.name": "FREE", "oracle.db.pdb": "FREEPDB1", "oracle.db.service": "svc"},
			want:  Span{System: Oracle, Namespace: "FREEPDB1"},
		},
		{
			name:  "elasticsearch is http and a database",
			attrs: map[string]any{"db.system": "elasticsearch", "http.request.method": "POST", "url.full": "http://es:9200/x", "server.address": "es", "server.port": 9200},
			want:  Span{System: known("elasticsearch"), ServerAddress: "es", ServerPort: 9200},
		},
		{name: "http to a database's port", attrs: map[string]any{"http.method": "GET", "net.peer.port": 6379}, kind: KindHTTP},
		{name: "http in a database's scope", scope: "@opentelemetry/instrumentation-pg", attrs: map[string]any{"url.full": "http://x", "server.port": 5432}, kind: KindHTTP},
		{name: "http with a stray database attribute", attrs: map[string]any{"http.method": "GET", "db.user": "app"}, kind: KindHTTP},
		{name: "rpc to a database's port", attrs: map[string]any{"rpc.system": "grpc", "server.port": 5432}, kind: KindRPC},
		{name: "messaging over rpc", attrs: map[string]any{"messaging.system": "gcp_pubsub", "rpc.system": "grpc"}, kind: KindMessaging},
		{name: "a language model", attrs: map[string]any{"gen_ai.system": "oci", "server.port": 1521}, kind: KindOther},
		{name: "another port", attrs: map[string]any{"server.address": "x", "server.port": 443}, kind: KindOther},
		{name: "a scope of any database without a word on which", scope: "github.com/XSAM/otelsql", attrs: map[string]any{"thread.id": 1}, kind: KindOther},
		{name: "nothing", kind: KindOther},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.want != (Span{}) {
				tt.kind = KindDatabase
			}
			var got Span
			assert.Equal(t, tt.kind, got.Read(attributes(t, tt.attrs), LookupScope(tt.scope)))
			if tt.kind == KindDatabase {
				got.Sent = Sent{}
				assert.Equal(t, tt.want, got)
			}
		})
	}
}

// The order of the attributes must not matter.
func TestReadIsIndependentOfOrder(t *testing.T) {
	names := []string{
		"db.system", "db.system.name", "db.name", "db.namespace", "db.instance", "db.statement", "db.query.text", "DbStatement", "db.operation",
		"db.operation.name", "db.sql.table", "db.collection.name", "net.peer.name", "server.address", "network.peer.address", "net.sock.peer.addr",
		"net.peer.ip", "db.connection_string", "db.url", "db.driver", "db.jdbc.driver_classname", "oracle.db.query.sql.id", "SQL ID", "db.odp.sql_id",
		"Original SQL Text", "Actual SQL Text", "http.method",
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		subset := names[:0:0]
		for _, name := range names {
			if random.IntN(3) == 0 {
				subset = append(subset, name)
			}
		}
		var want Span
		var wantKind Kind
		for i := range 4 {
			attrs := pcommon.NewMap()
			for _, name := range subset {
				attrs.PutStr(name, "value of "+name)
			}
			var got Span
			kind := got.Read(attrs, Scope{})
			if i == 0 {
				want, wantKind = got, kind
			}
			require.Equal(t, wantKind, kind, subset)
			require.Equal(t, want, got, subset)
			random.Shuffle(len(subset), func(i, j int) { subset[i], subset[j] = subset[j], subset[i] })
		}
	}
}

func TestReadAllocatesNothingForOthers(t *testing.T) {
	spans := map[string]pcommon.Map{
		"http":  attributes(t, httpAttributes),
		"empty": pcommon.NewMap(),
	}
	for name, attrs := range spans {
		t.Run(name, func(t *testing.T) {
			var s Span
			assert.Zero(t, testing.AllocsPerRun(100, func() { s.Read(attrs, Scope{}) }))
		})
	}
}

var httpAttributes = map[string]any{
	"http.request.method": "GET", "url.full": "http://shop.example.test/", "server.address": "shop.example.test", "server.port": 443,
	"http.response.status_code": 200, "network.protocol.version": "1.1", "user_agent.original": "curl", "thread.id": 12, "thread.name": "main",
}

func BenchmarkRead(b *testing.B) {
	for name, raw := range map[string]map[string]any{
		"http": httpAttributes,
		"oracle": {
			"db.system": "oracle", "db.name": "orclpdb1", "db.operation": "SELECT", "db.sql.table": "emp", "db.statement": "SELECT * FROM emp WHERE id = :1",
			"server.address": "db1", "server.port": 1521, "thread.id": 12, "thread.name": "main",
		},
		"connection string": {"db.system": "oracle", "db.connection_string": "jdbc:oracle:thin:@//db1:1521/svc", "db.statement": "SELECT 1 FROM dual"},
	} {
		b.Run(name, func(b *testing.B) {
			attrs := attributes(b, raw)
			var s Span
			b.ReportAllocs()
			for b.Loop() {
				s.Read(attrs, Scope{})
			}
		})
	}
}

// Reading into a used Span must have the same result as reading into a new one.
func TestReadReused(t *testing.T) {
	inputs := []map[string]any{
		{"db.system": "oracle", "db.name": "ORCL"},
		{"db.system": "oracle", "db.connection_string": "jdbc:oracle:thin:@//db1:1521/svc"},
		{"db.system": "other_sql", "db.connection_string": "jdbc:postgresql://db2/shop"},
		{"db.system": "other_sql", "server.port": 3306},
		{"db.statement": "SELECT 1"},
		{"db.system.name": "frobdb"},
		{"http.request.method": "GET"},
		{"db.system": "frobdb"},
		{"db.system.name": "oracle", "db.system": "mysql"},
		{"db.system": "oracle", "db.query.text": 7},
	}
	for first := range inputs {
		for second := range inputs {
			var used, fresh Span
			used.Read(attributes(t, inputs[first]), Scope{})
			got := used.Read(attributes(t, inputs[second]), Scope{})
			want := fresh.Read(attributes(t, inputs[second]), Scope{})
			require.Equal(t, want, got, "%v after %v", inputs[second], inputs[first])
			if want == KindDatabase {
				require.Equal(t, fresh, used, "%v after %v", inputs[second], inputs[first])
			}
		}
	}
}

func TestReadOdd(t *testing.T) {
	tests := []struct {
		name  string
		value any
		odd   bool
	}{
		{"db.statement", "SELECT 1", false},
		{"db.statement", 7, true},
		{"db.redis.database_index", 3, false},
		{"server.port", 1521, false},
		{"server.port", "1521", false},
		{"server.port", 0, true},
		{"server.port", 15.21, true},
		{"thread.id", 7, false},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.name, "=", tt.value), func(t *testing.T) {
			var s Span
			s.Read(attributes(t, map[string]any{"db.system": "oracle", tt.name: tt.value}), Scope{})
			assert.Equal(t, tt.odd, s.Sent.Odd)
		})
	}
}
