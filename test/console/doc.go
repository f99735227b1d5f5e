// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package console tests the sandbox's console in a headless Chromium, with the
// traffic of StayEasy behind a web server, sent through the built collector.
// With -pictures it also writes the pictures in docs/pictures.
//
// The tests need Chromium, Node and Python on the machine, and so have a build
// tag of their own: make test-console.
package console // import "github.com/ociapm/otelcol-ociapm/test/console"
