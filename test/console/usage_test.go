// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build console

package console

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// sampled returns traces that a budget kept: two with errors, and three ordinary ones that
// stand for twenty each.
func sampled(t *testing.T) ptrace.Traces {
	t.Helper()
	traces := ptrace.NewTraces()
	for i := range 5 {
		spanSpec{service: "shop", name: "GET /rooms", trace: byte(i + 1), id: 1, end: 20}.addTo(t, traces)
	}
	for i, resource := range traces.ResourceSpans().All() {
		attributes := resource.ScopeSpans().At(0).Spans().At(0).Attributes()
		if i < 2 {
			attributes.PutStr("sampling.reason", "error")
			continue
		}
		attributes.PutStr("sampling.reason", "ordinary")
		attributes.PutDouble("sampling.adjusted_count", 20)
	}
	return traces
}

// redMetrics returns what config/red-metrics.yaml uploads: 1000 calls, 10 of them failed.
func redMetrics(at time.Time) pmetric.Metrics {
	metrics := pmetric.NewMetrics()
	resource := metrics.ResourceMetrics().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "shop")
	scope := resource.ScopeMetrics().AppendEmpty()
	sum := func(name string, calls int64, status, database string) {
		m := scope.Metrics().AppendEmpty()
		m.SetName(name)
		m.SetEmptySum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		point := m.Sum().DataPoints().AppendEmpty()
		point.SetTimestamp(pcommon.NewTimestampFromTime(at))
		point.SetIntValue(calls)
		point.Attributes().PutStr("status.code", status)
		if database != "" {
			point.Attributes().PutStr("peer.service", database)
		}
	}
	sum("service.calls", 990, "STATUS_CODE_UNSET", "")
	sum("service.calls", 10, "STATUS_CODE_ERROR", "")
	sum("database.calls", 4000, "STATUS_CODE_UNSET", "oracle:hotels")
	m := scope.Metrics().AppendEmpty()
	m.SetName("service.duration")
	m.SetUnit("s")
	m.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	point := m.Histogram().DataPoints().AppendEmpty()
	point.SetTimestamp(pcommon.NewTimestampFromTime(at))
	point.ExplicitBounds().FromRaw([]float64{0.01, 0.1})
	point.BucketCounts().FromRaw([]uint64{0, 1000, 0})
	return metrics
}

// TestUsage shows the spans of the hour, what sampled traces stand for, the quota as a
// switch, and the metrics that were counted before sampling.
func TestUsage(t *testing.T) {
	sandbox := harness.StartSandbox(t)
	b := startBrowser(t)
	p := b.open(t, sandbox.URL, desktop)
	p.goTo("usage")
	p.awaitText("main h2", "No spans yet")
	p.requireAccessible("usage, empty")

	upload(t, sandbox, "traces", ptraceotlp.NewExportRequestFromTraces(sampled(t)))
	p.awaitText("#hours", "Spans by clock hour")
	p.awaitText("main .muted", "5 spans in the latest hour")
	p.awaitText("#sampled", "Sampled traces")
	stats := p.text("section[aria-labelledby=sampled]")
	assert.Contains(t, stats, "≈ 62")
	assert.Contains(t, stats, "≈ 8.1 %")

	p.click(".switches button", "Always Free")
	p.await(`document.querySelector('.switches [aria-checked=true]')`)
	p.awaitText("main .muted", "of 1,000")
	many := ptrace.NewTraces()
	for i := range 1000 {
		spanSpec{service: "shop", name: "GET /rooms", trace: byte(i%250 + 1), id: byte(i/250 + 1), end: 20}.addTo(t, many)
	}
	assert.Equal(t, http.StatusTooManyRequests, status(t, sandbox, ptraceotlp.NewExportRequestFromTraces(many)))
	p.awaitText("tbody .bad-text", "1,000")
	p.requireAccessible("usage")

	p.goTo("traces")
	p.awaitText(".traces .kept", "≈ 1 of 20")
	p.awaitText(".traces .kept", "it has an error")
	p.click(".row-link", "by chance")
	p.awaitText(".stats", "Kept because")

	upload(t, sandbox, "metrics", pmetricotlp.NewExportRequestFromMetrics(redMetrics(time.Now())))
	p.goTo("services")
	p.awaitText("#red-services", "Requests by metrics")
	row := p.text("section[aria-labelledby=red-services] tbody")
	for _, part := range []string{"shop", "1,000", "1 %", "55 ms", "95.5 ms"} {
		assert.Contains(t, row, part)
	}
	assert.Contains(t, p.text("section[aria-labelledby=red-databases] tbody"), "oracle:hotels")
	p.requireAccessible("services with metrics")
}

// status uploads traces and returns the status of the answer.
func status(t *testing.T, sandbox *harness.Sandbox, message protoMessage) int {
	t.Helper()
	return answerTo(t, sandbox.URL+apm.TracesPath, message, "dataKey "+harness.PrivateKey)
}
