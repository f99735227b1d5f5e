// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ocivaultprovider // import "github.com/ociapm/otelcol-ociapm/components/provider/ocivaultprovider"

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"go.opentelemetry.io/collector/confmap"
	"go.uber.org/zap"
)

const (
	// intervalVariable sets how often the provider checks for new versions.
	intervalVariable = "OTELCOL_OCIVAULT_INTERVAL"

	defaultInterval = 5 * time.Minute
	minInterval     = 10 * time.Second
	maxInterval     = 24 * time.Hour

	pollTimeout = 30 * time.Second
	// After a reload for another reason, the collector may still be about to
	// receive the last call of the watcher.
	settle = 5 * time.Second
)

// pollInterval returns the interval between checks for new versions; 0 disables
// them.
func pollInterval() (time.Duration, error) {
	text := os.Getenv(intervalVariable)
	if text == "" {
		return defaultInterval, nil
	}
	interval, err := time.ParseDuration(text)
	if err != nil || interval != 0 && (interval < minInterval || interval > maxInterval) {
		return 0, fmt.Errorf("%s: the environment variable %s is %q; write the interval between checks for new versions of secrets, from %s to %s, or 0 for no checks", schemeName, intervalVariable, text, minInterval, maxInterval)
	}
	return interval, nil
}

// watch checks for new versions until ctx is done. The jitter spreads the
// requests of a fleet that was started at the same time.
func (p *provider) watch(ctx context.Context, interval time.Duration) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(jitter(interval)):
			p.poll(ctx)
		}
	}
}

// jitter returns the interval, changed at random by up to a quarter.
func jitter(interval time.Duration) time.Duration {
	return interval*3/4 + rand.N(interval/2)
}

// poll reads all secrets in use once, and calls the watcher if a value of the
// configuration has changed. An error changes nothing.
func (p *provider) poll(ctx context.Context) {
	for _, ocid := range p.secretsInUse() {
		number, content, err := p.read(ctx, ocid, nil, pollTimeout)
		if ctx.Err() != nil {
			return
		}
		p.consider(ocid, number, content, err)
	}
}

func (p *provider) secretsInUse() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	seen := map[string]bool{}
	var ocids []string
	for u := range p.uses {
		if !seen[u.reference.ocid] {
			seen[u.reference.ocid] = true
			ocids = append(ocids, u.reference.ocid)
		}
	}
	return ocids
}

// consider processes the result of a poll. It calls the watcher under the lock,
// so that it is never called after the last use was closed. It calls it once
// until the resolver calls Retrieve again, since the watcher blocks until the
// collector has handled its last call.
func (p *provider) consider(ocid string, number uint64, content string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.complain(ocid, "Reading the secret from OCI Vault failed; keeping its last value", err)
		return
	}
	s := p.store(ocid, number, content)
	changed := false
	for u := range p.uses {
		if u.reference.ocid != ocid {
			continue
		}
		current, err := s.usable(u.reference)
		switch {
		case err != nil && u.isDefault:
			// The same as when the configuration was read.
		case err != nil:
			p.complain(ocid, "The new version of the secret is unusable; keeping the last value", err)
			return
		case u.isDefault || current != u.value:
			changed = true
		}
	}
	if s.complaint != "" {
		s.complaint = ""
		p.logger.Info("The secret can be read again", zap.String("secret", ocid))
	}
	if changed && !p.notified && p.watcher != nil && p.now().Sub(p.asked) >= settle {
		p.notified = true
		p.logger.Info("A secret in OCI Vault has changed; reloading the configuration", zap.String("secret", ocid))
		p.watcher(&confmap.ChangeEvent{})
	}
}
