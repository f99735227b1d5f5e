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
	// intervalVariable sets how often the provider looks for new versions.
	intervalVariable = "OTELCOL_OCIVAULT_INTERVAL"

	defaultInterval = 5 * time.Minute
	minInterval     = 10 * time.Second
	maxInterval     = 24 * time.Hour

	pollTimeout = 30 * time.Second
	// A collector that has just asked may still be about to take the last call of
	// the watcher, after a reload for another reason.
	settle = 5 * time.Second
)

// pollInterval returns how often to look for new versions; 0 is never.
func pollInterval() (time.Duration, error) {
	text := os.Getenv(intervalVariable)
	if text == "" {
		return defaultInterval, nil
	}
	interval, err := time.ParseDuration(text)
	if err != nil || interval != 0 && (interval < minInterval || interval > maxInterval) {
		return 0, fmt.Errorf("%s: the environment variable %s is %q; write how often to look for new versions of secrets, from %s to %s, or 0 for never", schemeName, intervalVariable, text, minInterval, maxInterval)
	}
	return interval, nil
}

// watch looks for new versions until ctx is done. A fleet that is started
// together spreads over the interval with time.
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

// jitter is the interval, up to a quarter more or less.
func jitter(interval time.Duration) time.Duration {
	return interval*3/4 + rand.N(interval/2)
}

// poll reads all secrets in use once, and calls the watcher if a value of the
// configuration has changed. Whatever goes wrong changes nothing.
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

// consider takes what a poll has read. The watcher is called under the lock: none
// is called after the last use was closed. It is called once until the resolver
// asks again, for it blocks when the collector has not taken its last call.
func (p *provider) consider(ocid string, number uint64, content string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.complain(ocid, "OCI Vault does not give the secret now; keeping its last value", err)
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
			// As it was when the configuration was read.
		case err != nil:
			p.complain(ocid, "The new version of the secret is of no use; keeping the last value", err)
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
		p.logger.Info("A secret in OCI Vault has changed; the configuration is read again", zap.String("secret", ocid))
		p.watcher(&confmap.ChangeEvent{})
	}
}
