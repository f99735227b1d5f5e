// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package spanbudgetextension // import "github.com/ociapm/otelcol-ociapm/components/extension/spanbudgetextension"

import (
	"time"

	"github.com/ociapm/otelcol-ociapm/internal/spanbudget"
)

// hour is what is spent in a clock hour, in UTC: OCI bills by the clock hour.
type hour struct {
	Number int64   `json:"hour"`  // hours since 1970
	Limit  float64 `json:"limit"` // spans that this instance may spend

	Spent   [classCount]int64 `json:"spent"`   // spans that are or will be uploaded, by class
	Assumed int64             `json:"assumed"` // spans that an unknown earlier process may have spent

	Counts counts `json:"counts"`
}

// counts is what was decided, for the log and the metrics.
type counts struct {
	Seen   [classCount]tally `json:"seen"`
	Kept   [classCount]tally `json:"kept"`
	Late   int64             `json:"late"`    // late spans that are spent
	CutOff int64             `json:"cut_off"` // spans that the probability would have kept
	Folded int64             `json:"folded"`  // spans that were spent before they became part of others
}

// tally counts traces and spans.
type tally struct {
	Traces int64 `json:"traces"`
	Spans  int64 `json:"spans"`
}

// total returns the spans that count as spent.
func (h *hour) total() int64 {
	total := h.Assumed
	for _, spans := range h.Spent {
		total += spans
	}
	return total
}

// decided counts a decision on a trace.
func (n *counts) decided(class spanbudget.Class, spans int, kept bool) {
	n.Seen[class].add(spans)
	if kept {
		n.Kept[class].add(spans)
	}
}

// add counts a trace.
func (t *tally) add(spans int) {
	t.Traces++
	t.Spans += int64(spans)
}

// dropped returns the spans that were not kept.
func (n *counts) dropped() (spans int64) {
	for class := range n.Seen {
		spans += n.Seen[class].Spans - n.Kept[class].Spans
	}
	return spans
}

// hours is this hour and the one before it in this process, which differs from the clock's
// if the clock was changed.
type hours struct {
	current, previous hour
}

// turn goes on to another hour. An hour that comes again because the clock was set back
// goes on with what was spent in it, and one that is older counts at least what the hour
// did from which the clock came back.
func (h *hours) turn(number int64, limit float64) {
	if number == h.current.Number {
		return
	}
	next := hour{Number: number, Limit: limit}
	if h.previous.Number == number {
		next = h.previous
	}
	if number < h.current.Number && h.current.total() > next.total() {
		next = h.current
		next.Number = number
	}
	h.previous, h.current = h.current, next
}

func hourOf(now time.Time) int64 { return now.Unix() / 3600 }

func startOf(number int64) time.Time { return time.Unix(number*3600, 0).UTC() }
