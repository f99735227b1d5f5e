// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package apps runs real apps against the built collector and sandbox, and
// compares span by span what they sent with what the sandbox stored, and with
// what each request must leave.
//
// A new app is a row in the file of its language, a folder with its files, and,
// where users should have its lines, a part of a page in docs/apps.
//
// Its tests need languages, databases and web servers on the machine and so have
// a build tag of their own: make test-apps.
package apps // import "github.com/ociapm/otelcol-ociapm/test/apps"
