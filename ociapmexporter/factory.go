// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter // import "github.com/ociapm/otelcol-ociapm/ociapmexporter"

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configcompression"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/xexporter"

	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/metadata"
)

// NewFactory returns the factory of the oci_apm exporter.
func NewFactory() exporter.Factory {
	return xexporter.NewFactory(
		metadata.Type,
		createDefaultConfig,
		xexporter.WithDeprecatedTypeAlias(metadata.DeprecatedType),
		xexporter.WithTraces(createTraces, metadata.TracesStability),
		xexporter.WithMetrics(createMetrics, metadata.MetricsStability),
		xexporter.WithLogs(createLogs, metadata.LogsStability),
	)
}

func createDefaultConfig() component.Config {
	client := confighttp.NewDefaultClientConfig()
	client.Timeout = 30 * time.Second
	// Level 1 makes uploads about a tenth larger than the default level and
	// costs a third of its CPU time.
	client.Compression = configcompression.TypeGzip
	client.CompressionParams.Level = 1
	client.WriteBufferSize = 512 * 1024

	retry := configretry.NewDefaultBackOffConfig()
	retry.MaxElapsedTime = 0 // what was accepted is never given up

	queue := exporterhelper.NewDefaultQueueConfig()
	// Few large uploads cost both ends less than many small ones.
	queue.Batch = configoptional.Some(exporterhelper.BatchConfig{
		FlushTimeout: time.Second,
		Sizer:        exporterhelper.RequestSizerTypeItems,
		MinSize:      8192,
		MaxSize:      8192,
	})

	return &Config{
		ClientConfig: client,
		RetryConfig:  retry,
		QueueConfig:  configoptional.Some(queue),
	}
}

func createTraces(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Traces, error) {
	oCfg := cfg.(*Config)
	exp, err := newUploader(oCfg, set)
	if err != nil {
		return nil, err
	}
	return exporterhelper.NewTraces(ctx, set, cfg, exp.pushTraces, helperOptions(oCfg, exp)...)
}

func createMetrics(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Metrics, error) {
	oCfg := cfg.(*Config)
	exp, err := newPrivateKeyUploader(oCfg, set)
	if err != nil {
		return nil, err
	}
	return exporterhelper.NewMetrics(ctx, set, cfg, exp.pushMetrics, helperOptions(oCfg, exp)...)
}

func createLogs(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Logs, error) {
	oCfg := cfg.(*Config)
	exp, err := newPrivateKeyUploader(oCfg, set)
	if err != nil {
		return nil, err
	}
	return exporterhelper.NewLogs(ctx, set, cfg, exp.pushLogs, helperOptions(oCfg, exp)...)
}

// newPrivateKeyUploader makes the uploader of a signal that APM takes with a
// private key only.
func newPrivateKeyUploader(cfg *Config, set exporter.Settings) (*uploader, error) {
	exp, err := newUploader(cfg, set)
	if err != nil {
		return nil, err
	}
	if exp.urls.keyType == DataKeyTypePublic {
		return nil, errPublicKeySignal
	}
	return exp, nil
}

func helperOptions(cfg *Config, exp *uploader) []exporterhelper.Option {
	return []exporterhelper.Option{
		exporterhelper.WithStart(exp.start),
		exporterhelper.WithCapabilities(consumer.Capabilities{MutatesData: false}),
		// The HTTP client has its own timeout, which covers one attempt.
		exporterhelper.WithTimeout(exporterhelper.TimeoutConfig{Timeout: 0}),
		exporterhelper.WithRetry(cfg.RetryConfig),
		exporterhelper.WithQueue(cfg.QueueConfig),
	}
}
