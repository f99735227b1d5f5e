// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter // import "github.com/ociapm/otelcol-ociapm/ociapmexporter"

import (
	"context"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configcompression"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
	"go.opentelemetry.io/collector/exporter/xexporter"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/discovery"
	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/metadata"
)

// NewFactory returns the factory of the oci_apm exporter.
func NewFactory() exporter.Factory {
	f := &factory{}
	return xexporter.NewFactory(
		metadata.Type,
		createDefaultConfig,
		xexporter.WithDeprecatedTypeAlias(metadata.DeprecatedType),
		xexporter.WithTraces(f.createTraces, metadata.TracesStability),
		xexporter.WithMetrics(f.createMetrics, metadata.MetricsStability),
		xexporter.WithLogs(f.createLogs, metadata.LogsStability),
	)
}

// factory makes the exporters.
type factory struct {
	discoverers discovery.Shared // of the exporters that exist
}

func createDefaultConfig() component.Config {
	client := confighttp.NewDefaultClientConfig()
	client.Timeout = 30 * time.Second
	// Level 1 makes uploads about a tenth larger than the default level and
	// costs a third of its CPU time.
	client.Compression = configcompression.TypeGzip
	client.CompressionParams.Level = 1
	client.WriteBufferSize = 512 * 1024
	// A load balancer or NAT that drops an HTTP/2 connection from its table leaves it
	// open and silent. A ping detects that after 25 seconds, and a new connection is
	// opened.
	client.HTTP2ReadIdleTimeout = 10 * time.Second
	client.HTTP2PingTimeout = 15 * time.Second

	retry := configretry.NewDefaultBackOffConfig()
	retry.MaxElapsedTime = 0 // accepted data is retried until APM has it

	queue := exporterhelper.NewDefaultQueueConfig()
	// Few large uploads cost both ends less than many small ones. They are measured in
	// bytes, since items can be of any size. There is no MaxSize: a request is split when
	// APM answers that it is too large.
	queue.Batch = configoptional.Some(exporterhelper.BatchConfig{
		FlushTimeout: time.Second,
		Sizer:        exporterhelper.RequestSizerTypeBytes,
		MinSize:      4 << 20,
	})

	return &Config{
		ClientConfig: client,
		RetryConfig:  retry,
		QueueConfig:  configoptional.Some(queue),
		StartupCheck: true,

		RefreshInterval: defaultRefreshInterval,
	}
}

func (f *factory) createTraces(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Traces, error) {
	oCfg := cfg.(*Config)
	base, err := newBaseExporter(oCfg, set, tracesSignal(), &f.discoverers) //nolint:contextcheck // a data key changes outside of this call
	if err != nil {
		return nil, err
	}
	return newTracesExporter(ctx, set, oCfg, base)
}

func newTracesExporter(ctx context.Context, set exporter.Settings, cfg *Config, base *baseExporter[ptrace.Traces]) (exporter.Traces, error) {
	exp, err := xexporterhelper.NewTracesRequest(ctx, helperSettings(set, cfg, base.report), converter(base.signal), base.push, helperOptions(cfg, base)...)
	if err != nil {
		return nil, err
	}
	return stoppingTraces{Traces: exp, stop: base.stop}, nil
}

func (f *factory) createMetrics(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Metrics, error) {
	oCfg := cfg.(*Config)
	base, err := newBaseExporter(oCfg, set, metricsSignal(), &f.discoverers) //nolint:contextcheck // a data key changes outside of this call
	if err != nil {
		return nil, err
	}
	return newMetricsExporter(ctx, set, oCfg, base)
}

func newMetricsExporter(ctx context.Context, set exporter.Settings, cfg *Config, base *baseExporter[pmetric.Metrics]) (exporter.Metrics, error) {
	exp, err := xexporterhelper.NewMetricsRequest(ctx, helperSettings(set, cfg, base.report), converter(base.signal), base.push, helperOptions(cfg, base)...)
	if err != nil {
		return nil, err
	}
	return stoppingMetrics{Metrics: exp, stop: base.stop}, nil
}

