// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package apm imitates the upload endpoint of Oracle Cloud Infrastructure
// Application Performance Monitoring (OCI APM): the same paths and keys, OTLP
// over HTTP in protobuf and JSON, and faults on demand. It keeps accepted data
// in a bounded store, and shows it through a JSON API and, in a browser, the
// console.
//
// The program cmd/apmsandbox serves it on a laptop; tests start it in process
// with [New] and [Server.Start].
package apm
