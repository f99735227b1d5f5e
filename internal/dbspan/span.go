// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspan // import "github.com/ociapm/otelcol-ociapm/internal/dbspan"

import (
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

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

// Read reads the database identity of a span with these attributes, of a scope
// that LookupScope found, into s, and returns what kind of call they describe.
// s is meaningful for KindDatabase only. It allocates nothing for spans that
// have no database attribute.
//
// A span that says that it is an HTTP request, a remote procedure call, a
// message or a call of another kind is a database span only if it names a
// database system too, as the spans of Elasticsearch and DynamoDB do: a port or
// a scope alone does not make it one.
func (s *Span) Read(attrs pcommon.Map, scope Scope) Kind {
	seen := survey(attrs)
	if seen&hasDatabase == 0 {
		if seen&hasOther != 0 {
			return seen.kind()
		}
		if !scope.Database && seen&hasPort == 0 {
			return KindOther
		}
	}
	last, lastName := s.System, first(s.Sent.SystemName, s.Sent.System)
	*s = Span{JDBC: scope.JDBC}
	s.Sent.read(attrs)
	if seen&hasOther != 0 && s.Sent.System == "" && s.Sent.SystemName == "" {
		return seen.kind()
	}
	// Most spans of a batch have the system of the one before.
	if name := first(s.Sent.SystemName, s.Sent.System); name != "" && name == lastName && !last.IsZero() && !vague(name) {
		s.System = last
	}
	if !s.resolve(scope, seen&hasDatabase != 0) {
		return KindOther
	}
	return KindDatabase
}

// presence is what a first look at the names of the attributes tells.
type presence uint8

const (
	hasDatabase presence = 1 << iota
	hasHTTP
	hasRPC
	hasMessaging
	hasElse
	hasPort

	hasOther = hasHTTP | hasRPC | hasMessaging | hasElse
)

func (p presence) kind() Kind {
	switch {
	// RPC and messaging travel over HTTP, too.
	case p&hasMessaging != 0:
		return KindMessaging
	case p&hasRPC != 0:
		return KindRPC
	case p&hasHTTP != 0:
		return KindHTTP
	default:
		return KindOther
	}
}

// survey looks at the names only: most spans are none of ours, and this is all
// that they cost.
func survey(attrs pcommon.Map) presence {
	var seen presence
	for key := range attrs.All() {
		if len(key) < 6 {
			continue
		}
		switch key[0] {
		case 'd':
			if key[:3] == "db." {
				seen |= hasDatabase
			} else if key[:4] == "dns." {
				seen |= hasElse
			}
		case 'D', 'O', 'A', 'S':
			switch key {
			case "DbStatement", "Database Operation", "Original SQL Text", "Actual SQL Text", "SQL ID":
				seen |= hasDatabase
			}
		case 'o':
			if strings.HasPrefix(key, "oracle.db.") {
				seen |= hasDatabase
			}
		case 'h':
			if key[:5] == "http." {
				seen |= hasHTTP
			}
		case 'u':
			if key[:4] == "url." {
				seen |= hasHTTP
			}
		case 'r':
			if key[:4] == "rpc." {
				seen |= hasRPC
			}
		case 'm':
			if strings.HasPrefix(key, "messaging.") {
				seen |= hasMessaging
			} else if key[:4] == "mcp." {
				seen |= hasElse
			}
		case 'f':
			if key[:5] == "faas." {
				seen |= hasElse
			}
		case 'g':
			if strings.HasPrefix(key, "gen_ai.") || strings.HasPrefix(key, "graphql.") {
				seen |= hasElse
			}
		case 'n', 's':
			if key == "net.peer.port" || key == "server.port" {
				seen |= hasPort
			}
		}
	}
	return seen
}

// read reads the values of the attributes that matter.
func (t *Sent) read(attrs pcommon.Map) {
	for key, value := range attrs.All() {
		if text := t.text(key); text != nil {
			switch {
			case value.Type() == pcommon.ValueTypeStr:
				*text = value.Str()
			case value.Type() == pcommon.ValueTypeInt && text == &t.RedisIndex:
				*text = strconv.FormatInt(value.Int(), 10)
			case value.Type() != pcommon.ValueTypeEmpty:
				t.Odd = true
			}
		} else if number := t.number(key); number != nil {
			*number = asNumber(value)
			if *number == 0 && value.Type() != pcommon.ValueTypeStr && value.Type() != pcommon.ValueTypeEmpty {
				t.Odd = true
			}
		}
	}
}

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

func asNumber(value pcommon.Value) int64 {
	switch value.Type() {
	case pcommon.ValueTypeInt:
		return value.Int()
	case pcommon.ValueTypeStr:
		n, err := strconv.ParseInt(value.Str(), 10, 64)
		if err != nil {
			return 0
		}
		return n
	default:
		return 0
	}
}

// mongoCommands stands for a collection where a command goes to the database as
// a whole in MongoDB's old protocol. Node's instrumentation still names it for
// commands such as aggregate.
const mongoCommands = "$cmd"

// resolve concludes from what was sent. It fails if that makes no database
// span.
func (s *Span) resolve(scope Scope, attributes bool) bool {
	t := &s.Sent
	s.Statement = first(t.QueryText, first(t.Statement, first(t.OriginalSQLText, first(t.ActualSQLText, t.APMStatement))))
	if t.ActualSQLText != s.Statement {
		s.ServerText = t.ActualSQLText
	}
	s.resolveOperation()
	s.Collection = first(t.CollectionName, first(t.SQLTable, first(t.MongoCollection, first(t.CassandraTable, t.CosmosContainer))))
	if s.Collection == mongoCommands {
		s.Collection = ""
	}
	s.OracleSQLID = first(t.APMOracleSQLID, first(t.OracleSQLID, first(t.JDBCSQLID, t.ODPSQLID)))
	s.ServerPort = t.ServerPort
	if s.ServerPort == 0 {
		s.ServerPort = t.NetPeerPort
	}
	if !s.resolveSystem(scope, attributes) {
		return false
	}
	s.resolvePlace()
	return true
}

// resolveOperation finds the operation. Oracle's JDBC provider names the
// driver's function instead, and the operation in the summary.
func (s *Span) resolveOperation() {
	t := &s.Sent
	s.Operation, s.Call = t.OperationName, t.OracleOperation
	if hasPrefixFold(s.Operation, "execute") && len(s.Operation) > len("execute") {
		s.Operation, s.Call = "", t.OperationName
		if !strings.EqualFold(t.Operation, t.OperationName) {
			s.Operation = t.Operation
		}
		if s.Operation == "" {
			s.Operation, _, _ = strings.Cut(t.Summary, " ")
		}
		return
	}
	if s.Operation == "" {
		s.Operation = t.Operation
	}
}

// resolveSystem finds the system: what the application says, unless that says
// nothing, then what its connection string, its driver, its instrumentation and
// at last its port tell.
func (s *Span) resolveSystem(scope Scope, attributes bool) bool {
	if !s.System.IsZero() {
		return true
	}
	t := &s.Sent
	name := first(t.SystemName, t.System)
	if name != "" && !vague(name) {
		s.System = systemOf(name)
		return true
	}
	for _, text := range [...]string{t.ConnectionString, t.URL} {
		if c := ParseConnection(text, System{}); !c.System.IsZero() {
			s.System = c.System
			return true
		}
	}
	for _, text := range [...]string{t.Namespace, t.Name} {
		if !looksLikeConnection(text, System{}) {
			continue
		}
		if c := ParseConnection(text, System{}); !c.System.IsZero() {
			s.System = c.System
			return true
		}
	}
	for _, alias := range [...]string{t.DriverClass, t.Driver, t.Type} {
		if system, ok := LookupSystem(alias); ok && !vague(system.Legacy) {
			s.System = system
			return true
		}
	}
	if oracleOnly(t) {
		s.System = Oracle
		return true
	}
	if !scope.System.IsZero() {
		s.System = scope.System
		return true
	}
	if system, ok := SystemOfPort(s.ServerPort); ok {
		s.System = system
		return true
	}
	// A database it is, if it says so; which one, nobody knows.
	if name != "" || attributes {
		s.System = OtherSQL
		return true
	}
	return false
}

// oracleOnly tells whether the span has an attribute that only spans of Oracle
// Database have.
func oracleOnly(t *Sent) bool {
	return t.OracleService != "" || t.OraclePDB != "" || t.OracleName != "" || t.OracleInstance != "" ||
		t.OracleSQLID != "" || t.JDBCSQLID != "" || t.ODPSQLID != "" || t.APMOracleSQLID != "" || t.OriginalSQLText != "" || t.ActualSQLText != ""
}

// resolvePlace finds the namespace, the host and the port.
func (s *Span) resolvePlace() {
	t := &s.Sent
	s.Namespace = first(databaseOf(s.System, t.Namespace), first(t.Name, first(t.Instance, t.RedisIndex)))
	s.ServerAddress = first(t.ServerAddress, t.NetPeerName)
	if s.System.Legacy == Oracle.Legacy && s.undoMisreading() {
		return
	}
	s.place(s.Namespace, true)
	s.place(s.ServerAddress, true)
	for _, text := range [...]string{t.ConnectionString, t.URL} {
		if text != "" && (s.Namespace == "" || s.ServerAddress == "") {
			s.place(text, false)
		}
	}
	if s.Namespace == "" && s.System.Legacy == Oracle.Legacy {
		s.Namespace = first(t.OraclePDB, first(t.OracleName, first(t.OracleService, first(t.OracleInstance, t.OracleTenant))))
	}
	if s.ServerAddress == "" {
		s.ServerAddress = first(t.PeerAddress, first(t.SockPeerAddr, t.PeerIP))
		if s.ServerPort == 0 {
			s.ServerPort = t.PeerPort
		}
		if s.ServerPort == 0 {
			s.ServerPort = t.SockPeerPort
		}
	}
}

// undoMisreading finds the alias in what the Java agent (2.20) makes of two kinds
// of Oracle's JDBC URLs: it takes the parameters of @alias?TNS_ADMIN=/path for a
// part of the host, and the path for the database; and a directory's host and
// entry (@ldap://host/alias,cn=OracleContext,…) for the database's.
func (s *Span) undoMisreading() bool {
	if alias, _, found := strings.Cut(s.ServerAddress, "?"); found && alias != "" {
		s.Namespace, s.ServerAddress, s.ServerPort = alias, "", 0
		return true
	}
	for _, entry := range [...]string{s.Sent.Namespace, s.Sent.Name} {
		if i := lastIndexFold(entry, ",cn=oraclecontext"); i > 0 {
			s.Namespace, _ = cutPrefixFold(entry[:i], "cn=")
			s.ServerAddress, s.ServerPort = "", 0
			return true
		}
	}
	return false
}

// place fills what is missing from a connection string. Some applications put
// one where the conventions want a name; then attribute is true, and the name
// it is not is dropped.
func (s *Span) place(text string, attribute bool) {
	if attribute {
		if !looksLikeConnection(text, s.System) {
			return
		}
		if s.Namespace == text {
			s.Namespace = ""
		}
		if s.ServerAddress == text {
			s.ServerAddress = ""
		}
	}
	c := ParseConnection(text, s.System)
	if s.Namespace == "" {
		s.Namespace = c.Namespace
	}
	if s.ServerAddress == "" {
		s.ServerAddress = c.Host
		if s.ServerPort == 0 {
			s.ServerPort = c.Port
		}
	}
}

// looksLikeConnection tells whether what stands for a name is a connection
// string. Python's dbapi instrumentation sends the data source name of
// python-oracledb as db.name if it is told to.
func looksLikeConnection(text string, system System) bool {
	if len(text) < 6 {
		return false
	}
	// Nearly all names have none of the signs below.
	colon, separator := false, text[0] == '('
	for i := range len(text) {
		switch text[i] {
		case ':':
			colon = true
		case '/', '@':
			separator = true
		}
	}
	if !colon && !separator {
		return false
	}
	if text[0] == '(' || strings.Contains(text, "://") || hasPrefixFold(text, "jdbc:") {
		return true
	}
	return separator && system.Legacy == Oracle.Legacy && text[0] != '/' && !strings.Contains(text, "|")
}

// first is the first of two texts that says something.
func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
