// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspanenricherprocessor // import "github.com/ociapm/otelcol-ociapm/dbspanenricherprocessor"

import (
	"hash/maphash"
	"math"
	"sync/atomic"

	"github.com/maypok86/otter/v2"
)

// cache holds analyzed statements, up to a number of statements and of bytes. Once it
// is full, it admits a statement only on its second appearance, so that statements with
// literals do not evict those that repeat.
type cache struct {
	statements *otter.Cache[cacheKey, *statement] // nil if the cache is off
	maxWeight  int

	// full is set on the first eviction. From then on, a statement is admitted only on
	// its second appearance. A statement with literals seldom appears twice, and evicting
	// another one for it would cost a third of the time of analyzing it.
	full atomic.Bool
	seed maphash.Seed
	// once marks the statements that appeared once while the cache was full, by hash. A
	// statement whose mark is overwritten needs a third appearance.
	once [seenOnce]atomic.Uint32
}

// seenOnce is how many other statements may come between the first appearance and the
// second.
const seenOnce = 1 << 14

// cacheKey is what an analysis depends on.
type cacheKey struct {
	grammar grammar
	text    string
	shape   bool // the text is the shape of statements
}

// cacheOverhead is roughly how many bytes an entry takes apart from its text, measured
// as heap in use for 10,000 short statements.
const cacheOverhead = 300

// newCache returns a cache. It is off if the configuration turns it off.
func newCache(cfg CacheConfig) (*cache, error) {
	if cfg.MaxEntries == 0 || cfg.MaxBytes == 0 {
		return &cache{}, nil
	}
	// A statement weighs its bytes, but at least its share of all bytes, which limits
	// the number of statements as well.
	share := (cfg.MaxBytes + cfg.MaxEntries - 1) / cfg.MaxEntries
	c := &cache{maxWeight: cfg.MaxBytes, seed: maphash.MakeSeed()}
	var err error
	c.statements, err = otter.New(&otter.Options[cacheKey, *statement]{
		MaximumWeight: uint64(cfg.MaxBytes), //nolint:gosec // Validate rejects negative numbers
		Weigher: func(key cacheKey, s *statement) uint32 {
			return uint32(min(max(share, weigh(key, s)), math.MaxUint32)) //nolint:gosec // bounded on the left, a sum of lengths
		},
		// Maintenance runs in the goroutine that uses the cache, so nothing has to be
		// stopped.
		Executor: func(task func()) { task() },
		OnAtomicDeletion: func(event otter.DeletionEvent[cacheKey, *statement]) {
			if event.Cause == otter.CauseOverflow && !c.full.Load() {
				c.full.Store(true)
			}
		},
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// weigh returns the number of bytes that an entry takes. Substrings of its text take
// none. A shape has copies of them, since its text is another one.
func weigh(key cacheKey, s *statement) int {
	weight := cacheOverhead + len(key.text) + len(s.summary)
	if s.sanitized != key.text {
		weight += len(s.sanitized)
	}
	if key.shape {
		weight += len(s.operation) + len(s.collection) + len(s.procedure)
	}
	return weight
}

// off reports whether the cache keeps nothing.
func (c *cache) off() bool { return c.statements == nil }

// get returns the analysis of a statement, if the cache has it.
func (c *cache) get(key cacheKey) (*statement, bool) {
	if c.off() {
		return nil, false
	}
	return c.statements.GetIfPresent(key)
}

// put adds a statement, unless it is so large that it would evict many others.
func (c *cache) put(key cacheKey, s *statement) {
	if c.off() || weigh(key, s) > c.maxWeight/largestShare {
		return
	}
	if c.full.Load() && !c.cameBefore(key) {
		return
	}
	c.statements.Set(key, s)
}

// cameBefore reports whether the statement is known to have appeared before, and records
// its appearance.
func (c *cache) cameBefore(key cacheKey) bool {
	hash := maphash.String(c.seed, key.text)
	mark := uint32(hash>>32) | 1 // the upper half
	return c.once[hash%seenOnce].Swap(mark) == mark
}

// largestShare is how many statements of the maximum size fit into the cache.
const largestShare = 8
