// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspan // import "github.com/ociapm/otelcol-ociapm/internal/dbspan"

import (
	"cmp"
	"strings"
)

// mongoCommands takes the place of a collection in MongoDB's old protocol, for
// commands to a whole database. Node's instrumentation still reports it for
// commands such as aggregate.
const mongoCommands = "$cmd"

// resolve fills s from what was sent. It reports whether that makes a database span.
// attributes is whether the span has database attributes.
func (s *Span) resolve(scope Scope, attributes bool) bool {
	t := &s.Sent
	s.Statement = cmp.Or(t.QueryText, t.Statement, t.OriginalSQLText, t.ActualSQLText, t.APMStatement)
	if t.ActualSQLText != s.Statement {
		s.ServerText = t.ActualSQLText
	}
	s.resolveOperation()
	s.Collection = cmp.Or(t.CollectionName, t.SQLTable, t.MongoCollection, t.CassandraTable, t.CosmosContainer)
	if s.Collection == mongoCommands {
		s.Collection = ""
	}
	s.OracleSQLID = cmp.Or(t.APMOracleSQLID, t.OracleSQLID, t.JDBCSQLID, t.ODPSQLID)
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

// resolveSystem finds the system: in what the application says, unless that is too
// vague, then in its connection string, its driver and its instrumentation, and at
// last by the port. It reports whether the span is a database span at all.
func (s *Span) resolveSystem(scope Scope, attributes bool) bool {
	if !s.System.IsZero() {
		return true
	}
	t := &s.Sent
	name := cmp.Or(t.SystemName, t.System)
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
	// It is a database, but nothing tells which one.
	if name != "" || attributes {
		s.System = OtherSQL
		return true
	}
	return false
}

// oracleOnly reports whether the span has an attribute that only spans of Oracle
// Database have.
func oracleOnly(t *Sent) bool {
	return t.OracleService != "" || t.OraclePDB != "" || t.OracleName != "" || t.OracleInstance != "" ||
		t.OracleSQLID != "" || t.JDBCSQLID != "" || t.ODPSQLID != "" || t.APMOracleSQLID != "" || t.OriginalSQLText != "" || t.ActualSQLText != ""
}

// resolvePlace finds the namespace, the host and the port.
func (s *Span) resolvePlace() {
	t := &s.Sent
	s.Namespace = cmp.Or(databaseOf(s.System, t.Namespace), t.Name, t.Instance, t.RedisIndex)
	s.ServerAddress = cmp.Or(t.ServerAddress, t.NetPeerName)
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
		s.Namespace = cmp.Or(t.OraclePDB, t.OracleName, t.OracleService, t.OracleInstance, t.OracleTenant)
	}
	if s.ServerAddress == "" {
		s.ServerAddress = cmp.Or(t.PeerAddress, t.SockPeerAddr, t.PeerIP)
		if s.ServerPort == 0 {
			s.ServerPort = t.PeerPort
		}
		if s.ServerPort == 0 {
			s.ServerPort = t.SockPeerPort
		}
	}
}

// undoMisreading restores the alias from two kinds of Oracle's JDBC URLs that the
// Java agent (2.20) misreads. In @alias?TNS_ADMIN=/path it takes the parameters for
// a part of the host and the path for the database, and in
// @ldap://host/alias,cn=OracleContext,… the directory's host and entry for the
// database's. It reports whether it found one.
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

// place fills in what is missing from a connection string. attribute is whether
// text is the value of an attribute for a name. Some applications put a connection
// string there, which is then removed.
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

// looksLikeConnection reports whether the value of an attribute for a name is a
// connection string. Python's dbapi instrumentation can be configured to send the
// data source name of python-oracledb as db.name.
func looksLikeConnection(text string, system System) bool {
	if len(text) < 6 {
		return false
	}
	// Nearly all names have none of these characters.
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
