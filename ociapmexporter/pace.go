// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter // import "github.com/ociapm/otelcol-ociapm/ociapmexporter"

import (
	"sync"
	"time"
)

const (
	// minPace is the least that time-outs leave of an upload, in bytes: less does
	// not arrive any faster.
	minPace = 16 << 10
	// maxPace is where a pace that grows is none any more.
	maxPace = 64 << 20
)

// pace is how much the uploads of a signal have at a time, and until when APM
// wants none. Nothing in it lasts: what arrives undoes it.
type pace struct {
	mu       sync.Mutex
	timeouts int // since an upload has arrived
	limit    int // bytes; 0 is none
	until    time.Time
}

// size returns how many bytes an upload may have before compression; 0 is no
// limit.
func (p *pace) size() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.limit
}

// timedOut notes an upload that had no answer in time. From the second on, half of
// it goes at a time.
func (p *pace) timedOut(size int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timeouts++
	if p.timeouts < 2 {
		return
	}
	if half := max(size/2, minPace); p.limit == 0 || half < p.limit {
		p.limit = half
	}
}

// succeeded notes an upload that was answered in time. One that was about as large
// as it may be lets the next ones be twice as large.
func (p *pace) succeeded(size int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timeouts = 0
	if p.limit == 0 || size < p.limit/2 {
		return
	}
	p.limit *= 2
	if p.limit >= maxPace {
		p.limit = 0
	}
}

// pause notes that APM wants no uploads for a while.
func (p *pace) pause(duration time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.until = time.Now().Add(duration)
}

// resume notes that APM takes uploads.
func (p *pace) resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.until = time.Time{}
}

// wait returns for how long APM still wants no uploads, or 0.
func (p *pace) wait() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.until.IsZero() {
		return 0
	}
	return max(time.Until(p.until), 0)
}
