// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package apps runs real apps against the built collector and sandbox, and
// compares span by span what they sent with what the sandbox stored.
//
// Its tests need Python, PostgreSQL and MariaDB on the machine and so have a
// build tag of their own: make test-apps.
package apps // import "github.com/ociapm/otelcol-ociapm/test/apps"
