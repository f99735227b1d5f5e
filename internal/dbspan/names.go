// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspan // import "github.com/ociapm/otelcol-ociapm/internal/dbspan"

import (
	legacy "go.opentelemetry.io/otel/semconv/v1.25.0"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
)

// The attributes of a database span. Each constant is named after the field of
// Sent that has its value. The names are OpenTelemetry's constants if there are
// any: the stable names from a current version of the conventions, and the
// legacy ones from the last version that defined them.
const (
	AttrSystem      = string(legacy.DBSystemKey)
	AttrSystemName  = string(semconv.DBSystemNameKey)
	AttrType        = "db.type" // OpenTracing
	AttrDriverClass = string(legacy.DBJDBCDriverClassnameKey)
	AttrDriver      = "db.driver"
	AttrJDBCDriver  = "jdbc.datasource.driver" // datasource-micrometer

	AttrName          = string(legacy.DBNameKey)
	AttrNamespace     = string(semconv.DBNamespaceKey)
	AttrInstance      = "db.instance" // OpenTracing
	AttrRedisIndex    = string(legacy.DBRedisDBIndexKey)
	AttrSearchCluster = string(legacy.DBElasticsearchClusterNameKey)

	AttrStatement       = string(legacy.DBStatementKey)
	AttrQueryText       = string(semconv.DBQueryTextKey)
	AttrAPMStatement    = "DbStatement"       // OCI APM
	AttrOriginalSQLText = "Original SQL Text" // Oracle's JDBC provider
	AttrActualSQLText   = "Actual SQL Text"   // Oracle's JDBC provider
	AttrJDBCQuery       = "jdbc.query[0]"     // datasource-micrometer, common with Spring Boot
	AttrSummary         = string(semconv.DBQuerySummaryKey)

	AttrOperation       = string(legacy.DBOperationKey)
	AttrOperationName   = string(semconv.DBOperationNameKey)
	AttrOracleOperation = "Database Operation" // Oracle's JDBC provider
	AttrStoredProcedure = string(semconv.DBStoredProcedureNameKey)
	AttrBatchSize       = string(semconv.DBOperationBatchSizeKey)
	AttrRedisCommands   = "db.redis.num_cmd"         // go-redis
	AttrRedisPipeline   = "db.redis.pipeline_length" // redis-py

	AttrSQLTable        = string(legacy.DBSQLTableKey)
	AttrCollectionName  = string(semconv.DBCollectionNameKey)
	AttrMongoCollection = string(legacy.DBMongoDBCollectionKey)
	AttrCassandraTable  = string(legacy.DBCassandraTableKey)
	AttrCosmosContainer = string(legacy.DBCosmosDBContainerKey)

	AttrConnectionString = string(legacy.DBConnectionStringKey)
	AttrURL              = "db.url"
	AttrUser             = string(legacy.DBUserKey) // not read, but may contain a password
	AttrNetPeerName      = string(legacy.NetPeerNameKey)
	AttrNetPeerPort      = string(legacy.NetPeerPortKey)
	AttrServerAddress    = string(semconv.ServerAddressKey)
	AttrServerPort       = string(semconv.ServerPortKey)
	AttrPeerAddress      = string(semconv.NetworkPeerAddressKey)
	AttrPeerPort         = string(semconv.NetworkPeerPortKey)
	AttrSockPeerAddr     = string(legacy.NetSockPeerAddrKey)
	AttrSockPeerPort     = string(legacy.NetSockPeerPortKey)
	AttrPeerIP           = "net.peer.ip" // conventions before 1.13; their package links net/http

	AttrOracleService  = string(semconv.OracleDBServiceKey)
	AttrOraclePDB      = string(semconv.OracleDBPdbKey)
	AttrOracleName     = string(semconv.OracleDBNameKey)
	AttrOracleInstance = string(semconv.OracleDBInstanceNameKey)
	AttrOracleTenant   = "Database Tenant" // Oracle's JDBC provider
	AttrOracleSQLID    = "oracle.db.query.sql.id"
	AttrJDBCSQLID      = "SQL ID"        // Oracle's JDBC provider
	AttrODPSQLID       = "db.odp.sql_id" // ODP.NET
	AttrAPMOracleSQLID = "DbOracleSqlId" // OCI APM
)