func (f *factory) createLogs(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Logs, error) {
	oCfg := cfg.(*Config)
	base, err := newBaseExporter(oCfg, set, logsSignal(), &f.discoverers) //nolint:contextcheck // a data key changes outside of this call
	if err != nil {
		return nil, err
	}
	return newLogsExporter(ctx, set, oCfg, base)
}

func newLogsExporter(ctx context.Context, set exporter.Settings, cfg *Config, base *baseExporter[plog.Logs]) (exporter.Logs, error) {
	exp, err := xexporterhelper.NewLogsRequest(ctx, helperSettings(set, cfg, base.report), converter(base.signal), base.push, helperOptions(cfg, base)...)
	if err != nil {
		return nil, err
	}
	return stoppingLogs{Logs: exp, stop: base.stop}, nil
}

// exporterhelper shuts an exporter down after its queue has shut down. These types call
// stop before that, which interrupts an upload in parts. exporterhelper also declares
// that every exporter with batches mutates its data, so that other exporters of the
// pipeline get copies. Requests here are encoded before they are batched, so nothing is
// mutated.
//
// A batch without items, as span_metrics sends at each flush of an idle collector, is
// accepted and not uploaded.

var reads = consumer.Capabilities{MutatesData: false}

type stoppingTraces struct {
	exporter.Traces
	stop func()
}

// Shutdown implements component.Component.
func (e stoppingTraces) Shutdown(ctx context.Context) error { e.stop(); return e.Traces.Shutdown(ctx) }

// Capabilities implements consumer.Traces.
func (stoppingTraces) Capabilities() consumer.Capabilities { return reads }

// ConsumeTraces implements consumer.Traces.
func (e stoppingTraces) ConsumeTraces(ctx context.Context, data ptrace.Traces) error {
	if data.SpanCount() == 0 {
		return nil
	}
	return e.Traces.ConsumeTraces(ctx, data)
}

type stoppingMetrics struct {
	exporter.Metrics
	stop func()
}

// Shutdown implements component.Component.
func (e stoppingMetrics) Shutdown(ctx context.Context) error {
	e.stop()
	return e.Metrics.Shutdown(ctx)
}

// Capabilities implements consumer.Metrics.
func (stoppingMetrics) Capabilities() consumer.Capabilities { return reads }

// ConsumeMetrics implements consumer.Metrics.
func (e stoppingMetrics) ConsumeMetrics(ctx context.Context, data pmetric.Metrics) error {
	if data.DataPointCount() == 0 {
		return nil
	}
	return e.Metrics.ConsumeMetrics(ctx, data)
}

type stoppingLogs struct {
	exporter.Logs
	stop func()
}

// Shutdown implements component.Component.
func (e stoppingLogs) Shutdown(ctx context.Context) error { e.stop(); return e.Logs.Shutdown(ctx) }

// Capabilities implements consumer.Logs.
func (stoppingLogs) Capabilities() consumer.Capabilities { return reads }

// ConsumeLogs implements consumer.Logs.
func (e stoppingLogs) ConsumeLogs(ctx context.Context, data plog.Logs) error {
	if data.LogRecordCount() == 0 {
		return nil
	}
	return e.Logs.ConsumeLogs(ctx, data)
}

// helperSettings returns the settings for exporterhelper.
func helperSettings(set exporter.Settings, cfg *Config, report *reporter) exporter.Settings {
	set.Logger = helperLogger(set.Logger, cfg.durable(), cfg.QueueConfig.HasValue())
	set.MeterProvider = report.provider(set.MeterProvider)
	return set
}

func helperOptions[T any](cfg *Config, base *baseExporter[T]) []exporterhelper.Option {
	return []exporterhelper.Option{
		exporterhelper.WithStart(base.start),
		exporterhelper.WithShutdown(base.shutdown),
		// The HTTP client has its own timeout, which covers one attempt.
		exporterhelper.WithTimeout(exporterhelper.TimeoutConfig{Timeout: 0}),
		exporterhelper.WithRetry(cfg.RetryConfig),
		xexporterhelper.WithQueueBatch(cfg.QueueConfig, xexporterhelper.QueueBatchSettings{Encoding: stored[T]{signal: base.signal, waiting: new(atomic.Int64), keep: base.unreadable.keep}}),
	}
}
