// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspan // import "github.com/ociapm/otelcol-ociapm/internal/dbspan"

// Span is the database identity of one span: first what is known after both
// generations of names and all other sources were asked, then what the
// application sent under each name. Absent and empty are the same: "" or 0.
type Span struct {
	// System is the database product.
	System System
	// Namespace is the database within the product: schema, service, index.
	Namespace string
	// Statement is the text of the statement, as the application sent it.
	Statement string
	// ServerText is the text as the server parsed it, where the span tells that
	// it is not Statement.
	ServerText string
	// Operation is the name of the operation.
	Operation string
	// Call is the name of the driver's function, such as ExecuteQuery, where the
	// application sent one in place of an operation.
	Call string
	// Collection is the table, the collection or the container.
	Collection string
	// ServerAddress is the database's host.
	ServerAddress string
	// ServerPort is the database's port.
	ServerPort int64
	// OracleSQLID is the SQL_ID that the driver reported.
	OracleSQLID string
	// JDBC tells that the statement went through JDBC.
	JDBC bool

	// Sent is the attributes as they came.
	Sent Sent
}

// Sent is the values of the database attributes that a span came with.
type Sent struct {
	System           string // db.system
	SystemName       string // db.system.name
	Type             string // db.type, of OpenTracing
	DriverClass      string // db.jdbc.driver_classname
	Driver           string // db.driver
	Name             string // db.name
	Namespace        string // db.namespace
	Instance         string // db.instance, of OpenTracing
	RedisIndex       string // db.redis.database_index
	Statement        string // db.statement
	QueryText        string // db.query.text
	APMStatement     string // DbStatement
	OriginalSQLText  string // "Original SQL Text", of Oracle's JDBC provider
	ActualSQLText    string // "Actual SQL Text", of Oracle's JDBC provider
	Operation        string // db.operation
	OperationName    string // db.operation.name
	OracleOperation  string // "Database Operation", of Oracle's JDBC provider
	BatchSize        int64  // db.operation.batch.size
	RedisCommands    int64  // db.redis.num_cmd, of go-redis
	RedisPipeline    int64  // db.redis.pipeline_length, of redis-py
	SQLTable         string // db.sql.table
	CollectionName   string // db.collection.name
	MongoCollection  string // db.mongodb.collection
	CassandraTable   string // db.cassandra.table
	CosmosContainer  string // db.cosmosdb.container
	Summary          string // db.query.summary
	StoredProcedure  string // db.stored_procedure.name
	ConnectionString string // db.connection_string
	URL              string // db.url
	NetPeerName      string // net.peer.name
	NetPeerPort      int64  // net.peer.port
	ServerAddress    string // server.address
	ServerPort       int64  // server.port
	PeerAddress      string // network.peer.address
	PeerPort         int64  // network.peer.port
	SockPeerAddr     string // net.sock.peer.addr
	SockPeerPort     int64  // net.sock.peer.port
	PeerIP           string // net.peer.ip
	OracleService    string // oracle.db.service
	OraclePDB        string // oracle.db.pdb
	OracleName       string // oracle.db.name
	OracleInstance   string // oracle.db.instance.name
	OracleTenant     string // "Database Tenant", of Oracle's JDBC provider
	OracleSQLID      string // oracle.db.query.sql.id
	JDBCSQLID        string // "SQL ID", of Oracle's JDBC provider
	ODPSQLID         string // db.odp.sql_id
	APMOracleSQLID   string // DbOracleSqlId

	// Odd tells that an attribute above is there, but has a type that the
	// conventions do not know for it, or the port 0.
	Odd bool
}

// Kind is what kind of call a span's attributes describe.
type Kind uint8

const (
	// KindOther is none of the kinds below.
	KindOther Kind = iota
	// KindDatabase is a call to a database.
	KindDatabase
	// KindHTTP is an HTTP request.
	KindHTTP
	// KindRPC is a remote procedure call.
	KindRPC
	// KindMessaging is an exchange with a messaging system.
	KindMessaging
)
