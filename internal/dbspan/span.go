// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspan // import "github.com/ociapm/otelcol-ociapm/internal/dbspan"

// Span is what is known about the database call of one span: the conclusions from
// all sources, and in Sent the attributes as the application sent them. An absent
// value is the same as an empty one: "" or 0.
type Span struct {
	// System is the database product.
	System System
	// Namespace is the database within the product: schema, service, index.
	Namespace string
	// Statement is the text of the statement, as the application sent it.
	Statement string
	// ServerText is the text that the server parsed, if the span has it and it
	// differs from Statement.
	ServerText string
	// Operation is the name of the operation.
	Operation string
	// Call is the name of the driver's function, such as ExecuteQuery, if the
	// application sent that instead of an operation.
	Call string
	// Collection is the table, the collection or the container.
	Collection string
	// ServerAddress is the database's host.
	ServerAddress string
	// ServerPort is the database's port.
	ServerPort int64
	// OracleSQLID is the SQL_ID that the driver reported.
	OracleSQLID string
	// JDBC is whether the statement went through JDBC.
	JDBC bool

	// Sent has the attributes as the application sent them.
	Sent Sent
}

// Kind is the kind of call that a span's attributes describe.
type Kind uint8

const (
	// KindOther is any other kind.
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
