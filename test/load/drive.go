// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package load // import "github.com/ociapm/otelcol-ociapm/test/load"

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// variety is how many different requests an app sends in turn.
const variety = 16

// exportTimeout is that of the OTLP exporters of SDKs.
const exportTimeout = 10 * time.Second

// drive is how apps send.
type drive struct {
	protocol string // grpc or http
	address  string
	apps     int // each with a connection of its own
	spans    int // of a request
	// lasting is how long the apps send; requests, where it is not 0, ends an
	// app's sending before.
	lasting  time.Duration
	requests int
	// rate is the spans per second of all apps together. At 0 each app sends
	// its next request when the last one is answered.
	rate float64
}

// driven is what apps have seen.
type driven struct {
	spans   int64 // accepted
	failed  int64 // requests that were refused or not answered; they are not sent again
	why     error // of one that failed
	took    time.Duration
	latency *hdrhistogram.Histogram // µs of an export call; at a rate, from when it was due
}

func newLatency() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, int64(time.Minute/time.Microsecond), 3)
}

// run sends until it is done.
func (d drive) run(ctx context.Context) (driven, error) {
	type app struct {
		sender   sender
		requests []*request
		seen     driven
	}
	apps := make([]*app, d.apps)
	defer func() {
		for _, a := range apps {
			if a != nil && a.sender != nil {
				a.sender.close()
			}
		}
	}()
	connect := newGRPCSender
	if d.protocol == "http" {
		connect = newHTTPSender
	}
	for i := range apps {
		a := &app{seen: driven{latency: newLatency()}}
		apps[i] = a
		// Large requests are few, and apps that are many share the work.
		for n := range max(1, min(variety, 4000/d.spans, 256/d.apps)) {
			r, err := newRequest(d.spans, uint64(i*variety+n))
			if err != nil {
				return driven{}, err
			}
			a.requests = append(a.requests, r)
		}
		var err error
		if a.sender, err = connect(d.address); err != nil {
			return driven{}, err
		}
	}

	start := time.Now()
	end := start.Add(d.lasting)
	// The apps of a rate take turns.
	interval := time.Duration(0)
	if d.rate > 0 {
		interval = time.Duration(float64(d.apps*d.spans) / d.rate * float64(time.Second))
	}
	var sending sync.WaitGroup
	for i, a := range apps {
		sending.Go(func() {
			random := rand.NewPCG(uint64(i), uint64(start.UnixNano())) //nolint:gosec // a seed
			due := start.Add(interval * time.Duration(i) / time.Duration(d.apps))
			for n := 0; d.requests == 0 || n < d.requests; n++ {
				r := a.requests[n%len(a.requests)]
				r.renew(random)
				if interval > 0 {
					if !sleepUntil(ctx, due) {
						return
					}
				} else {
					due = time.Now()
				}
				if due.After(end) || ctx.Err() != nil {
					return
				}
				call, cancel := context.WithTimeout(ctx, exportTimeout)
				err := a.sender.send(call, r.body)
				cancel()
				if err != nil {
					a.seen.failed++
					a.seen.why = err
				} else {
					a.seen.spans += int64(r.spans)
				}
				_ = a.seen.latency.RecordValue(max(1, time.Since(due).Microseconds())) // above a minute cannot be: exportTimeout
				due = due.Add(interval)
			}
		})
	}
	sending.Wait()

	all := driven{took: time.Since(start), latency: newLatency()}
	for _, a := range apps {
		all.spans += a.seen.spans
		all.failed += a.seen.failed
		if a.seen.why != nil {
			all.why = a.seen.why
		}
		if dropped := all.latency.Merge(a.seen.latency); dropped > 0 {
			return driven{}, fmt.Errorf("%d latencies are out of range", dropped)
		}
	}
	return all, ctx.Err()
}

// sleepUntil waits until a time. It returns false when ctx has ended before.
func sleepUntil(ctx context.Context, due time.Time) bool {
	wait := time.Until(due)
	if wait <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
