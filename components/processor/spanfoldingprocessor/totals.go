// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package spanfoldingprocessor // import "github.com/ociapm/otelcol-ociapm/components/processor/spanfoldingprocessor"

import (
	"math"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// The attributes of a summary. The names are those of contrib's span_pruning processor.
const (
	attrIsSummary = "aggregation.is_summary"
	attrSpanCount = "aggregation.span_count"
	attrErrors    = "aggregation.error_count"
	attrTotal     = "aggregation.duration_total_ns"
	attrMin       = "aggregation.duration_min_ns"
	attrMax       = "aggregation.duration_max_ns"
	attrAverage   = "aggregation.duration_avg_ns"
	// attrDiverse has the names of the attributes that the folded spans do not have in
	// common, separated by commas. The summary has the values of the slowest one.
	attrDiverse = "aggregation.diverse_attributes"
)

// maxDiverse is the maximum number of names in attrDiverse.
const maxDiverse = 10

// totals is what a span stands for: itself, or the spans of a summary.
type totals struct {
	count, errors          int64
	sum, shortest, longest time.Duration
	diverse                string
	isSummary              bool
}

// totalsOf returns the totals of a single span. It returns false if the span has not
// ended.
func totalsOf(span ptrace.Span, failed bool) (totals, bool) {
	duration, ok := durationOf(span)
	t := totals{count: 1, sum: duration, shortest: duration, longest: duration}
	if failed {
		t.errors = 1
	}
	return t, ok
}

// readTotals returns the totals of a summary. It returns false if they contradict each
// other: then another program has written them.
func readTotals(span ptrace.Span) (totals, bool) {
	attrs := span.Attributes()
	number := func(name string) int64 {
		value, ok := attrs.Get(name)
		if !ok || value.Type() != pcommon.ValueTypeInt {
			return -1
		}
		return value.Int()
	}
	mark, _ := attrs.Get(attrIsSummary)
	t := totals{
		count: number(attrSpanCount), errors: number(attrErrors), sum: time.Duration(number(attrTotal)),
		shortest: time.Duration(number(attrMin)), longest: time.Duration(number(attrMax)), isSummary: true,
	}
	if diverse, ok := attrs.Get(attrDiverse); ok {
		t.diverse = diverse.Str()
	}
	_, ended := durationOf(span)
	ok := ended && mark.Type() == pcommon.ValueTypeBool && mark.Bool() && t.count >= minGroup && t.errors >= 0 && t.errors <= t.count &&
		t.shortest >= 0 && t.shortest <= t.longest && t.longest <= t.sum
	return t, ok
}

// add adds the totals of another span. Sums do not overflow.
func (t *totals) add(other totals) {
	t.count = saturated(t.count, other.count)
	t.errors = saturated(t.errors, other.errors)
	t.sum = time.Duration(saturated(int64(t.sum), int64(other.sum)))
	t.shortest = min(t.shortest, other.shortest)
	t.longest = max(t.longest, other.longest)
}

// saturated returns the sum of two numbers that are not negative, or the largest number.
func saturated(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// write adds the totals to the attributes of a span. diverse is sorted.
func (t *totals) write(attrs pcommon.Map, diverse []string) {
	attrs.EnsureCapacity(attrs.Len() + 8)
	attrs.PutBool(attrIsSummary, true)
	attrs.PutInt(attrSpanCount, t.count)
	attrs.PutInt(attrErrors, t.errors)
	attrs.PutInt(attrTotal, int64(t.sum))
	attrs.PutInt(attrMin, int64(t.shortest))
	attrs.PutInt(attrMax, int64(t.longest))
	attrs.PutInt(attrAverage, int64(t.sum)/t.count)
	if len(diverse) > 0 {
		attrs.PutStr(attrDiverse, strings.Join(diverse[:min(len(diverse), maxDiverse)], ","))
	}
}
