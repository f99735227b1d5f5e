// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter // import "github.com/ociapm/otelcol-ociapm/ociapmexporter"

import (
	"context"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pipeline"

	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/discovery"
)

// Probe is the outcome of an empty upload.
type Probe struct {
	// URL is where the upload went; "" if that is not known.
	URL string
	// Status is the HTTP status of the answer; 0 if there was none.
	Status int
	// Date is the clock of the server that answered; zero if there was no answer, or
	// none with a date.
	Date time.Time
	// Kind is why there was no answer: error.type of the exporter's telemetry. It is ""
	// if there was an answer.
	Kind string
	// Problem says why the upload was not accepted, and Advice what to do. Both have the
	// words of the exporter's log, and no secret. Problem is "" if it was accepted.
	Problem, Advice string
}

// ProbeUpload uploads an empty request, as the exporter does on startup. It neither logs
// nor retries. Values of ctx reach the HTTP client, so that a caller can trace the
// connection.
func ProbeUpload(ctx context.Context, cfg *Config, set exporter.Settings, signal pipeline.Signal) Probe {
	switch signal {
	case pipeline.SignalMetrics:
		return probeUpload(ctx, cfg, set, metricsSignal())
	case pipeline.SignalLogs:
		return probeUpload(ctx, cfg, set, logsSignal())
	default:
		return probeUpload(ctx, cfg, set, tracesSignal())
	}
}

func probeUpload[T any](ctx context.Context, cfg *Config, set exporter.Settings, sig *signal[T]) Probe {
	e, err := newBaseExporter(cfg, set, sig, &discovery.Shared{})
	if err != nil {
		return Probe{Kind: "configuration", Problem: err.Error()}
	}
	defer e.report.shutdown()
	client, err := newClient(ctx, cfg.ClientConfig, noHost{}, set.TelemetrySettings, func(context.Context, int64) {})
	if err != nil {
		return Probe{Kind: "configuration", Problem: e.secrets.cleaned(err).Error()}
	}
	defer client.CloseIdleConnections()
	clock := &dateReader{next: client.Transport}
	client.Transport = clock
	e.client = client
	e.resolver.Start(noHost{})
	defer e.resolver.Shutdown()

	body, err := e.encode(&request[T]{signal: sig})
	if err != nil {
		return Probe{Kind: "configuration", Problem: err.Error()}
	}
	got, url, err := e.post(ctx, body)
	outcome := Probe{URL: url, Status: got.status, Date: clock.date}
	switch {
	case err != nil:
		outcome.Kind, outcome.Advice = diagnose(err)
		outcome.Problem = e.secrets.cleaned(err).Error()
	case !got.accepted():
		problem := e.secrets.cleaned(got.problem(sig.name, url)).Error()
		outcome.Advice = adviceForStatus(got.status, sig.name)
		if got.success() {
			outcome.Advice = adviceForPage
		}
		outcome.Problem = strings.TrimSuffix(problem, "; "+outcome.Advice)
	}
	return outcome
}

// noHost is the host of a probe. It has no extensions.
type noHost struct{}

// GetExtensions implements component.Host.
func (noHost) GetExtensions() map[component.ID]component.Component { return nil }

// dateReader reads the date of each answer.
type dateReader struct {
	next http.RoundTripper
	date time.Time
}

// RoundTrip implements http.RoundTripper.
func (d *dateReader) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := d.next.RoundTrip(req)
	if err == nil {
		d.date, _ = http.ParseTime(resp.Header.Get("Date")) // zero if there is none
	}
	return resp, err
}
