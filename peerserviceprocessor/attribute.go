// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package peerserviceprocessor // import "github.com/ociapm/otelcol-ociapm/peerserviceprocessor"

import (
	"net/url"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/ociapm/otelcol-ociapm/internal/dbspan"
)

// attrPeerService is the attribute that APM's topology is drawn from.
const attrPeerService = "peer.service"

// spanView is the view of one span that rules and templates use.
type spanView struct {
	attrs    pcommon.Map
	resource pcommon.Map
	kind     dbspan.Kind
	db       *dbspan.Span // of database spans only
	// joinServices gives the services of one Autonomous Database one name.
	joinServices bool
	lastPeer     string // the name of the previous span: most spans of a batch have the same
	// unsettled is whether the name depends on more than the database and on which
	// attributes there are.
	unsettled bool
}

// attrRef is an attribute that a rule or a template refers to. A span can have it under
// the names of either generation of the semantic conventions.
type attrRef struct {
	name string
	// known identifies the field of dbspan.Span that has the attribute's value.
	known knownAttribute
	// names has all names of the attribute, the one in the configuration first.
	names []string
}

type knownAttribute uint8

const (
	knownNot knownAttribute = iota
	knownSystem
	knownSystemName
	knownNamespace
	knownStatement
	knownOperation
	knownCollection
	knownServerAddress
	knownServerPort
	knownRPCService
)

// generations has the names of attributes in the two generations of the semantic
// conventions. Source: the "deprecated" pages of the attribute registry of
// semantic-conventions.
var generations = []struct {
	known knownAttribute
	names []string
}{
	{knownNamespace, []string{"db.namespace", "db.name", "db.instance", "db.redis.database_index"}},
	{knownStatement, []string{"db.query.text", "db.statement"}},
	{knownOperation, []string{"db.operation.name", "db.operation"}},
	{knownCollection, []string{"db.collection.name", "db.sql.table", "db.mongodb.collection", "db.cassandra.table", "db.cosmosdb.container"}},
	{knownServerAddress, []string{"server.address", "net.peer.name"}},
	{knownServerPort, []string{"server.port", "net.peer.port"}},
	{knownNot, []string{"network.peer.address", "net.sock.peer.addr", "net.peer.ip"}},
	{knownNot, []string{"network.peer.port", "net.sock.peer.port"}},
	{knownNot, []string{"http.request.method", "http.method"}},
	{knownNot, []string{"http.response.status_code", "http.status_code"}},
	{knownNot, []string{"url.full", "http.url"}},
	{knownNot, []string{"url.scheme", "http.scheme"}},
	{knownNot, []string{"rpc.system.name", "rpc.system"}},
	{knownNot, []string{"messaging.destination.name", "messaging.destination"}},
	{knownNot, []string{"messaging.operation.type", "messaging.operation"}},
}

func newAttrRef(name string) attrRef {
	switch name {
	case "db.system":
		return attrRef{name: name, known: knownSystem, names: []string{name}}
	case "db.system.name":
		return attrRef{name: name, known: knownSystemName, names: []string{name}}
	case "rpc.service":
		return attrRef{name: name, known: knownRPCService, names: []string{name}}
	}
	for _, row := range generations {
		for _, other := range row.names {
			if other != name {
				continue
			}
			names := []string{name}
			for _, other := range row.names {
				if other != name {
					names = append(names, other)
				}
			}
			return attrRef{name: name, known: row.known, names: names}
		}
	}
	return attrRef{name: name, names: []string{name}}
}

// canonical returns the same name for all names of the attribute.
func (a *attrRef) canonical() string {
	if a.isSystem() {
		return "db.system"
	}
	for _, row := range generations {
		for _, name := range row.names {
			if name == a.name {
				return row.names[0]
			}
		}
	}
	return a.name
}

func (a *attrRef) isSystem() bool {
	return a.known == knownSystem || a.known == knownSystemName
}

