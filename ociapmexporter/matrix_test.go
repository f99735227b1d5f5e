// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter

import (
	"context"
	"net/http"
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

// Whatever status APM answers to everything, for each signal: the upload is retried. The
// statuses that can be caused by the data are given to the control as well, which shows
// that the data is not the cause.
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
	var tests []apm.Fault
	for status := 300; status < 600; status++ {
		if status != http.StatusNotModified { // which the sandbox cannot imitate
			tests = append(tests, apm.Fault{Status: status})
		}
	}
	tests = append(tests,
		apm.Fault{Status: 301, Redirect: "https://elsewhere.invalid/"},
		apm.Fault{Status: 307, Redirect: "https://elsewhere.invalid/"},
		apm.Fault{Status: 429, RetryAfter: "1"},
		apm.Fault{Status: 429, RetryAfter: "-1"},
		apm.Fault{Status: 429, RetryAfter: "Wed, 21 Oct 2099 07:28:00 GMT"},
		apm.Fault{Status: 503, RetryAfter: "soon"},
		apm.Fault{Down: true},
		apm.Fault{Reset: true, Status: 500},
	)
	for name, consume := range signals {
		t.Run(name, func(t *testing.T) {
			sandbox := startSandbox(t)
			for i, fault := range tests {
				t.Run(strconv.Itoa(fault.Status)+" "+strconv.Itoa(i), func(t *testing.T) {
					sandbox.ClearFaults()
					_, err := sandbox.AddFault(fault)
					require.NoError(t, err)
					err = consume(t, directConfig(sandbox.URL()))
					require.Error(t, err)
					assert.False(t, consumererror.IsPermanent(err), err)
					assert.NotContains(t, err.Error(), testKey)
				})
			}
			sandbox.ClearFaults()
			require.NoError(t, consume(t, directConfig(sandbox.URL())))
			require.NoError(t, sandbox.Shutdown(context.Background()))
			err := consume(t, directConfig(sandbox.URL())) // nothing listens there any more
			require.Error(t, err)
			assert.False(t, consumererror.IsPermanent(err))
		})
	}
}
