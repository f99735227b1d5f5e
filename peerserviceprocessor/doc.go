// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:generate go tool -modfile=../internal/tools/go.mod mdatagen metadata.yaml

// Package peerserviceprocessor sets peer.service on CLIENT spans. OCI APM shows the peer
// of a call under this name.
package peerserviceprocessor // import "github.com/ociapm/otelcol-ociapm/peerserviceprocessor"
