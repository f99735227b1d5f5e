// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter // import "github.com/ociapm/otelcol-ociapm/ociapmexporter"

import (
	"sync"
	"time"
)

const (
	// minPace is the lowest limit after time-outs, in bytes: smaller uploads are not
	// answered any faster.
	minPace = 16 << 10
	// A limit that grows to maxPace, in bytes, is removed.
	maxPace = 64 << 20
)

// pace limits the size of the uploads of one signal after time-outs, and remembers the
// pause that APM has asked for. Successful uploads undo both.
type pace struct {
	mu       sync.Mutex
	timeouts int // since the last success
	limit    int // in bytes; 0 is no limit
	until    time.Time
}

// size returns the largest size of an upload in bytes before compression; 0 is no
// limit.
func (p *pace) size() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.limit
}

// timedOut records an upload that was not answered in time. From the second time-out in
// a row on, the limit is half of the upload's size.
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

// succeeded records an upload that was accepted. If it had at least half the size of the
// limit, the limit doubles.
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

// pause records that APM asks for a pause.
func (p *pace) pause(duration time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.until = time.Now().Add(duration)
}

// resume ends the pause.
func (p *pace) resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.until = time.Time{}
}

// wait returns the rest of the pause, or 0.
func (p *pace) wait() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.until.IsZero() {
		return 0
	}
	return max(time.Until(p.until), 0)
}
