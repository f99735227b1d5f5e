// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package dbspan finds the database of a span. It reads the attributes of both
// generations of the OpenTelemetry database conventions, and everything else that
// instrumentations report: drivers, connection strings, JDBC URLs, well-known
// ports, and the names of the instrumentations themselves.
//
// Read goes through names.go, where each attribute has its constant and its
// field of Sent, then read.go, which fills Sent, then resolve.go, which fills
// the rest of Span; place.go finds the database and its host, and misreading.go
// corrects the Java agent's misreadings of Oracle's URLs. system.go, scope.go and
// port.go have the tables of known products, instrumentations and ports.
// ParseConnection reads connection strings by their syntax: url.go with params.go
// and ownurl.go, oracle.go, pairs.go. plausible.go decides what can be a host, a port
// or a database's name. secret.go finds passwords in connection strings, and mask.go
// masks attributes that have one. reader.go makes all this fast for spans that are alike.
//
// To add an attribute, start in names.go; a database, in system.go; an
// instrumentation, in scope.go.
//
// The package only reads. It never returns a connection string, or a part of one
// that may hold a password.
package dbspan // import "github.com/ociapm/otelcol-ociapm/internal/dbspan"
