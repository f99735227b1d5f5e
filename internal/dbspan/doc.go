// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package dbspan knows what a database span is. One pass over a span's
// attributes gives its database identity, from whichever generation of the
// OpenTelemetry database conventions its instrumentation follows, and from what
// else instrumentations leave behind: names of drivers, connection strings,
// JDBC URLs, their own names, and well-known ports.
//
// The package only reads. It never hands out a connection string or any part of
// one that can hold a password.
package dbspan // import "github.com/ociapm/otelcol-ociapm/internal/dbspan"
