// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package spanbudgetextension // import "github.com/ociapm/otelcol-ociapm/components/extension/spanbudgetextension"

import (
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/ociapm/otelcol-ociapm/internal/spanbudget"
)

// sampledBelow is the probability of ordinary traces below which the log says that spans
// are sampled.
const sampledBelow = 0.95

// roomLeft is the part of the hour's budget that is left when a trace does not fit because
// it is large, and not because the budget is spent.
const roomLeft = 0.05

// notices are the log lines that are written once an hour at most.
type notices struct {
	sampled, errors, spent, large, ahead, storage, instances, uncounted notice
}

// notice is a log line that is written once a clock hour at most.
type notice struct {
	hour int64
}

func (n *notice) isDue(now time.Time) bool {
	if n.hour == hourOf(now) {
		return false
	}
	n.hour = hourOf(now)
	return true
}

func (n *notice) warn(now time.Time, logger *zap.Logger, message string, fields ...zap.Field) {
	if n.isDue(now) {
		logger.Warn(message, fields...)
	}
}

// report lets time pass, and writes what the log should say.
func (b *budget) report(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.controller
	c.advance(now)
	if last := &c.hours.previous; last.Number > b.reported && last.Number < c.hours.current.Number {
		b.reported = last.Number
		b.logger.Info(last.String())
	}
	current := &c.hours.current
	if p := c.ops.busiest().chance.p; p < sampledBelow && b.notices.sampled.isDue(now) {
		b.logger.Info(fmt.Sprintf("Spans are sampled to keep to the budget: %s ordinary traces of the busiest operation is kept", oneIn(p)),
			zap.Int64("limit", int64(current.Limit)), zap.Int64("projected_unsampled", int64(c.projected(now, false))))
	}
	if c.error.p < 1 && c.demand[spanbudget.ClassError] > 0 {
		b.notices.errors.warn(now, b.logger, fmt.Sprintf("Errors alone would exceed the budget: %s traces with errors is kept", oneIn(c.error.p)),
			zap.Int64("errors_per_hour", int64(c.demand[spanbudget.ClassError]*3600)))
	}
	if b.deliveries == 0 && c.since.Kept != [classCount]tally{} {
		b.notices.uncounted.warn(now, b.logger, "Traces are kept, but no processor tells what it delivers: late spans are not counted, and spans get no sampling threshold; use durable_tail_sampling",
			zap.Stringer("span_budget", b.id))
	}
}

// oneIn words a probability.
func oneIn(p float64) string {
	if p > 0.1 {
		return fmt.Sprintf("1 in %.1f", 1/p)
	}
	return fmt.Sprintf("1 in %.0f", 1/p)
}

// noticeCutOff says why spans are dropped that the probability would have kept.
func (b *budget) noticeCutOff(now time.Time, spans int, farAhead bool) {
	current := &b.controller.hours.current
	left := int64(current.Limit) - current.total()
	end := b.controller.endOfHour()
	switch {
	case farAhead:
		b.notices.ahead.warn(now, b.logger, "Ordinary traces are kept much more often than their probability; some are dropped until the plan has caught up. Their trace IDs, or rv in tracestate, are probably not random",
			zap.Int64("spent", current.total()), zap.Int64("limit", int64(current.Limit)))
	case float64(left) > roomLeft*current.Limit:
		b.notices.large.warn(now, b.logger, "A trace does not fit into what is left of this hour's budget, and is dropped; smaller ones are still kept",
			zap.Int("spans_of_the_trace", spans), zap.Int64("left", left), zap.Int64("limit", int64(current.Limit)))
	default:
		b.notices.spent.warn(now, b.logger, fmt.Sprintf("The budget of this hour is spent %d minutes before its end; what does not fit is dropped until %s", int(end.Sub(now).Minutes()), end.Format("15:04Z")),
			zap.Int64("limit", int64(current.Limit)), zap.Int64("spent", current.total()), zap.Int("spans_of_the_trace", spans))
	}
}

// String is the log line about an hour.
func (h *hour) String() string {
	errors := int(spanbudget.ClassError)
	text := fmt.Sprintf("Hour %s: %d of %.0f spans spent (errors %d, slow %d, ordinary %d); %d of %d traces with errors kept; %d spans dropped",
		startOf(h.Number).Format("15:04Z"), h.total(), h.Limit,
		h.Spent[spanbudget.ClassError], h.Spent[spanbudget.ClassSlow], h.Spent[spanbudget.ClassOrdinary],
		h.Counts.Kept[errors].Traces, h.Counts.Seen[errors].Traces, h.Counts.dropped())
	if h.Assumed > 0 {
		text += fmt.Sprintf("; %d spans are an estimate of what was spent before the start", h.Assumed)
	}
	return text
}

// projected returns how many spans this hour will have spent at its end: with the present
// probabilities if sampled, otherwise if everything were kept.
func (c *controller) projected(now time.Time, sampled bool) float64 {
	rest := c.endOfHour().Sub(now).Seconds()
	ordinary, kept := c.ops.demand()
	rate := ordinary + c.demand[spanbudget.ClassError] + c.demand[spanbudget.ClassSlow]
	if sampled {
		rate = kept + c.demand[spanbudget.ClassError]*c.error.p + c.demand[spanbudget.ClassSlow]*c.slow.p
	}
	return float64(c.hours.current.total()) + rate*c.net*rest
}
