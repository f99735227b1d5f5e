// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A summary counts as what it stands for, in the statement's calls and time, and as N+1. A
// sampled trace adds to an estimate only.
func TestFoldedStatements(t *testing.T) {
	folded := postgres("select * from room where id = 1")
	folded["aggregation.span_count"] = 199
	folded["aggregation.duration_total_ns"] = 398_000_000
	folded["sampling.adjusted_count"] = 5.0
	failed := call(1, 4, "shop", 60, 5, postgres("select * from room where id = 3"))
	failed.failed = true
	failed.attributes["aggregation.span_count"] = 10
	failed.attributes["aggregation.duration_total_ns"] = 10_000_000
	s := start(t)
	s.uploadTraces(tracesOf(t,
		spanSpec{trace: 1, id: 1, service: "shop", name: "GET /rooms", kind: server, end: 500},
		call(1, 2, "shop", 0, 450, folded),
		call(1, 3, "shop", 10, 4, postgres("select * from room where id = 2")),
		failed,
	))
	var list StatementList
	s.get("/api/v1/statements", &list)
	require.Len(t, list.Statements, 1)
	st := list.Statements[0]
	assert.Equal(t, 210, st.Calls)
	assert.Equal(t, 10, st.Errors)
	assert.Equal(t, int64(412_000_000), st.TotalNS)
	assert.Equal(t, int64(412_000_000/210), st.MeanNS)
	assert.Equal(t, int64(4_000_000), st.MaxNS) // of a single call
	assert.InDelta(t, 199*5+11, st.EstimatedCalls, 0)
	assert.Equal(t, 210, st.NPlusOne)

	var detail StatementDetail
	s.get("/api/v1/statements/"+st.ID, &detail)
	assert.Equal(t, 210, detail.Callers[0].Calls)
	assert.Equal(t, []CallCount{{Name: "shop", Calls: 210}}, list.Services)
	calls, errors := 0, 0
	for _, bucket := range detail.Series.Buckets {
		calls, errors = calls+bucket.Calls, errors+bucket.Errors
	}
	assert.Equal(t, []int{210, 10}, []int{calls, errors})
}
