// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:generate go tool -modfile=../internal/tools/go.mod mdatagen metadata.yaml

// Package peerserviceprocessor sets peer.service, the name under which OCI APM
// shows the far side of a call, on CLIENT spans.
package peerserviceprocessor // import "github.com/ociapm/otelcol-ociapm/peerserviceprocessor"
