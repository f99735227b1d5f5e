// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter

import (
	"context"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/metadata"
)

// Every answer, for each signal: is the upload repeated, or dropped?
func TestAnswersMatrix(t *testing.T) {
	signals := map[string]func(t *testing.T, cfg *Config) error{
		"traces": func(t *testing.T, cfg *Config) error {
			t.Helper()
			exp, err := NewFactory().CreateTraces(t.Context(), exportertest.NewNopSettings(metadata.Type), cfg)
			require.NoError(t, err)
			start(t, exp)
			return exp.ConsumeTraces(t.Context(), traces(1))
		},
		"metrics": func(t *testing.T, cfg *Config) error {
			t.Helper()
			exp, err := NewFactory().CreateMetrics(t.Context(), exportertest.NewNopSettings(metadata.Type), cfg)
			require.NoError(t, err)
			start(t, exp)
			md := pmetric.NewMetrics()
			metric := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
			metric.SetName("orders")
			metric.SetEmptyGauge().DataPoints().AppendEmpty()
			return exp.ConsumeMetrics(t.Context(), md)
		},
		"logs": func(t *testing.T, cfg *Config) error {
			t.Helper()
			exp, err := NewFactory().CreateLogs(t.Context(), exportertest.NewNopSettings(metadata.Type), cfg)
			require.NoError(t, err)
			start(t, exp)
			ld := plog.NewLogs()
			ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
			return exp.ConsumeLogs(t.Context(), ld)
		},
	}
	tests := []struct {
		fault   apm.Fault
		dropped bool
	}{
		{fault: apm.Fault{Status: 301, Redirect: "https://elsewhere.invalid/"}},
		{fault: apm.Fault{Status: 307, Redirect: "https://elsewhere.invalid/"}},
		{fault: apm.Fault{Status: 400}, dropped: true},
		{fault: apm.Fault{Status: 401}},
		{fault: apm.Fault{Status: 403}},
		{fault: apm.Fault{Status: 404}, dropped: true},
		{fault: apm.Fault{Status: 405}, dropped: true},
		{fault: apm.Fault{Status: 408}},
		{fault: apm.Fault{Status: 413}, dropped: true}, // one item
		{fault: apm.Fault{Status: 415}, dropped: true},
		{fault: apm.Fault{Status: 422}, dropped: true},
		{fault: apm.Fault{Status: 429, RetryAfter: "1"}},
		{fault: apm.Fault{Status: 429, RetryAfter: "-1"}},
		{fault: apm.Fault{Status: 429, RetryAfter: "Wed, 21 Oct 2099 07:28:00 GMT"}},
		{fault: apm.Fault{Status: 500}},
		{fault: apm.Fault{Status: 501}},
		{fault: apm.Fault{Status: 502}},
		{fault: apm.Fault{Status: 503, RetryAfter: "soon"}},
		{fault: apm.Fault{Status: 504}},
		{fault: apm.Fault{Down: true}},
		{fault: apm.Fault{Reset: true, Status: 500}},
	}
	for name, consume := range signals {
		t.Run(name, func(t *testing.T) {
			sandbox := startSandbox(t)
			for i, tt := range tests {
				t.Run(strconv.Itoa(tt.fault.Status)+" "+strconv.Itoa(i), func(t *testing.T) {
					sandbox.ClearFaults()
					_, err := sandbox.AddFault(tt.fault)
					require.NoError(t, err)
					err = consume(t, directConfig(sandbox.URL()))
					require.Error(t, err)
					assert.Equal(t, tt.dropped, consumererror.IsPermanent(err), err)
					assert.NotContains(t, err.Error(), testKey)
				})
			}
			sandbox.ClearFaults()
			require.NoError(t, consume(t, directConfig(sandbox.URL())))
			require.NoError(t, sandbox.Shutdown(context.Background()))
			err := consume(t, directConfig(sandbox.URL())) // nobody listens any more
			require.Error(t, err)
			assert.False(t, consumererror.IsPermanent(err))
		})
	}
}
