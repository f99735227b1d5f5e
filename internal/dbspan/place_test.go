// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspan

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestReadPlace(t *testing.T) {
	type attrs = map[string]any
	tests := []struct {
		name      string
		attrs     attrs
		system    string
		namespace string
		host      string
		port      int64
	}{
		// The Java agent's misreadings of Oracle's URLs.
		{name: "tcps", attrs: attrs{"db.system": "oracle", "db.name": "2484/spa.example.com", "server.address": "tcps", "db.connection_string": "oracle:thin://tcps"}, namespace: "spa.example.com"},
		{name: "tcps without a port", attrs: attrs{"db.system": "oracle", "db.name": "/db7.example.com/spa", "server.address": "tcps"}, namespace: "spa", host: "db7.example.com"},
		{name: "tcps, two hosts", attrs: attrs{"db.system": "oracle", "db.name": "1522,db8:1523/spa:dedicated/inst1?x=/y", "server.address": "TCPS"}, namespace: "spa"},
		{name: "tcp", attrs: attrs{"db.system.name": "oracle.db", "db.namespace": "1521/spa", "server.address": "tcp"}, namespace: "spa"},
		{name: "websocket", attrs: attrs{"db.system": "oracle", "db.name": "443/spa", "server.address": "wss"}, namespace: "spa"},
		{name: "mode of the server", attrs: attrs{"db.system": "oracle", "db.name": "spa:pooled/inst1", "server.address": "db7"}, namespace: "spa", host: "db7"},
		{name: "ldaps without a port", attrs: attrs{"db.system": "oracle", "db.name": "/oid7/cn=spa,cn=oraclecontext,dc=x", "server.address": "ldaps"}, namespace: "spa"},
		{name: "ldap", attrs: attrs{"db.system": "oracle", "db.name": "spa,cn=oraclecontext", "server.address": "oid7", "server.port": 389}, namespace: "spa"},
		{name: "IPv6 without a port", attrs: attrs{"db.system": "oracle", "db.name": "db8::7]/spa", "server.address": "[2001"}, namespace: "spa"},
		{name: "loopback", attrs: attrs{"db.system": "oracle", "db.name": "1]:1521/spa", "server.address": "["}, namespace: "spa"},
		{name: "three hosts", attrs: attrs{"db.system": "oracle", "db.name": "1521,db8:1521,db9:1521/spa", "server.address": "db7"}, namespace: "spa", host: "db7"},
		{name: "hosts without ports", attrs: attrs{"db.system": "oracle", "db.name": "spa", "server.address": "db7,db8", "server.port": 1521}, namespace: "spa", host: "db7", port: 1521},
		{name: "configuration provider", attrs: attrs{"db.system": "oracle", "db.name": "/objectstorage.example.com/n/x/b/y/o/z.json", "server.address": "config-ociobject", "db.connection_string": "oracle:thin://config-ociobject"}},
		{name: "configuration in a database", attrs: attrs{"db.system": "oracle", "db.name": "ocid1.database.x", "server.address": "config-ocidbtools"}},
		{name: "host alone", attrs: attrs{"db.system": "oracle", "db.connection_string": "oracle:thin://db7"}, host: "db7"},
		{name: "r2dbc", attrs: attrs{"db.system": "oracle", "db.connection_string": "oracle:tcps://db7:2484"}, host: "db7", port: 2484},
		{name: "r2dbc, a descriptor", attrs: attrs{"db.system": "oracle", "db.connection_string": "r2dbc:oracle://?oracle.r2dbc.descriptor=(DESCRIPTION=(ADDRESS=(HOST=db7)(PORT=1521))(CONNECT_DATA=(SERVICE_NAME=spa)))"}, namespace: "spa", host: "db7", port: 1521},
		{name: "r2dbc, a directory", attrs: attrs{"db.system": "oracle", "db.connection_string": "oracle:ldap://oid7/cn=spa,cn=OracleContext"}, namespace: "spa"},

		// Values that are not understood are left out.
		{name: "logging driver", attrs: attrs{"db.system": "other_sql", "db.connection_string": "log4jdbc:"}},
		{name: "name of a pool", attrs: attrs{"db.system": "postgresql", "db.connection_string": "SpaPool-1"}},
		{name: "name of a pool, Oracle", attrs: attrs{"db.system": "oracle", "db.connection_string": "SpaPool-1"}},
		{name: "pool of a server", attrs: attrs{"db.system": "other_sql", "db.connection_string": "weblogic:pool:spaPool"}},
		{name: "port behind a file", attrs: attrs{"db.system": "h2", "db.connection_string": "h2:tcp://h7/~/spa:8082", "server.address": "h7/~/spa"}, namespace: "spa", host: "h7"},
		{name: "memory of a server", attrs: attrs{"db.system": "h2", "db.connection_string": "h2:tcp://h7/mem:spa:8082", "server.address": "h7/mem"}, namespace: "spa", host: "h7"},
		{name: "local server", attrs: attrs{"db.system": "mssql", "db.connection_string": `Data Source=(localdb)\MSSQLLocalDB;Initial Catalog=spa`}, namespace: "spa"},
		{name: "this machine", attrs: attrs{"db.system": "mssql", "server.address": ".", "db.name": "spa"}, namespace: "spa"},

		// Addresses with more than a host.
		{name: "host and port", attrs: attrs{"db.system": "mysql", "server.address": "my7:3307"}, host: "my7", port: 3307},
		{name: "list", attrs: attrs{"db.system": "mongodb", "server.address": "m7:27018,m8:27019"}, host: "m7", port: 27018},
		{name: "instance", attrs: attrs{"db.system": "mssql", "server.address": `sql7\SPA`}, host: "sql7"},
		{name: "data source name on several lines", attrs: attrs{"db.system.name": "postgresql", "server.address": "host=pg7\nuser=app\npassword=Zx9\ndbname=spa\nport=5433"}, system: "postgresql", namespace: "spa", host: "pg7", port: 5433},
		{name: "parameters with commas", attrs: attrs{"db.system.name": "other_sql", "db.namespace": "database=spa,user=app,password=Zx9", "server.address": "td7"}, system: "other_sql", host: "td7"},
		{name: "data source", attrs: attrs{"db.system": "mssql", "server.address": `tcp:sql7\SPA,1444`}, host: "sql7", port: 1444},
		{name: "connection's number", attrs: attrs{"db.system": "mongodb", "network.peer.address": "m7:27017[-12]"}, host: "m7", port: 27017},
		{name: "IPv6", attrs: attrs{"db.system": "mysql", "server.address": "[2001:db8::7]:3307"}, host: "2001:db8::7", port: 3307},
		{name: "IPv6 with a zone", attrs: attrs{"db.system": "mysql", "server.address": "fe80::7%eth0"}, host: "fe80::7%eth0"},
		{name: "socket", attrs: attrs{"db.system": "postgresql", "server.address": "/run/pg/.s.PGSQL.5432"}, host: "/run/pg/.s.PGSQL.5432"},
		{name: "folder of a socket at the root", attrs: attrs{"db.system": "postgresql", "server.address": "/sockets"}, host: "/sockets"},
		{name: "folder of a socket, with a port", attrs: attrs{"db.system": "postgresql", "server.address": "/run/pg:5433"}, host: "/run/pg", port: 5433},
		{name: "Easy Connect", attrs: attrs{"db.system": "oracle", "server.address": "//db7:1522/spa"}, namespace: "spa", host: "db7", port: 1522},
		{name: "Easy Connect, IPv6", attrs: attrs{"db.system": "oracle", "db.name": "//[2001:db8::7]:1521/spa"}, namespace: "spa", host: "2001:db8::7", port: 1521},
		{name: "host, port and SID", attrs: attrs{"db.system": "oracle", "server.address": "db7:1522:spa"}, namespace: "spa", host: "db7", port: 1522},
		{name: "list with blanks", attrs: attrs{"db.system": "mssql", "server.address": "sql7 , 1444"}, host: "sql7", port: 1444},
		{name: "address of Java", attrs: attrs{"db.system": "postgresql", "network.peer.address": "/10.0.0.7:5433"}, host: "10.0.0.7", port: 5433},
		{name: "scheme for an address", attrs: attrs{"db.system": "mysql", "server.address": "p6spy:"}},
		{name: "StackExchange.Redis string", attrs: attrs{"db.system": "redis", "db.namespace": "cache7:6380,password=Zx9,ssl=True"}, host: "cache7", port: 6380},
		{name: "directory", attrs: attrs{"db.system": "oracle", "server.address": "ldap://oid7/cn=spa,cn=OracleContext,dc=x"}, namespace: "spa"},
		{name: "second name where the first is refused", attrs: attrs{"db.system": "mysql", "server.address": "app:Zx9", "net.peer.name": "my7"}, host: "my7"},

		// Names of one database.
		{name: "instance of a cluster", attrs: attrs{"db.system.name": "oracle.db", "db.namespace": "A1|PDB|spa"}, namespace: "spa"},
		{name: "instance of a cluster, with blanks", attrs: attrs{"db.system.name": "oracle.db", "db.namespace": "A1 | PDB | spa"}, namespace: "spa"},
		{name: "service alone", attrs: attrs{"db.system.name": "oracle.db", "db.namespace": "||spa"}, namespace: "spa"},
		{name: "no service", attrs: attrs{"db.system.name": "oracle.db", "db.namespace": "A1|PDB|"}, namespace: "PDB"},
		{name: "instance alone", attrs: attrs{"db.system.name": "oracle.db", "db.namespace": "A1||", "server.address": "db7"}, host: "db7"},
		{name: "cluster", attrs: attrs{"db.system": "opensearch", "db.elasticsearch.cluster.name": "spa", "server.address": "es7"}, namespace: "spa", host: "es7"},

		{name: "path of a resource", attrs: attrs{"db.system": "spanner", "db.name": "projects/p/instances/i/databases/spa", "server.address": "spanner.googleapis.com"}, namespace: "projects/p/instances/i/databases/spa", host: "spanner.googleapis.com"},
		{name: "path of a resource, project of an organization", attrs: attrs{"db.system": "spanner", "db.namespace": "projects/example.com:p/instances/i/databases/spa"}, namespace: "projects/example.com:p/instances/i/databases/spa"},
		{name: "path of a resource, any system", attrs: attrs{"db.system": "frobdb", "db.instance": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Sql/servers/sql7/databases/spa"}, namespace: "/subscriptions/s/resourceGroups/g/providers/Microsoft.Sql/servers/sql7/databases/spa"},
		{name: "path of Firestore's first database", attrs: attrs{"db.system": "firestore", "db.name": "projects/p/databases/(default)"}, namespace: "projects/p/databases/(default)"},
		{name: "path with credentials", attrs: attrs{"db.system": "spanner", "db.name": "projects/app:Zx9/instances/i/databases/spa"}},
		{name: "path with a secret key", attrs: attrs{"db.system": "spanner", "db.name": "projects/p/instances/i/password=Zx9/spa"}},
		{name: "user called projects", attrs: attrs{"db.system": "frobdb", "db.name": "projects/Zx9"}},
		{name: "catalog and database", attrs: attrs{"db.system": "athena", "db.name": "AwsDataCatalog/spa"}, namespace: "AwsDataCatalog/spa"},
		{name: "catalog and schema", attrs: attrs{"db.system": "trino", "db.name": "hive/spa", "server.address": "tr7"}, namespace: "hive", host: "tr7"},
		{name: "path at the root", attrs: attrs{"db.system": "ydb", "db.name": "/region7/spa"}, namespace: "/region7/spa"},

		// The system is derived from the address.
		{name: "by the peer's port", attrs: attrs{"db.statement": "SELECT 1", "network.peer.address": "10.0.0.7", "network.peer.port": 5432}, system: "postgresql", host: "10.0.0.7", port: 5432},
		{name: "by the socket's port", attrs: attrs{"db.statement": "SELECT 1", "net.sock.peer.port": 3306}, system: "mysql"},
		{name: "by the port in the address", attrs: attrs{"db.statement": "SELECT 1", "server.address": "db7:1521"}, system: "oracle", host: "db7", port: 1521},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s Span
			assert.Equal(t, KindDatabase, s.Read(attributes(t, tt.attrs), Scope{}))
			if tt.system != "" {
				assert.Equal(t, tt.system, s.System.Legacy)
			}
			assert.Equal(t, tt.namespace, s.Namespace, "namespace")
			assert.Equal(t, tt.host, s.ServerAddress, "host")
			if tt.host != "" && tt.system == "" {
				assert.Equal(t, tt.port, s.ServerPort, "port")
			}
		})
	}
}

