// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package otlpdepth measures how deep attribute values nest in an OTLP request
// before it is decoded. pdata (v1.64.0) decodes arrays and key-value lists by
// recursion without a bound of its own: a few megabytes of them overflow the
// stack, which ends the process and cannot be recovered from.
//
// An array or key-value list that is an attribute's value, or a log record's
// body, has depth 1; one that is an element of it has depth 2.
package otlpdepth // import "github.com/ociapm/otelcol-ociapm/internal/otlpdepth"

// MaxLimit is the largest depth that a scanner can be asked to allow; decoding
// that much takes some 2 MB of memory.
const MaxLimit = 1000

// Verdict is what a scanner has found so far.
type Verdict uint8

const (
	// Fine is a request that breaks no limit. It may still be malformed, which
	// is left to the decoder to say.
	Fine Verdict = iota
	// TooDeep is a request whose values nest deeper than the limit.
	TooDeep
	// TooManyMessages is a request of more messages than the limit.
	TooManyMessages
)
