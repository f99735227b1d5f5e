// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter // import "github.com/ociapm/otelcol-ociapm/ociapmexporter"

import (
	"context"
	"errors"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
	"go.uber.org/zap"

	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/endpoint"
)

// target knows where uploads go, and the data key that lets them in.
type target interface {
	// start is called before the first upload. It waits for nothing.
	start(host component.Host)
	shutdown()
	// ready waits until there is a destination.
	ready(ctx context.Context) error
	// destination returns where the next upload goes, with the key ready for the
	// header. An error says what to do, and shows no key.
	destination(ctx context.Context) (*signalURLs, string, error)
	// refused returns the newest key, for one that APM has refused.
	refused(ctx context.Context, key string) (string, error)
}

// signalURLs are where one APM domain takes each signal, and what was learned of
// that.
type signalURLs struct {
	traces, metrics, logs *uploadURL
}

func newSignalURLs(urls endpoint.URLs, logger *zap.Logger) *signalURLs {
	return &signalURLs{
		traces:  &uploadURL{primary: urls.Traces, fallback: urls.TracesFallback, logger: logger},
		metrics: &uploadURL{primary: urls.Metrics, logger: logger},
		logs:    &uploadURL{primary: urls.Logs, logger: logger},
	}
}

var errPublicKeySignal = errors.New("data_key_type: OCI APM takes metrics and logs with a private data key only; set data_key_type: private with the domain's private key, or leave oci_apm out of this pipeline")

// newTarget returns the target of a configuration for one signal. It calls
// changed when the key in a file replaces another.
func newTarget(cfg *Config, set exporter.Settings, signal, userAgent string, changed func()) (target, error) {
	privateOnly := signal != "traces"
	if cfg.discovers() {
		if privateOnly && cfg.DataKeyType == DataKeyTypePublic {
			return nil, errPublicKeySignal
		}
		return domainOf(cfg, set, userAgent)
	}
	urls, err := endpoint.Parse(cfg.ClientConfig.Endpoint, cfg.DataKeyType)
	if err == nil && privateOnly && urls.DataKeyType == DataKeyTypePublic {
		err = errPublicKeySignal
	}
	if err != nil {
		return nil, err
	}
	key, err := newDataKeySource(string(cfg.DataKey), cfg.DataKeyFile, changed)
	if err != nil {
		return nil, err
	}
	return &configured{urls: newSignalURLs(urls, set.Logger), key: key}, nil
}

// configured is the endpoint and the data key of the configuration.
type configured struct {
	urls *signalURLs
	key  dataKeySource
}

var _ target = (*configured)(nil)

func (*configured) start(component.Host)        {}
func (*configured) shutdown()                   {}
func (*configured) ready(context.Context) error { return nil }

func (c *configured) destination(context.Context) (*signalURLs, string, error) {
	key, err := c.key.dataKey()
	return c.urls, key, err
}

func (c *configured) refused(context.Context, string) (string, error) { return c.key.reload() }
