// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter // import "github.com/ociapm/otelcol-ociapm/ociapmexporter"

import (
	"context"
	"errors"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"

	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/discovery"
	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/endpoint"
)

var errPublicKeySignal = errors.New("data_key_type: OCI APM accepts metrics and logs with a private data key only; set data_key_type: private with the domain's private key, or leave oci_apm out of this pipeline")

// resolver finds where uploads go, and the data key that they need.
type resolver interface {
	// Start is called before the first upload. It does not block.
	Start(host component.Host)
	Shutdown()
	// WaitReady waits until the endpoint and the data key are known.
	WaitReady(ctx context.Context) error
	// Resolve returns the URLs and the data key for the next upload. The key is ready
	// for the header. An error says what to do, and shows no key.
	Resolve(ctx context.Context) (endpoint.URLs, string, error)
	// OnRejectedKey returns the newest key, after APM has rejected the given one.
	OnRejectedKey(ctx context.Context, key string) (string, error)
}

var _ resolver = (*discovery.Discoverer)(nil)

// newResolver returns the resolver of a configuration for one signal. It calls
// changed when the key in a file replaces another.
func newResolver(cfg *Config, set exporter.Settings, signal, userAgent string, discoverers *discovery.Shared, changed func()) (resolver, error) {
	privateOnly := signal != "traces"
	if cfg.discovers() {
		if privateOnly && cfg.DataKeyType == DataKeyTypePublic {
			return nil, errPublicKeySignal
		}
		return discoverers.Get(cfg, discovery.Settings{
			DomainID:         cfg.APMDomainID,
			DataKeyType:      cfg.DataKeyType,
			Auth:             cfg.Auth,
			RefreshInterval:  cfg.RefreshInterval,
			ReminderInterval: reminderInterval,
			UserAgent:        userAgent,
			ExporterID:       set.ID,
			Telemetry:        set.TelemetrySettings,
		})
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
	return &configured{urls: urls, key: key}, nil
}

// configured resolves to the endpoint and the data key of the configuration.
type configured struct {
	urls endpoint.URLs
	key  dataKeySource
}

var _ resolver = (*configured)(nil)

// Start implements resolver.
func (*configured) Start(component.Host) {}

// Shutdown implements resolver.
func (*configured) Shutdown() {}

// WaitReady implements resolver.
func (*configured) WaitReady(context.Context) error { return nil }

// Resolve implements resolver.
func (c *configured) Resolve(context.Context) (endpoint.URLs, string, error) {
	key, err := c.key.dataKey()
	return c.urls, key, err
}

// OnRejectedKey implements resolver.
func (c *configured) OnRejectedKey(context.Context, string) (string, error) { return c.key.reload() }
