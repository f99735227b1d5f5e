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

// variety is the number of different requests that an app sends in turn.
const variety = 16

// exportTimeout is the timeout of SDKs' OTLP exporters.
const exportTimeout = 10 * time.Second

// drive describes a load.
type drive struct {
	protocol string // grpc or http
	address  string
	apps     int // each with its own connection
	spans    int // per request
	// lasting is how long the apps send. If requests is not 0, an app stops earlier,
	// after that many requests.
	lasting  time.Duration
	requests int
	// rate is the total number of spans per second of all apps. If it is 0, each app
	// sends its next request as soon as the last one is answered.
	rate float64
}

// driven is the result of a load.
type driven struct {
	spans   int64 // accepted
	failed  int64 // requests that were refused or got no response; they are not retried
	why     error // the reason for one of the failures
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
		// Large requests are few, and many apps share the same ones.
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
	// With a rate, the apps take turns.
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
				_ = a.seen.latency.RecordValue(max(1, time.Since(due).Microseconds())) // exportTimeout keeps it below the maximum of a minute
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

// sleepUntil waits until a time. It returns false if ctx ends first.
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