func TestReadOtherShapes(t *testing.T) {
	tests := []struct {
		name  string
		attrs map[string]any
		kind  Kind
		want  Span // without Sent
	}{
		{"datasource-micrometer", map[string]any{"jdbc.query[0]": "SELECT 1", "jdbc.params[0]": "()"}, KindDatabase, Span{System: OtherSQL, Statement: "SELECT 1", JDBC: true}},
		{"tenant alone", map[string]any{"db.tenant": "blue"}, KindOther, Span{}},
		{"user alone", map[string]any{"db.user": "app"}, KindOther, Span{}},
		{"tenant of a call", map[string]any{"db.tenant": "blue", "db.statement": "SELECT 1"}, KindDatabase, Span{System: OtherSQL, Statement: "SELECT 1"}},
		{"tenant of an http call", map[string]any{"db.tenant": "blue", "http.method": "GET"}, KindHTTP, Span{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got Span
			assert.Equal(t, tt.kind, got.Read(attributes(t, tt.attrs), Scope{}))
			if tt.kind == KindDatabase {
				got.Sent = Sent{}
				assert.Equal(t, tt.want, got)
			}
		})
	}
}

func TestShared(t *testing.T) {
	for _, tt := range []struct {
		system    System
		namespace string
		want      bool
	}{
		{redis, "2", true}, {redis, "cache", false}, {redis, "", false}, {mongoDB, "admin", true}, {mongoDB, "spa", false}, {Oracle, "2", false},
	} {
		s := Span{System: tt.system, Namespace: tt.namespace}
		assert.Equal(t, tt.want, s.IsShared(), "%s %s", tt.system.Legacy, tt.namespace)
	}
}
