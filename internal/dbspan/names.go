// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspan // import "github.com/ociapm/otelcol-ociapm/internal/dbspan"

// text is where the value of an attribute with text goes, or nil.
func (t *Sent) text(key string) *string {
	switch key {
	case "db.system":
		return &t.System
	case "db.system.name":
		return &t.SystemName
	case "db.type":
		return &t.Type
	case "db.jdbc.driver_classname":
		return &t.DriverClass
	case "db.driver":
		return &t.Driver
	case "db.name":
		return &t.Name
	case "db.namespace":
		return &t.Namespace
	case "db.instance":
		return &t.Instance
	case "db.redis.database_index":
		return &t.RedisIndex
	case "db.statement":
		return &t.Statement
	case "db.query.text":
		return &t.QueryText
	case "DbStatement":
		return &t.APMStatement
	case "Original SQL Text":
		return &t.OriginalSQLText
	case "Actual SQL Text":
		return &t.ActualSQLText
	case "db.operation":
		return &t.Operation
	case "db.operation.name":
		return &t.OperationName
	case "Database Operation":
		return &t.OracleOperation
	case "db.sql.table":
		return &t.SQLTable
	case "db.collection.name":
		return &t.CollectionName
	case "db.mongodb.collection":
		return &t.MongoCollection
	case "db.cassandra.table":
		return &t.CassandraTable
	case "db.cosmosdb.container":
		return &t.CosmosContainer
	case "db.query.summary":
		return &t.Summary
	case "db.stored_procedure.name":
		return &t.StoredProcedure
	case "db.connection_string":
		return &t.ConnectionString
	case "db.url":
		return &t.URL
	case "net.peer.name":
		return &t.NetPeerName
	case "server.address":
		return &t.ServerAddress
	case "network.peer.address":
		return &t.PeerAddress
	case "net.sock.peer.addr":
		return &t.SockPeerAddr
	case "net.peer.ip":
		return &t.PeerIP
	case "oracle.db.service":
		return &t.OracleService
	case "oracle.db.pdb":
		return &t.OraclePDB
	case "oracle.db.name":
		return &t.OracleName
	case "oracle.db.instance.name":
		return &t.OracleInstance
	case "Database Tenant":
		return &t.OracleTenant
	case "oracle.db.query.sql.id":
		return &t.OracleSQLID
	case "SQL ID":
		return &t.JDBCSQLID
	case "db.odp.sql_id":
		return &t.ODPSQLID
	case "DbOracleSqlId":
		return &t.APMOracleSQLID
	default:
		return nil
	}
}

// number is where the value of an attribute with a number goes, or nil.
func (t *Sent) number(key string) *int64 {
	switch key {
	case "net.peer.port":
		return &t.NetPeerPort
	case "server.port":
		return &t.ServerPort
	case "network.peer.port":
		return &t.PeerPort
	case "net.sock.peer.port":
		return &t.SockPeerPort
	case "db.operation.batch.size":
		return &t.BatchSize
	case "db.redis.num_cmd":
		return &t.RedisCommands
	case "db.redis.pipeline_length":
		return &t.RedisPipeline
	default:
		return nil
	}
}
