// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspan // import "github.com/ociapm/otelcol-ociapm/internal/dbspan"

import "strings"

// Scope is what the name of an instrumentation scope shows about its spans.
type Scope struct {
	// Database is whether the scope instruments a database client.
	Database bool
	// JDBC is whether its statements go through JDBC, in which "?" is a bind
	// variable.
	JDBC bool
	// System is the database product, if the scope instruments only one.
	System System
}

// LookupScope returns what is known about an instrumentation scope with this name. It
// is zero for an unknown name.
func LookupScope(name string) Scope {
	if name == "" {
		return Scope{}
	}
	if s, ok := scopes[name]; ok {
		return s
	}
	for _, prefix := range scopePrefixes {
		rest, ok := strings.CutPrefix(name, prefix)
		if !ok {
			continue
		}
		if s, ok := scopeLibrary(rest); ok {
			return s
		}
	}
	return Scope{}
}

// scopePrefixes has the starts of the scope names of the OpenTelemetry projects.
// The name of a library follows, sometimes with a version or a suffix.
var scopePrefixes = []string{
	"io.opentelemetry.contrib.php.", // before the Java agent's, which is a prefix of it
	"io.opentelemetry.",             // Java agent: io.opentelemetry.jdbc, io.opentelemetry.mongo-4.0
	"opentelemetry.instrumentation.",
	"@opentelemetry/instrumentation-",
	"opentelemetry-instrumentation-", // packages for Node by Aspecto and others
	"OpenTelemetry.Instrumentation.", // .NET
	"OpenTelemetry::Instrumentation::",
	"go.opentelemetry.io/contrib/instrumentation/",
}

// scopeLibrary returns what is known about the library that a scope is named after.
func scopeLibrary(name string) (Scope, bool) {
	if i := strings.LastIndexByte(name, '/'); i >= 0 { // Go: …/mongo/otelmongo
		name = name[i+1:]
	}
	name = strings.ToLower(name)
	if s, ok := scopeLibraries[name]; ok {
		return s, true
	}
	if i := strings.IndexByte(name, '-'); i > 0 { // jedis-4.0, redis-4
		s, ok := scopeLibraries[name[:i]]
		return s, ok
	}
	return Scope{}, false
}

var (
	scopeLibraries = indexScopes(map[string]string{
		"": "dbapi sqlalchemy knex typeorm sequelize prisma sql otelsql otelgorm gorm pdo doctrine activerecord entityframeworkcore " +
			"r2dbc vertx hibernate mybatis tortoiseorm",
		"oracle":        "oracledb cx_oracle",
		"postgresql":    "psycopg psycopg2 asyncpg aiopg pg postgresql npgsql",
		"mysql":         "mysql mysql2 mysqlclient pymysql aiomysql mysqli trilogy",
		"mssql":         "sqlclient tedious pymssql",
		"sqlite":        "sqlite3 sqlite",
		"redis":         "redis ioredis jedis lettuce redisson rediscala stackexchangeredis",
		"memcached":     "memcached pymemcache spymemcached dalli otelmemcache",
		"mongodb":       "mongo mongodb mongoose pymongo otelmongo",
		"cassandra":     "cassandra cassandra-driver otelgocql",
		"elasticsearch": "elasticsearch",
		"opensearch":    "opensearch",
		"couchbase":     "couchbase",
		"clickhouse":    "clickhouse",
		"influxdb":      "influxdb",
		"geode":         "geode",
	})

	scopes = map[string]Scope{
		// Oracle's instrumentations: the JDBC observability provider, ODP.NET.
		"oracle.jdbc.provider.observability.tracers.otel.OTelTracer":         {Database: true, JDBC: true, System: Oracle},
		"oracle.jdbc.provider.observability.tracers.OTelTracer":              {Database: true, JDBC: true, System: Oracle},
		"oracle.jdbc.provider.opentelemetry.OpenTelemetryTraceEventListener": {Database: true, JDBC: true, System: Oracle},
		"oracle.jdbc.provider.observability.ObservabilityTraceEventListener": {Database: true, JDBC: true, System: Oracle},
		"Oracle.ManagedDataAccess.Core":                                      {Database: true, System: Oracle},
		"Oracle.ManagedDataAccess":                                           {Database: true, System: Oracle},
		"Npgsql":                                                             {Database: true, System: known("postgresql")},
		"MySqlConnector":                                                     {Database: true, System: known("mysql")},
		"connector-net":                                                      {Database: true, System: known("mysql")},
		"Microsoft.Data.SqlClient":                                           {Database: true, System: known("mssql")},
		"MongoDB.Driver.Core.Extensions.DiagnosticSources":                   {Database: true, System: known("mongodb")},
		"MongoDB.Driver":                                                     {Database: true, System: known("mongodb")},
		"@prisma/instrumentation":                                            {Database: true},
		"prisma":                                                             {Database: true},
		"github.com/XSAM/otelsql":                                            {Database: true},
		"go.nhat.io/otelsql":                                                 {Database: true},
		"github.com/nhatthm/otelsql":                                         {Database: true},
		"github.com/uptrace/opentelemetry-go-extra/otelsql":                  {Database: true},
		"github.com/uptrace/opentelemetry-go-extra/otelgorm":                 {Database: true},
		"gorm.io/plugin/opentelemetry":                                       {Database: true},
		"github.com/go-gorm/opentelemetry":                                   {Database: true},
		"github.com/exaring/otelpgx":                                         {Database: true, System: known("postgresql")},
		"github.com/jackc/pgx":                                               {Database: true, System: known("postgresql")},
		"github.com/redis/go-redis/extra/redisotel":                          {Database: true, System: known("redis")},
		"github.com/go-redis/redis/extra/redisotel":                          {Database: true, System: known("redis")},
		"go.opentelemetry.io/contrib/instrumentation/github.com/gocql/gocql/otelgocql": {Database: true, System: known("cassandra")},
	}
)

func indexScopes(bySystem map[string]string) map[string]Scope {
	index := map[string]Scope{
		"jdbc": {Database: true, JDBC: true},
	}
	for system, libraries := range bySystem {
		scope := Scope{Database: true, System: known(system)}
		for library := range strings.FieldsSeq(libraries) {
			index[library] = scope
		}
	}
	return index
}

// known is LookupSystem for the names that this package uses itself. For "" it
// returns the zero System.
func known(name string) System {
	s, _ := LookupSystem(name)
	return s
}
