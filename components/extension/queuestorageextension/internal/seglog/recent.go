// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package seglog // import "github.com/ociapm/otelcol-ociapm/components/extension/queuestorageextension/internal/seglog"

const (
	// maxRecent limits the bytes of the values that a log holds in memory.
	maxRecent = 2 << 20
	// minRecent is the size of the smallest buffer that is worth holding.
	minRecent = 2 << 10
)

// recent holds values that were just written, so that a queue that drains at once
// need not read them from the disk again. It stops adding values when it is full.
// During an outage it therefore holds the oldest ones, which are read first.
type recent struct {
	values map[string][]byte
	size   int
}

// wants reports whether the values of a batch should be held. Such a batch
// needs its own buffer.
func (r *recent) wants(size int64, sets int) bool {
	return sets == 1 && size >= minRecent && int64(r.size)+size <= maxRecent
}

// add holds the value of a key. Nothing may change the value afterwards.
func (r *recent) add(key string, value []byte) {
	if r.values == nil {
		r.values = map[string][]byte{}
	}
	r.values[key] = value
	r.size += len(value)
}

// take returns the value of a key and no longer holds it: the caller may change it.
func (r *recent) take(key string) ([]byte, bool) {
	value, ok := r.values[key]
	if ok {
		delete(r.values, key)
		r.size -= len(value)
	}
	return value, ok
}
