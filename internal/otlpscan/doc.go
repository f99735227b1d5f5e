// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package otlpscan measures an OTLP request before it is decoded: how deep its
// attribute values nest, how many messages it holds, and how much memory they
// take once decoded. pdata (v1.64.0) limits none of these: a few megabytes of
// nested arrays overflow the stack, and an empty span takes two bytes on the
// wire and some 250 in memory.
//
// An array or key-value list that is an attribute's value, or a log record's
// body, has depth 1; one that is an element of it has depth 2.
package otlpscan // import "github.com/ociapm/otelcol-ociapm/internal/otlpscan"

// MaxDepth is the largest depth limit that a scanner supports. Decoding values
// of that depth takes some 2 MB of memory.
const MaxDepth = 1000

// Limits are the maximum values for a request.
type Limits struct {
	// Depth is how deep attribute values may nest, from 1 to MaxDepth.
	Depth int
	// Messages is the maximum number of messages, or of objects in JSON; 0 is
	// no limit.
	Messages int
	// Size is the maximum estimated memory of the decoded request, in bytes; 0
	// is no limit.
	Size int64
}

// Verdict is the result of a scan so far.
type Verdict uint8

const (
	// Fine is a request within all limits. It may still be malformed, which the
	// decoder reports.
	Fine Verdict = iota
	// TooDeep is a request with values that nest deeper than the limit.
	TooDeep
	// TooManyMessages is a request with more messages than the limit.
	TooManyMessages
	// TooLarge is a request that takes more memory than the limit.
	TooLarge
)

// account holds the counts of a scan so far.
type account struct {
	limits   Limits
	messages int
	bytes    int64 // bytes read so far
	memory   int64 // memory of structs and slices, in addition to the bytes
	verdict  Verdict
}

// add counts messages, and memory in addition to their bytes.
func (a *account) add(messages int, memory int64) {
	a.messages += messages
	a.memory += memory
}

// check compares the counts with the limits.
func (a *account) check() Verdict {
	switch {
	case a.verdict != Fine:
	case a.limits.Messages > 0 && a.messages > a.limits.Messages:
		a.verdict = TooManyMessages
	case a.limits.Size > 0 && a.size() > a.limits.Size:
		a.verdict = TooLarge
	}
	return a.verdict
}

func (a *account) size() int64 { return a.bytes + a.memory }
