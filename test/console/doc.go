// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package console tests the sandbox's console in a headless Chromium, with StayEasy's
// traffic through a web server and the built collector. With -pictures it also writes
// the pictures in docs/pictures, from what make demo starts.
//
// The tests need Chromium, Node and Python on the machine and so have their own build
// tag: make test-console.
package console // import "github.com/ociapm/otelcol-ociapm/test/console"
