// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspanenricherprocessor

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCacheIsBounded(t *testing.T) {
	tests := []struct {
		name       string
		cfg        CacheConfig
		length     int
		maxEntries int
	}{
		{"in entries", CacheConfig{MaxEntries: 100, MaxBytes: 1 << 20}, 10, 100},
		{"in bytes", CacheConfig{MaxEntries: 100_000, MaxBytes: 1 << 20}, 10_000, 104},
		{"off by entries", CacheConfig{MaxBytes: 1 << 20}, 10, 0},
		{"off by bytes", CacheConfig{MaxEntries: 100}, 10, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := newCache(tt.cfg)
			require.NoError(t, err)
			for i := range 5000 {
				text := fmt.Sprintf("%0*d", tt.length, i)
				c.put(cacheKey{text: text}, &statement{sanitized: text})
			}
			if tt.maxEntries == 0 {
				_, ok := c.get(cacheKey{text: fmt.Sprintf("%0*d", tt.length, 4999)})
				assert.False(t, ok)
				return
			}
			assert.LessOrEqual(t, c.statements.EstimatedSize(), tt.maxEntries)
			assert.GreaterOrEqual(t, c.statements.EstimatedSize(), tt.maxEntries*9/10)
			assert.LessOrEqual(t, float64(c.statements.WeightedSize()), float64(tt.cfg.MaxBytes))
		})
	}
}

// A huge statement must not evict all others.
func TestCacheRefusesHugeStatements(t *testing.T) {
	c, err := newCache(CacheConfig{MaxEntries: 100, MaxBytes: 1 << 20})
	require.NoError(t, err)
	key := cacheKey{text: strings.Repeat("x", 1<<19)}
	c.put(key, &statement{})
	_, ok := c.get(key)
	assert.False(t, ok)
}

// Statements that appear once, because they have literals, must not evict those that
// repeat.
func TestCacheKeepsWhatRepeats(t *testing.T) {
	c, err := newCache(CacheConfig{MaxEntries: 1000, MaxBytes: 1 << 20})
	require.NoError(t, err)
	hits, asked := 0, 0
	for i := range 100_000 {
		once := cacheKey{text: fmt.Sprintf("SELECT * FROM t WHERE id = %d", i)}
		if _, ok := c.get(once); !ok {
			c.put(once, &statement{})
		}
		repeated := cacheKey{text: fmt.Sprintf("SELECT * FROM t%d WHERE id = :1", i%300)}
		_, ok := c.get(repeated)
		if !ok {
			c.put(repeated, &statement{})
		}
		if i > 10_000 {
			asked++
			if ok {
				hits++
			}
		}
	}
	assert.Greater(t, float64(hits)/float64(asked), 0.95)
}

// A full cache admits a statement on its second appearance.
func TestCacheWaitsForTheSecondTime(t *testing.T) {
	c, err := newCache(CacheConfig{MaxEntries: 100, MaxBytes: 1 << 20})
	require.NoError(t, err)
	key := func(i int) cacheKey { return cacheKey{text: strconv.Itoa(i)} }
	for i := range 100 {
		c.put(key(i), &statement{})
		_, ok := c.get(key(i))
		require.True(t, ok, "there is room for %d", i)
	}
	for i := range 10 {
		c.put(key(1000+i), &statement{})
	}
	require.True(t, c.full.Load())
	before := c.statements.EstimatedSize()
	for i := range 1000 {
		c.put(key(2000+i), &statement{})
	}
	for i := range 1000 {
		_, ok := c.get(key(2000 + i))
		require.False(t, ok, "%d came once", i)
	}
	assert.LessOrEqual(t, c.statements.EstimatedSize(), before)

	assert.False(t, c.cameBefore(cacheKey{text: "a"}))
	assert.True(t, c.cameBefore(cacheKey{text: "a"}))
}

func TestCacheIsConcurrent(t *testing.T) {
	c, err := newCache(CacheConfig{MaxEntries: 50, MaxBytes: 1 << 16})
	require.NoError(t, err)
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for i := range 2000 {
				text := strconv.Itoa((i * (worker + 1)) % 200)
				if s, ok := c.get(cacheKey{text: text}); ok {
					assert.Equal(t, text, s.sanitized)
					continue
				}
				c.put(cacheKey{text: text}, &statement{sanitized: text})
			}
		})
	}
	group.Wait()
}

// What a shape holds beside its text counts, since it is no part of it.
func TestWeightOfShape(t *testing.T) {
	whole := &statement{operation: "SELECT", collection: strings.Repeat("a", 1000), procedure: strings.Repeat("b", 500), summary: "SELECT"}
	text := cacheKey{text: "SELECT 1"}
	shape := text
	shape.shape = true
	assert.Equal(t, weigh(text, whole)+6+1000+500, weigh(shape, whole.shape()))
}

// A full cache keeps the statements that are used, not others that came twice.
func TestCacheKeepsWhatIsUsed(t *testing.T) {
	c, err := newCache(CacheConfig{MaxEntries: 1000, MaxBytes: 1 << 20})
	require.NoError(t, err)
	twice := func(text string) {
		for range 2 {
			c.put(cacheKey{text: text}, &statement{})
		}
	}
	used := func(i int) string { return "used" + strconv.Itoa(i%500) }
	// They come first, and are used while the cache becomes full and later.
	for i := range 500 {
		twice(used(i))
	}
	misses := 0
	for i := range 20_000 {
		if _, ok := c.get(cacheKey{text: used(i)}); !ok {
			misses++
			twice(used(i))
		}
		c.put(cacheKey{text: "other" + strconv.Itoa(i)}, &statement{})
		if i%3 == 0 {
			c.put(cacheKey{text: "other" + strconv.Itoa(i)}, &statement{})
		}
	}
	assert.Less(t, misses, 100)
}
