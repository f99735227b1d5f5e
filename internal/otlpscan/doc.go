// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package otlpscan measures an OTLP request before it is decoded: how deep
// attribute values nest in it, how many messages it holds, and how much memory
// they take once decoded. pdata (v1.64.0) bounds none of the three: a few
// megabytes of nested arrays overflow the stack, and an empty span takes two
// bytes on the wire and some 250 in memory.
//
// An array or key-value list that is an attribute's value, or a log record's
// body, has depth 1; one that is an element of it has depth 2.
package otlpscan // import "github.com/ociapm/otelcol-ociapm/internal/otlpscan"

// MaxDepth is the largest depth that a scanner can be asked to allow; decoding
// that much takes some 2 MB of memory.
const MaxDepth = 1000

// Limits is what a request may hold.
type Limits struct {
	// Depth is how deep attribute values may nest, 1 to MaxDepth.
	Depth int
	// Messages is how many messages, or objects in JSON, the request may hold: 0
	// is without a limit.
	Messages int
	// Size is how many bytes of memory it may take once decoded, by estimate: 0 is
	// without a limit.
	Size int64
}

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
	// TooLarge is a request that takes more memory than the limit.
	TooLarge
)

// account is what a scanner has counted so far.
type account struct {
	limits   Limits
	messages int
	bytes    int64 // read so far
	memory   int64 // of structs and slices, apart from the bytes
	verdict  Verdict
}

// add counts messages and the memory of what is not their bytes.
func (a *account) add(messages int, memory int64) {
	a.messages += messages
	a.memory += memory
}

// check compares what was counted with the limits.
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
