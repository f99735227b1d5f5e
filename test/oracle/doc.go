// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package oracle compares the SQL_IDs that the collector computes for StayEasy's
// statements with those that an Oracle Database assigns.
//
// It is an acceptance test for users with a database, and so has its own build tag: make
// test-oracle.
package oracle // import "github.com/ociapm/otelcol-ociapm/test/oracle"
