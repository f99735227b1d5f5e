// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package spanbudgetextension // import "github.com/ociapm/otelcol-ociapm/components/extension/spanbudgetextension"

import (
	"math"
	"time"
)

const (
	// Durations are counted in buckets whose limits grow by 2^(1/16), 4.4 %, from 1 µs
	// to 71 minutes.
	bucketsPerOctave = 16
	bucketCount      = 32 * bucketsPerOctave

	// windowSeconds is the time after which durations go to the previous window. Two
	// windows are the last half to one hour.
	windowSeconds = 1800

	// minTraces is the number of traces before which none is slow.
	minTraces = 100

	// maxExcess is how many times more traces than wanted the lower limit of a bucket may
	// call slow. Otherwise its upper limit is taken: equal durations are not slow.
	maxExcess = 1.5
)

// quantile says which traces of an operation are slow.
type quantile struct {
	value float64       // such as 0.99
	least time.Duration // never slow below
}

// durations knows which of an operation's traces are slow, by those of the last hour.
type durations struct {
	quantile          quantile
	current, previous []uint32
	traces            [2]int // in current and previous
	age               float64
	slow              time.Duration // from here on a trace is slow
}

func newDurations(q quantile) durations {
	return durations{quantile: q, slow: math.MaxInt64}
}

// isSlow reports whether a trace of that duration is slow.
func (d *durations) isSlow(took time.Duration) bool { return took >= d.slow }

// isKnown reports whether there are enough traces to say what is slow.
func (d *durations) isKnown() bool { return d.slow != math.MaxInt64 }

// add counts a trace.
func (d *durations) add(took time.Duration) {
	if d.current == nil {
		d.current, d.previous = make([]uint32, bucketCount), make([]uint32, bucketCount)
	}
	d.current[bucketOf(took)]++
	d.traces[0]++
}

// update is called at the end of each interval.
func (d *durations) update(seconds float64) {
	if d.age += seconds; d.age >= windowSeconds && d.current != nil {
		d.current, d.previous = d.previous, d.current
		clear(d.current)
		d.traces = [2]int{0, d.traces[0]}
		d.age = 0
	}
	d.slow = math.MaxInt64
	traces := d.traces[0] + d.traces[1]
	if traces < minTraces {
		return
	}
	wanted := (1 - d.quantile.value) * float64(traces)
	above := 0
	for bucket := bucketCount - 1; bucket >= 0; bucket-- {
		above += int(d.current[bucket]) + int(d.previous[bucket])
		if float64(above) < wanted {
			continue
		}
		if float64(above) > maxExcess*wanted {
			bucket++
		}
		d.slow = max(limitOf(bucket), d.quantile.least)
		return
	}
}

// bucketOf returns the bucket of a duration.
func bucketOf(took time.Duration) int {
	if took <= time.Microsecond {
		return 0
	}
	return min(int(bucketsPerOctave*math.Log2(float64(took)/float64(time.Microsecond))), bucketCount-1)
}

// limitOf returns the lower limit of a bucket.
func limitOf(bucket int) time.Duration {
	return time.Duration(math.Ceil(float64(time.Microsecond) * math.Exp2(float64(bucket)/bucketsPerOctave)))
}
