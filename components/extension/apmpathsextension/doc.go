// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:generate go tool -modfile=../../../internal/tools/go.mod mdatagen metadata.yaml

// Package apmpathsextension lets HTTP receivers accept what apps send to the
// upload paths of OCI APM, so that an app only changes the endpoint.
package apmpathsextension // import "github.com/ociapm/otelcol-ociapm/components/extension/apmpathsextension"
