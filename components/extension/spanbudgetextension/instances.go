// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package spanbudgetextension // import "github.com/ociapm/otelcol-ociapm/components/extension/spanbudgetextension"

import (
	"context"
	"slices"
	"time"

	"go.uber.org/zap"
)

const (
	resolveInterval = 30 * time.Second
	resolveTimeout  = 5 * time.Second
	// fewerAnswers is how many equal answers in a row lower the number of instances: a
	// name server may miss one for a moment.
	fewerAnswers = 2
)

// instanceCounter follows the number of addresses of a name.
type instanceCounter struct {
	count   int // 0: unknown
	pending int // a lower number that the last answers had
	answers int // how many
}

// observe takes an answer, and returns the number that applies. It rises at once: too
// many instances spend too little, too few would spend too much.
func (c *instanceCounter) observe(addresses int) int {
	switch {
	case addresses >= c.count:
		c.count, c.answers = addresses, 0
	case addresses == c.pending && c.answers > 0:
		c.answers++
		if c.answers >= fewerAnswers {
			c.count, c.answers = addresses, 0
		}
	default:
		c.pending, c.answers = addresses, 1
	}
	return c.count
}

// followInstances asks for the addresses of a name at regular intervals.
func (b *budget) followInstances(ctx context.Context, name string) {
	counter := instanceCounter{count: b.lastInstances}
	timer := time.NewTicker(resolveInterval)
	defer timer.Stop()
	for {
		b.resolve(ctx, name, &counter)
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
	}
}

func (b *budget) resolve(ctx context.Context, name string, counter *instanceCounter) {
	limited, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	addresses, err := b.lookup(limited, name)
	if ctx.Err() != nil {
		return // shutting down
	}
	slices.Sort(addresses)
	addresses = slices.Compact(addresses)
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	before := b.controller.plan.instances
	if err != nil || len(addresses) == 0 {
		b.notices.instances.warn(now, b.logger, "The number of instances is not known, and the last one applies; check the name in instances",
			zap.String("name", name), zap.Int("instances", before), zap.Error(err))
		return
	}
	after := counter.observe(len(addresses))
	if after == before {
		return
	}
	b.controller.setInstances(after, now)
	b.logger.Info("The number of instances has changed, and with it what this one may spend",
		zap.Int("before", before), zap.Int("instances", after), zap.Int64("spans_per_hour", int64(b.controller.plan.share())))
}
