// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspan // import "github.com/ociapm/otelcol-ociapm/internal/dbspan"

import (
	"cmp"
	"strings"
)

// mongoCommands stands for a collection in MongoDB's old protocol, in commands to a
// whole database. Node's instrumentation still reports it for commands such as
// aggregate.
const mongoCommands = "$cmd"

// resolve fills s from s.Sent. It reports whether the span is a database span.
// attributes is whether the span has database attributes. named is the name that s.System
// was found by.
func (s *Span) resolve(scope *Scope, attributes bool, named string) bool {
	t := &s.Sent
	last := s.System
	s.System, s.Namespace, s.ServerAddress = System{}, "", ""
	s.JDBC = scope.JDBC || t.JDBCQuery != ""
	// Most spans of a batch have the same system as the one before.
	if name := t.systemName(); name != "" && name == named && !last.IsZero() && !vague(name) {
		s.System = last
	}
	s.resolveStatement()
	s.resolveCall()
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

// systemName returns the name of the system, or "" if the span has none.
func (t *Sent) systemName() string { return cmp.Or(t.SystemName, t.System) }

// resolveStatement finds the statement.
func (s *Span) resolveStatement() {
	t := &s.Sent
	s.Statement = cmp.Or(t.QueryText, t.Statement)
	if s.Statement == "" {
		s.Statement = cmp.Or(t.OriginalSQLText, t.ActualSQLText, t.JDBCQuery, t.APMStatement)
	}
	s.ServerText = ""
	if t.ActualSQLText != s.Statement {
		s.ServerText = t.ActualSQLText
	}
}

// resolveCall finds the operation, the collection and the SQL_ID.
func (s *Span) resolveCall() {
	t := &s.Sent
	s.resolveOperation()
	s.Collection = cmp.Or(t.CollectionName, t.SQLTable, t.MongoCollection, t.CassandraTable, t.CosmosContainer)
	if s.Collection == mongoCommands {
		s.Collection = ""
	}
	s.OracleSQLID = cmp.Or(t.APMOracleSQLID, t.OracleSQLID, t.JDBCSQLID, t.ODPSQLID)
}

// resolveOperation finds the operation. Oracle's JDBC provider reports the driver's
// function instead, and the operation only in the summary.
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

// resolveSystem finds the system: in the attributes for it, unless their value is too
// vague, then from the connection string, the driver, the instrumentation, and finally
// the port. It reports whether the span is a database span at all.
func (s *Span) resolveSystem(scope *Scope, attributes bool) bool {
	if !s.System.IsZero() {
		return true
	}
	t := &s.Sent
	name := t.systemName()
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
	for _, text := range [...]string{t.Namespace, t.Name, t.ServerAddress, t.NetPeerName} {
		if isPlain(text) || !looksLikeConnection(text, System{}) {
			continue
		}
		if c := ParseConnection(text, System{}); !c.System.IsZero() {
			s.System = c.System
			return true
		}
	}
	for _, alias := range [...]string{t.DriverClass, t.Driver, t.JDBCDriver, t.Type} {
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
	if system, ok := SystemOfPort(t.port()); ok {
		s.System = system
		return true
	}
	// It is a database, but nothing shows which product.
	if name != "" || attributes && t.describesCall() {
		s.System = OtherSQL
		return true
	}
	return false
}

// describesCall reports whether an attribute describes a call or its destination.
// Others, such as db.tenant or db.user, can be on any span of an application.
func (t *Sent) describesCall() bool {
	return t.Statement != "" || t.QueryText != "" || t.APMStatement != "" || t.JDBCQuery != "" || t.Summary != "" ||
		t.Operation != "" || t.OperationName != "" || t.OracleOperation != "" || t.StoredProcedure != "" ||
		t.SQLTable != "" || t.CollectionName != "" || t.MongoCollection != "" || t.CassandraTable != "" || t.CosmosContainer != "" ||
		t.Name != "" || t.Namespace != "" || t.Instance != "" || t.RedisIndex != "" || t.SearchCluster != "" ||
		t.ConnectionString != "" || t.URL != "" || t.Driver != "" || t.DriverClass != "" || t.Type != "" || t.Odd
}

// oracleOnly reports whether the span has an attribute that only spans of Oracle
// Database have.
func oracleOnly(t *Sent) bool {
	return t.OracleService != "" || t.OraclePDB != "" || t.OracleName != "" || t.OracleInstance != "" ||
		t.OracleSQLID != "" || t.JDBCSQLID != "" || t.ODPSQLID != "" || t.APMOracleSQLID != "" || t.OriginalSQLText != "" || t.ActualSQLText != ""
}
