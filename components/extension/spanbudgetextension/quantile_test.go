// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package spanbudgetextension

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestSlowest(t *testing.T) {
	for name, test := range map[string]struct {
		take        func(random *rand.Rand) time.Duration
		least       time.Duration
		lower, most float64 // share of slow ones
	}{
		"lognormal": {
			take:  func(random *rand.Rand) time.Duration { return time.Duration(1e7 * math.Exp(random.NormFloat64())) },
			lower: 0.009, most: 0.015,
		},
		"equal": {
			take: func(*rand.Rand) time.Duration { return 20 * time.Millisecond },
		},
		"one in 200": {
			take: func(random *rand.Rand) time.Duration {
				if random.IntN(200) == 0 {
					return 5 * time.Second
				}
				return time.Duration(1e7 * (1 + random.Float64()))
			},
			lower: 0.003, most: 0.021,
		},
		"never below": {
			take:  func(random *rand.Rand) time.Duration { return time.Duration(1e6 * math.Exp(random.NormFloat64())) },
			least: time.Second,
		},
	} {
		t.Run(name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, 2))
			d := newDurations(quantile{value: 0.99, least: test.least})
			for range minTraces - 1 {
				d.add(test.take(random))
			}
			d.update(10)
			assert.False(t, d.isKnown())
			for range 20_000 {
				d.add(test.take(random))
			}
			d.update(10)
			slow := 0
			for range 20_000 {
				if d.isSlow(test.take(random)) {
					slow++
				}
			}
			assert.GreaterOrEqual(t, float64(slow)/20_000, test.lower)
			assert.LessOrEqual(t, float64(slow)/20_000, test.most)
		})
	}
}

// What was slow an hour ago does not count any more.
func TestDurationsAreForgotten(t *testing.T) {
	d := newDurations(quantile{value: 0.99})
	for range 1000 {
		d.add(10 * time.Second)
	}
	d.update(windowSeconds)
	for range 1000 {
		d.add(time.Millisecond)
	}
	d.update(10)
	assert.False(t, d.isSlow(5*time.Second), "half of the traces took 10 s")
	d.update(windowSeconds)
	for n := range 1000 {
		d.add(time.Duration(n+1) * time.Microsecond)
	}
	d.update(10)
	assert.True(t, d.isSlow(5*time.Second))
}

func TestBuckets(t *testing.T) {
	assert.Zero(t, bucketOf(0))
	assert.Zero(t, bucketOf(-time.Second))
	assert.Equal(t, bucketCount-1, bucketOf(100*time.Hour))
	for bucket := range bucketCount {
		assert.Equal(t, bucket, bucketOf(limitOf(bucket)+1), "bucket %d", bucket)
	}
}
