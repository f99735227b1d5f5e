// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspan

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
)

// wireNames maps each field of Sent to the name of its attribute, so that a newer
// semconv package cannot change a name unnoticed.
var wireNames = map[string]string{
	"System":           "db.system",
	"SystemName":       "db.system.name",
	"Type":             "db.type",
	"DriverClass":      "db.jdbc.driver_classname",
	"Driver":           "db.driver",
	"JDBCDriver":       "jdbc.datasource.driver",
	"Name":             "db.name",
	"Namespace":        "db.namespace",
	"Instance":         "db.instance",
	"RedisIndex":       "db.redis.database_index",
	"SearchCluster":    "db.elasticsearch.cluster.name",
	"JDBCQuery":        "jdbc.query[0]",
	"Statement":        "db.statement",
	"QueryText":        "db.query.text",
	"APMStatement":     "DbStatement",
	"OriginalSQLText":  "Original SQL Text",
	"ActualSQLText":    "Actual SQL Text",
	"Operation":        "db.operation",
	"OperationName":    "db.operation.name",
	"OracleOperation":  "Database Operation",
	"BatchSize":        "db.operation.batch.size",
	"RedisCommands":    "db.redis.num_cmd",
	"RedisPipeline":    "db.redis.pipeline_length",
	"SQLTable":         "db.sql.table",
	"CollectionName":   "db.collection.name",
	"MongoCollection":  "db.mongodb.collection",
	"CassandraTable":   "db.cassandra.table",
	"CosmosContainer":  "db.cosmosdb.container",
	"Summary":          "db.query.summary",
	"StoredProcedure":  "db.stored_procedure.name",
	"ConnectionString": "db.connection_string",
	"URL":              "db.url",
	"NetPeerName":      "net.peer.name",
	"NetPeerPort":      "net.peer.port",
	"ServerAddress":    "server.address",
	"ServerPort":       "server.port",
	"PeerAddress":      "network.peer.address",
	"PeerPort":         "network.peer.port",
	"SockPeerAddr":     "net.sock.peer.addr",
	"SockPeerPort":     "net.sock.peer.port",
	"PeerIP":           "net.peer.ip",
	"OracleService":    "oracle.db.service",
	"OraclePDB":        "oracle.db.pdb",
	"OracleName":       "oracle.db.name",
	"OracleInstance":   "oracle.db.instance.name",
	"OracleTenant":     "Database Tenant",
	"OracleSQLID":      "oracle.db.query.sql.id",
	"JDBCSQLID":        "SQL ID",
	"ODPSQLID":         "db.odp.sql_id",
	"APMOracleSQLID":   "DbOracleSqlId",
}

func TestFields(t *testing.T) {
	var sent Sent
	fields := reflect.ValueOf(&sent).Elem()
	for i := range fields.NumField() {
		field := fields.Type().Field(i).Name
		if field == "Odd" {
			continue
		}
		t.Run(field, func(t *testing.T) {
			text, number := sent.field(wireNames[field])
			want := fields.Field(i).Addr().Interface()
			assert.True(t, want == any(text) || want == any(number), "%q", wireNames[field])
		})
	}
	assert.Len(t, wireNames, fields.NumField()-1)

	text, number := sent.field("db.user")
	assert.Nil(t, text)
	assert.Nil(t, number)
}
