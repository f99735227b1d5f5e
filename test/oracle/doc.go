// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package oracle compares the SQL_IDs that the collector computes with those that an
// Oracle Database gives the statements of StayEasy.
//
// It is an acceptance test for whoever has a database, and so has a build tag of its
// own: make test-oracle.
package oracle // import "github.com/ociapm/otelcol-ociapm/test/oracle"