// value returns the attribute's value on a span, or else on its resource; "" if neither
// has one.
func (a *attrRef) value(span *spanView) string {
	read := false
	if a.known != knownNot && span.kind == dbspan.KindDatabase {
		if value := a.databaseValue(span.db); value != "" {
			span.unsettled = span.unsettled || !a.ofDatabase()
			return value
		}
		read = a.isPlace()
	}
	for _, attrs := range [...]pcommon.Map{span.attrs, span.resource} {
		for _, name := range a.names {
			value, ok := attrs.Get(name)
			span.unsettled = span.unsettled || ok
			if !ok || read && value.Type() == pcommon.ValueTypeStr {
				continue // dbspan has read it without finding a name
			}
			if text := value.AsString(); text != "" {
				return text
			}
		}
		read = false // dbspan does not read the resource
	}
	if a.known == knownServerAddress && span.kind == dbspan.KindHTTP {
		return urlHost(span.attrs)
	}
	if a.known == knownRPCService && span.kind == dbspan.KindRPC {
		return dbspan.RPCService(span.attrs)
	}
	return ""
}

// urlHost returns the host in the URL of an HTTP request. Older instrumentations have it
// in no other attribute.
func urlHost(attrs pcommon.Map) string {
	for _, name := range [...]string{"url.full", "http.url"} {
		value, ok := attrs.Get(name)
		if !ok || value.Type() != pcommon.ValueTypeStr {
			continue
		}
		if parsed, err := url.Parse(value.Str()); err == nil && parsed.Hostname() != "" {
			return parsed.Hostname()
		}
	}
	return ""
}

// ofDatabase reports whether the attribute depends on nothing but the database.
func (a *attrRef) ofDatabase() bool {
	return a.isSystem() || a.isPlace() || a.known == knownServerPort
}

// isPlace reports whether the attribute names a database or its host.
func (a *attrRef) isPlace() bool {
	return a.known == knownNamespace || a.known == knownServerAddress
}

// nameOf returns the attribute's value as a part of a name; "" if there is none, or if it
// contains a password. fold reports whether its case does not matter, so that the name
// has it in lower case. With own, a value that other databases can have too is left out.
func (a *attrRef) nameOf(span *spanView, own bool) (value string, fold bool) {
	var system dbspan.System // span.db has that of an earlier span if this is no database call
	if db := span.db; span.kind == dbspan.KindDatabase {
		system = db.System
		switch {
		case a.known == knownSystem:
			return db.System.Legacy, false
		case a.known == knownServerAddress && db.ServerAddress != "":
			return db.ServerAddress, true
		case a.known != knownNamespace || db.Namespace == "":
		case own && db.IsShared():
			return "", false
		case !db.IgnoresCase():
			return db.Namespace, false
		case span.joinServices:
			return withoutService(db.Namespace), true
		default:
			return db.Namespace, true
		}
	}
	value = a.value(span)
	if a.known == knownServerAddress {
		fold = true // the names of hosts ignore case
	}
	if value != "" && dbspan.MaskAttribute(a.name, value, system) != value {
		return "", false
	}
	return value, fold
}

// withoutService removes the service level from the name of an Autonomous Database's
// service. Each such database has several services. Source: Oracle's documentation,
// database service names for Autonomous Database.
func withoutService(name string) string {
	label, _, _ := strings.Cut(name, ".")
	for _, level := range [...]string{"_high", "_medium", "_low", "_tpurgent", "_tp"} {
		if n := len(label) - len(level); n > 0 && strings.EqualFold(label[n:], level) {
			return label[:n] + name[len(label):]
		}
	}
	return name
}

func (a *attrRef) databaseValue(db *dbspan.Span) string {
	switch a.known {
	case knownSystem:
		return db.System.Legacy
	case knownSystemName:
		return db.System.Stable
	case knownNamespace:
		return db.Namespace
	case knownStatement:
		return db.Statement
	case knownOperation:
		return db.Operation
	case knownCollection:
		return db.Collection
	case knownServerAddress:
		return db.ServerAddress
	case knownServerPort:
		if db.ServerPort != 0 {
			return strconv.FormatInt(db.ServerPort, 10)
		}
	}
	return ""
}
