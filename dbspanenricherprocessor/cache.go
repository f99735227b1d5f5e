// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspanenricherprocessor // import "github.com/ociapm/otelcol-ociapm/dbspanenricherprocessor"

import (
	"hash/maphash"
	"math"
	"sync/atomic"

	"github.com/maypok86/otter/v2"
)

// cache remembers analyzed statements. It is bounded in statements and in bytes,
// and lets in a statement that was seen once only if it has room: statements
// with literals in them do not wash out those that repeat.
type cache struct {
	statements *otter.Cache[cacheKey, *statement] // nil if the cache is off
	maxWeight  int

	// full tells that a statement had to go. From then on one that is new comes in
	// only when it comes again: for one that never does, which is what statements with
	// literals are, making room would cost as much as a third of reading it.
	full atomic.Bool
	seed maphash.Seed
	// once has marks of statements that came once while the cache was full, by their
	// hash. One may take the place of another, whose statement then has to come a
	// third time.
	once [seenOnce]atomic.Uint32
}

// seenOnce is how many statements may come between the first time and the second.
const seenOnce = 1 << 14

type cacheKey struct {
	grammar grammar
	text    string
}

// cacheOverhead is about what the cache needs for a statement beside its text,
// in bytes: measured as heap in use over 10,000 short statements.
const cacheOverhead = 300

func newCache(cfg CacheConfig) (*cache, error) {
	if cfg.MaxEntries == 0 || cfg.MaxBytes == 0 {
		return &cache{}, nil
	}
	// A statement weighs its bytes, but at least an entry's share of them all:
	// that bounds the number of statements, too.
	share := (cfg.MaxBytes + cfg.MaxEntries - 1) / cfg.MaxEntries
	c := &cache{maxWeight: cfg.MaxBytes, seed: maphash.MakeSeed()}
	var err error
	c.statements, err = otter.New(&otter.Options[cacheKey, *statement]{
		MaximumWeight: uint64(cfg.MaxBytes), //nolint:gosec // Validate refuses negative numbers
		Weigher: func(key cacheKey, s *statement) uint32 {
			return uint32(min(max(share, weigh(key, s)), math.MaxUint32)) //nolint:gosec // bounded on the left, a sum of lengths
		},
		// Upkeep in the goroutine that uses the cache: there is nothing to stop.
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

// weigh is the bytes that a statement takes. Parts of the text that the
// statement refers to take none.
func weigh(key cacheKey, s *statement) int {
	weight := cacheOverhead + len(key.text) + len(s.summary)
	if s.sanitized != key.text {
		weight += len(s.sanitized)
	}
	return weight
}

// get finds a statement.
func (c *cache) get(key cacheKey) (*statement, bool) {
	if c.statements == nil {
		return nil, false
	}
	return c.statements.GetIfPresent(key)
}

// put remembers a statement, unless it alone would push out a good part of the
// others.
func (c *cache) put(key cacheKey, s *statement) {
	if c.statements == nil || weigh(key, s) > c.maxWeight/largestShare {
		return
	}
	if c.full.Load() && !c.cameBefore(key) {
		return
	}
	c.statements.Set(key, s)
}

// cameBefore tells whether the statement came before, as far as is known, and
// remembers that it came.
func (c *cache) cameBefore(key cacheKey) bool {
	hash := maphash.String(c.seed, key.text)
	mark := uint32(hash>>32) | 1 // the upper half
	return c.once[hash%seenOnce].Swap(mark) == mark
}

// largestShare is the part of the cache, one of so many, that one statement may
// take.
const largestShare = 8
