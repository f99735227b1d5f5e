// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package apps runs real apps against the built collector and sandbox. It compares the
// stored spans with the spans that the apps sent, and with the trace that each request
// must leave.
//
// A new app is a row in its language's file, a folder with its files and, if users
// should get its lines, a part of a page in docs/apps.
//
// Its tests need languages, databases and web servers on the machine and so have their
// own build tag: make test-apps.
package apps // import "github.com/ociapm/otelcol-ociapm/test/apps"
