// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package discovery // import "github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/discovery"

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v7"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/endpoint"
)

const (
	// After a failed refresh, the next one waits for about firstRetry. The wait doubles
	// after each further failure up to maxRetry, with a jitter of a half.
	firstRetry = time.Second
	maxRetry   = time.Minute
	// A key that APM rejects is refreshed at once. If that gives no new key, the next
	// refresh on request is minRefreshBackoff later. The wait doubles up to maxRetry.
	minRefreshBackoff = 2 * time.Second
)

// The outcomes of a refresh, as the telemetry counts them.
const (
	outcomeChanged   = "changed"
	outcomeUnchanged = "unchanged"
	outcomeFailed    = "failed"
)

// run refreshes until ctx is done: at the interval, at once when APM rejects the key of
// an upload, and after a backoff when a refresh failed.
func (d *Discoverer) run(ctx context.Context) {
	retryBackoff := newBackoff(firstRetry)
	refreshBackoff := newBackoff(minRefreshBackoff)
	timer := time.NewTimer(0)
	defer timer.Stop()
	var notBefore time.Time
	for {
		requested := false
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-d.refreshNow:
			requested = true
			if !sleep(ctx, time.Until(notBefore)) {
				return
			}
		}

		changed, err := d.refresh(ctx)
		if ctx.Err() != nil {
			return
		}
		// The wait grows only between requested refreshes that change nothing.
		if changed || (!requested && err == nil) {
			refreshBackoff.Reset()
		}
		if changed {
			select {
			case <-d.refreshNow: // requested for the old key
			default:
			}
		}
		notBefore = time.Now().Add(refreshBackoff.NextBackOff())

		next := jitter(d.settings.RefreshInterval)
		if err == nil {
			retryBackoff.Reset()
		} else {
			next = retryBackoff.NextBackOff()
			var failed *queryError
			if errors.As(err, &failed) {
				next = max(next, failed.retryAfter)
				notBefore = time.Now().Add(max(time.Until(notBefore), failed.retryAfter))
			}
		}
		timer.Reset(next)
	}
}

func newBackoff(first time.Duration) *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval, b.Multiplier = first, maxRetry, 2
	b.Reset()
	return b
}

// jitter keeps thousands of collectors that started at the same time from asking OCI at
// the same time.
func jitter(interval time.Duration) time.Duration {
	return interval - interval/10 + rand.N(interval/5+1)
}

// sleep returns false if ctx was done first.
func sleep(ctx context.Context, duration time.Duration) bool {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// refresh asks OCI, and wakes the uploads that wait for the answer. It reports whether
// uploads use another endpoint or key from now on.
func (d *Discoverer) refresh(ctx context.Context) (changed bool, err error) {
	info, err := d.controlPlane.get(ctx)
	var urls endpoint.URLs
	if err == nil {
		urls, err = endpoint.Parse(info.endpoint, d.settings.DataKeyType)
		if err != nil {
			err = &queryError{kind: "endpoint", err: fmt.Errorf("OCI returned an endpoint that accepts no uploads: %w", err)}
		}
	}
	if ctx.Err() != nil {
		return false, err
	}

	d.mu.Lock()
	if err == nil {
		changed = d.adopt(info, urls)
	}
	d.lastErr = err
	close(d.refreshed)
	d.refreshed = make(chan struct{})
	d.mu.Unlock()

	d.report(ctx, changed, err)
	return changed, err
}

// adopt lets uploads use what OCI has answered.
func (d *Discoverer) adopt(info domainInfo, urls endpoint.URLs) (changed bool) {
	old := d.current.Load()
	next := &discovered{endpoint: info.endpoint, urls: urls, keys: info.keys, key: d.chooseKey(info.keys, old)}
	d.current.Store(next)

	switch {
	case old == nil:
		d.logger.Info("Discovered the APM domain: uploads go to its endpoint with its data key",
			zap.String("domain", info.name), zap.String("endpoint", info.endpoint), zap.String("auth", d.controlPlane.credentialType()))
	case old.endpoint != next.endpoint:
		d.logger.Info("The endpoint of the APM domain has changed: uploads go to the new one", zap.String("endpoint", info.endpoint))
	case old.key != next.key:
		d.logger.Info("The data key of the APM domain has changed: uploads use the new one")
	default:
		return false
	}
	return true
}

// report counts a refresh. It logs the outcome if it differs from the last one. Until the
// domain is discovered, it also sets the status of every signal.
func (d *Discoverer) report(ctx context.Context, changed bool, err error) {
	if err == nil {
		outcome := outcomeUnchanged
		if changed {
			outcome = outcomeChanged
		}
		d.count(ctx, attribute.String("outcome", outcome))
		if d.reportedKind != "" {
			d.logger.Info("Requests to OCI about the APM domain succeed again")
		}
		if d.statusReported {
			d.reportStatus(componentstatus.NewEvent(componentstatus.StatusOK))
		}
		d.reportedKind, d.statusReported = "", false
		return
	}

	kind := "unreachable"
	var failed *queryError
	if errors.As(err, &failed) {
		kind = failed.kind
	}
	d.count(ctx, attribute.String("outcome", outcomeFailed), attribute.String("error.type", kind))
	now := time.Now()
	if kind == d.reportedKind && now.Sub(d.reportedAt) < d.settings.ReminderInterval {
		return
	}
	if d.current.Load() == nil {
		d.logger.Warn("The APM domain cannot be discovered: uploads are queued and retried", zap.Error(err))
		d.reportStatus(componentstatus.NewRecoverableErrorEvent(err))
		d.statusReported = true
	} else {
		// Uploads succeed, so the exporter is healthy. It must not be restarted, since it
		// would forget the endpoint and the data key.
		d.logger.Warn("Refreshing the APM domain failed, will retry: uploads continue with the last endpoint and data key", zap.Error(err))
	}
	d.reportedKind, d.reportedAt = kind, now
}

func (d *Discoverer) count(ctx context.Context, attributes ...attribute.KeyValue) {
	d.telemetry.ExporterOciApmDiscoveries.Add(ctx, 1, metric.WithAttributes(append(attributes, d.exporter)...))
}

func (d *Discoverer) reportStatus(event *componentstatus.Event) {
	d.mu.Lock()
	hosts := slices.Clone(d.hosts)
	d.mu.Unlock()
	for _, host := range hosts {
		componentstatus.ReportStatus(host, event)
	}
}
