// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package discovery // import "github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/discovery"

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.uber.org/zap"

	"github.com/ociapm/otelcol-ociapm/internal/ociauth"
	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/endpoint"
	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/metadata"
)

// resolveTimeout is how long an upload waits for the discovery or for a newer key before
// it fails and is retried: long enough for OCI to answer, and short enough for a shutdown
// to wait for it.
const resolveTimeout = 5 * time.Second

// ErrUndiscovered is wrapped by the error of an upload while the domain is not discovered.
var ErrUndiscovered = errors.New("the APM domain is not discovered yet")

// errUnanswered is the reason until OCI answers for the first time.
var errUnanswered = errors.New("OCI has not answered yet")

// Settings are the settings of a Discoverer.
type Settings struct {
	// DomainID is the OCID of the APM domain.
	DomainID string
	// DataKeyType is the type of the data keys to ask for. If unset, it is private.
	DataKeyType endpoint.DataKeyType
	// Auth chooses the credentials for OCI.
	Auth ociauth.Config
	// RefreshInterval is the time between two refreshes, give or take a tenth.
	RefreshInterval time.Duration
	// ReminderInterval is how often a problem that persists is logged again.
	ReminderInterval time.Duration
	// UserAgent is sent to OCI.
	UserAgent string

	ExporterID component.ID
	Telemetry  component.TelemetrySettings
}

// Discoverer asks OCI for the upload endpoint and the data keys of one APM domain,
// for all signals of one exporter, and keeps them fresh.
type Discoverer struct {
	settings     Settings
	controlPlane controlPlaneClient
	logger       *zap.Logger
	telemetry    *metadata.TelemetryBuilder
	exporter     attribute.KeyValue
	release      func() (last bool) // releases the Discoverer for one signal

	// current is what uploads use; nil until the first answer. The fields below are
	// for replacing it.
	current atomic.Pointer[discovered]

	mu           sync.Mutex
	hosts        []component.Host // of the signals that have started
	rejectedKeys []string         // keys that APM has rejected since the last new one
	refreshed    chan struct{}    // closed at the end of a refresh, and replaced
	lastErr      error            // of the last refresh; nil if it succeeded

	refreshNow chan struct{} // requests a refresh at once
	stop       context.CancelFunc
	running    sync.WaitGroup

	// Used by run only.
	reportedKind   string // of the problem that was logged last; "" if there is none
	statusReported bool   // whether the component's status shows the problem
	reportedAt     time.Time
}

// discovered is where uploads go, and with which key.
type discovered struct {
	endpoint string
	urls     endpoint.URLs
	key      string
	keys     []string // all, key included
}

// Format keeps fmt from writing the keys, for every verb.
func (*discovered) Format(state fmt.State, _ rune) { _, _ = state.Write([]byte("[redacted]")) }

func newDiscoverer(set Settings, controlPlane controlPlaneClient) (*Discoverer, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set.Telemetry)
	if err != nil {
		return nil, err
	}
	return &Discoverer{
		settings: set, controlPlane: controlPlane, logger: set.Telemetry.Logger, telemetry: telemetry,
		exporter: attribute.String("exporter", set.ExporterID.String()),
		release:  func() bool { return true },
		lastErr:  errUnanswered, refreshed: make(chan struct{}), refreshNow: make(chan struct{}, 1),
	}, nil
}

// Start starts the refreshes when the first signal starts. It does not wait for OCI's
// answer.
func (d *Discoverer) Start(host component.Host) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hosts = append(d.hosts, host)
	if len(d.hosts) > 1 {
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	d.stop = stop
	d.running.Go(func() { d.run(ctx) })
}

// Shutdown stops the refreshes when the last signal shuts down.
func (d *Discoverer) Shutdown() {
	if !d.release() {
		return
	}
	if d.stop != nil {
		d.stop()
		d.running.Wait()
	}
	d.controlPlane.close()
	d.telemetry.Shutdown()
}

// WaitReady waits until the domain is discovered.
func (d *Discoverer) WaitReady(ctx context.Context) error {
	return d.await(ctx, func() bool { return d.current.Load() != nil })
}

// Resolve returns the upload URLs and the data key for the next upload. Until the
// domain is discovered it waits a while, and then fails with ErrUndiscovered.
func (d *Discoverer) Resolve(ctx context.Context) (endpoint.URLs, string, error) {
	now := d.current.Load()
	if now == nil {
		waiting, cancel := context.WithTimeout(ctx, resolveTimeout)
		defer cancel()
		if err := d.WaitReady(waiting); err != nil {
			return endpoint.URLs{}, "", err
		}
		now = d.current.Load()
	}
	return now.urls, now.key, nil
}

// OnRejectedKey returns the newest key, after APM has rejected the given one. If another
// key of the domain is known, it returns that one. Otherwise it waits a while for OCI's
// answer.
func (d *Discoverer) OnRejectedKey(ctx context.Context, key string) (string, error) {
	d.mu.Lock()
	now := d.current.Load()
	if now.key == key {
		if !slices.Contains(d.rejectedKeys, key) {
			d.rejectedKeys = append(d.rejectedKeys, key)
		}
		if next, ok := d.firstUsable(now.keys); ok {
			replaced := *now
			replaced.key = next
			now = &replaced
			d.current.Store(now)
			d.logger.Info("OCI APM rejects a data key of the domain: uploads use the next one")
		}
		select {
		case d.refreshNow <- struct{}{}:
		default: // another upload has requested it
		}
	}
	d.mu.Unlock()
	if now.key != key {
		return now.key, nil
	}

	waiting, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	_ = d.await(waiting, func() bool { return d.current.Load().key != key }) // after a time-out, the old key is still the newest
	return d.current.Load().key, nil
}

// await waits until the condition holds, which it checks after each refresh.
func (d *Discoverer) await(ctx context.Context, condition func() bool) error {
	for {
		d.mu.Lock()
		refreshed, lastErr := d.refreshed, d.lastErr
		d.mu.Unlock()
		if condition() {
			return nil
		}
		select {
		case <-refreshed:
		case <-ctx.Done():
			if lastErr == nil {
				lastErr = ctx.Err()
			}
			return fmt.Errorf("%w: %w", ErrUndiscovered, lastErr)
		}
	}
}
