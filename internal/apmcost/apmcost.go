// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package apmcost has the numbers by which OCI bills spans, and the names of the attributes
// by which a sampled span says what it stands for.
package apmcost // import "github.com/ociapm/otelcol-ociapm/internal/apmcost"

const (
	// SpansPerUnit is how many spans in a clock hour OCI bills as one unit. Source: OCI
	// APM FAQ.
	SpansPerUnit = 100_000
	// SpansAlwaysFree is how many spans an Always Free domain takes in a clock hour.
	// Source: the same.
	SpansAlwaysFree = 1_000
)

// The attributes of a span that a budget has kept, unless the configuration has others.
const (
	// AttrAdjustedCount is the number of spans that the span stands for, a double.
	AttrAdjustedCount = "sampling.adjusted_count"
	// AttrReason is the name of the class for which the span's trace was kept.
	AttrReason = "sampling.reason"
)