// Sent has the attributes as the application sent them, each in the field named
// after its constant. An absent value is the same as an empty one: "" or 0.
type Sent struct {
	System      string
	SystemName  string
	Type        string
	DriverClass string
	Driver      string
	JDBCDriver  string

	Name          string
	Namespace     string
	Instance      string
	RedisIndex    string
	SearchCluster string

	Statement       string
	QueryText       string
	APMStatement    string
	OriginalSQLText string
	ActualSQLText   string
	JDBCQuery       string
	Summary         string

	Operation       string
	OperationName   string
	OracleOperation string
	StoredProcedure string
	BatchSize       int64
	RedisCommands   int64
	RedisPipeline   int64

	SQLTable        string
	CollectionName  string
	MongoCollection string
	CassandraTable  string
	CosmosContainer string

	ConnectionString string
	URL              string
	NetPeerName      string
	NetPeerPort      int64
	ServerAddress    string
	ServerPort       int64
	PeerAddress      string
	PeerPort         int64
	SockPeerAddr     string
	SockPeerPort     int64
	PeerIP           string

	OracleService  string
	OraclePDB      string
	OracleName     string
	OracleInstance string
	OracleTenant   string
	OracleSQLID    string
	JDBCSQLID      string
	ODPSQLID       string
	APMOracleSQLID string

	// Odd is whether one of the attributes has a type that the conventions do not
	// allow, or is the number 0.
	Odd bool
}

// field returns the field for an attribute, which is a text or a number. Both are
// nil if there is none.
func (t *Sent) field(name string) (text *string, number *int64) {
	switch name {
	case AttrSystem:
		return &t.System, nil
	case AttrSystemName:
		return &t.SystemName, nil
	case AttrType:
		return &t.Type, nil
	case AttrDriverClass:
		return &t.DriverClass, nil
	case AttrDriver:
		return &t.Driver, nil
	case AttrJDBCDriver:
		return &t.JDBCDriver, nil
	case AttrName:
		return &t.Name, nil
	case AttrNamespace:
		return &t.Namespace, nil
	case AttrInstance:
		return &t.Instance, nil
	case AttrRedisIndex:
		return &t.RedisIndex, nil
	case AttrSearchCluster:
		return &t.SearchCluster, nil
	case AttrStatement:
		return &t.Statement, nil
	case AttrQueryText:
		return &t.QueryText, nil
	case AttrAPMStatement:
		return &t.APMStatement, nil
	case AttrOriginalSQLText:
		return &t.OriginalSQLText, nil
	case AttrActualSQLText:
		return &t.ActualSQLText, nil
	case AttrJDBCQuery:
		return &t.JDBCQuery, nil
	case AttrSummary:
		return &t.Summary, nil
	case AttrOperation:
		return &t.Operation, nil
	case AttrOperationName:
		return &t.OperationName, nil
	case AttrOracleOperation:
		return &t.OracleOperation, nil
	case AttrStoredProcedure:
		return &t.StoredProcedure, nil
	case AttrBatchSize:
		return nil, &t.BatchSize
	case AttrRedisCommands:
		return nil, &t.RedisCommands
	case AttrRedisPipeline:
		return nil, &t.RedisPipeline
	case AttrSQLTable:
		return &t.SQLTable, nil
	case AttrCollectionName:
		return &t.CollectionName, nil
	case AttrMongoCollection:
		return &t.MongoCollection, nil
	case AttrCassandraTable:
		return &t.CassandraTable, nil
	case AttrCosmosContainer:
		return &t.CosmosContainer, nil
	case AttrConnectionString:
		return &t.ConnectionString, nil
	case AttrURL:
		return &t.URL, nil
	case AttrNetPeerName:
		return &t.NetPeerName, nil
	case AttrNetPeerPort:
		return nil, &t.NetPeerPort
	case AttrServerAddress:
		return &t.ServerAddress, nil
	case AttrServerPort:
		return nil, &t.ServerPort
	case AttrPeerAddress:
		return &t.PeerAddress, nil
	case AttrPeerPort:
		return nil, &t.PeerPort
	case AttrSockPeerAddr:
		return &t.SockPeerAddr, nil
	case AttrSockPeerPort:
		return nil, &t.SockPeerPort
	case AttrPeerIP:
		return &t.PeerIP, nil
	case AttrOracleService:
		return &t.OracleService, nil
	case AttrOraclePDB:
		return &t.OraclePDB, nil
	case AttrOracleName:
		return &t.OracleName, nil
	case AttrOracleInstance:
		return &t.OracleInstance, nil
	case AttrOracleTenant:
		return &t.OracleTenant, nil
	case AttrOracleSQLID:
		return &t.OracleSQLID, nil
	case AttrJDBCSQLID:
		return &t.JDBCSQLID, nil
	case AttrODPSQLID:
		return &t.ODPSQLID, nil
	case AttrAPMOracleSQLID:
		return &t.APMOracleSQLID, nil
	default:
		return nil, nil
	}
}
