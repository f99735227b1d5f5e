// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ocivaultprovider // import "github.com/ociapm/otelcol-ociapm/components/provider/ocivaultprovider"

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/confmap"
	"go.uber.org/zap"
)

const (
	schemeName = "ocivault"

	// A secret that is used in several places is read once per configuration.
	// The reload after a change uses the value that was just read.
	reuse = 10 * time.Second

	// While a configuration is reloaded, the rest of the collector does not
	// run.
	startTimeout  = time.Minute
	reloadTimeout = 5 * time.Second
)

// startPauses are the pauses between attempts to read a secret on startup.
var startPauses = []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second}

// use is one reference in a configuration. The resolver closes all of them
// before it resolves the configuration again.
type use struct {
	reference reference
	// value is the value that the reference received, unless isDefault is true.
	value     value
	isDefault bool
}

// secret holds the state of one secret.
type secret struct {
	content string
	number  uint64    // number of the request that read content
	tried   time.Time // when a read last ended, successful or not

	// values are the last values that were served, by JSON key. They are kept
	// if a new version lacks the key.
	values map[string]value
	// complaint is the last problem that was logged for the secret, so that
	// each is logged once; "" if there is none.
	complaint string
}

type provider struct {
	logger *zap.Logger
	vault  vault
	pauses []time.Duration
	now    func() time.Time

	mu       sync.Mutex
	secrets  map[string]*secret // by OCID
	uses     map[*use]struct{}
	watcher  confmap.WatcherFunc
	notified bool      // the watcher was called, and the resolver has not called Retrieve since
	asked    time.Time // when the resolver last called Retrieve
	requests uint64

	stopWatching context.CancelFunc // nil while the provider does not watch
	watching     sync.WaitGroup
}

// NewFactory returns a factory for a confmap.Provider that reads secrets from
// OCI Vault.
//
// This Provider supports the scheme "ocivault", and can be called with the OCID
// of a secret:
//
// `ocivault:ocid1.vaultsecret.oc1.eu-frankfurt-1.abcd`
//
// One value of a secret that is a JSON object is selected by its key after a #:
//
// `ocivault:ocid1.vaultsecret.oc1.eu-frankfurt-1.abcd#data_key`
//
// A default, for an empty OCID or for an object without the key, can be
// provided after the :- suffix:
//
// `ocivault:ocid1.vaultsecret.oc1.eu-frankfurt-1.abcd#data_key:-none`
//
// The provider checks the secrets for new versions, and makes the collector
// reload its configuration when a value changes.
func NewFactory() confmap.ProviderFactory {
	return confmap.NewProviderFactory(func(set confmap.ProviderSettings) confmap.Provider {
		return newProvider(set, newVault())
	})
}

func newProvider(set confmap.ProviderSettings, v vault) *provider {
	return &provider{
		logger:  set.Logger,
		vault:   v,
		pauses:  startPauses,
		now:     time.Now,
		secrets: map[string]*secret{},
		uses:    map[*use]struct{}{},
	}
}

// Retrieve implements confmap.Provider. The value is a string, unless it is a
// number, true or false in a JSON object.
func (p *provider) Retrieve(ctx context.Context, uri string, watcher confmap.WatcherFunc) (*confmap.Retrieved, error) {
	ref, err := parse(uri)
	if err != nil {
		return nil, err
	}
	if ref.ocid == "" {
		p.logger.Warn("The configuration has a reference to a secret without an OCID; using its default")
		return confmap.NewRetrieved(ref.fallback)
	}
	interval, err := pollInterval()
	if err != nil {
		return nil, err
	}

	u, err := p.resolve(ctx, ref)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.uses[u] = struct{}{}
	p.watcher, p.notified, p.asked = watcher, false, p.now()
	if watcher != nil && interval > 0 && p.stopWatching == nil {
		watchCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		p.stopWatching = cancel
		p.watching.Go(func() { p.watch(watchCtx, interval) })
	}
	return retrieved(u, confmap.WithRetrievedClose(func(context.Context) error {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.uses, u)
		return nil
	}))
}

// retrieved returns a value with its own type: text stays text, even if it
// looks like a number. The resolver would interpret a dollar sign as the
// beginning of a reference.
func retrieved(u *use, option confmap.RetrievedOption) (*confmap.Retrieved, error) {
	switch {
	case u.isDefault:
		return confmap.NewRetrieved(u.reference.fallback, option)
	case u.value.literal:
		return confmap.NewRetrievedFromYAML([]byte(u.value.text), option)
	default:
		return confmap.NewRetrieved(strings.ReplaceAll(u.value.text, "$", "$$"), option)
	}
}

// Scheme implements confmap.Provider.
func (*provider) Scheme() string { return schemeName }

// Shutdown implements confmap.Provider. It waits for the goroutine that watches
// for changes.
func (p *provider) Shutdown(context.Context) error {
	if p.stopWatching != nil {
		p.stopWatching()
	}
	p.watching.Wait()
	p.vault.close()
	return nil
}

// resolve returns the value of a reference. If Vault is down, or a new version
// lacks the value, it returns the last value that was served: an error during a
// reload would stop the collector.
func (p *provider) resolve(ctx context.Context, ref reference) (*use, error) {
	p.mu.Lock()
	known := p.secrets[ref.ocid]
	fresh := known != nil && p.now().Sub(known.tried) < reuse
	p.mu.Unlock()

	if !fresh {
		pauses, timeout := p.pauses, startTimeout
		if known != nil {
			pauses, timeout = nil, reloadTimeout // there is a last value to use
		}
		number, content, err := p.read(ctx, ref.ocid, pauses, timeout)
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err == nil:
			p.mu.Lock()
			known = p.store(ref.ocid, number, content)
			p.mu.Unlock()
		case known == nil:
			return nil, fmt.Errorf("%s: %w", schemeName, err)
		default:
			p.mu.Lock()
			known.tried = p.now()
			p.complain(ref.ocid, "Reading the secret from OCI Vault failed; keeping its last value", err)
			p.mu.Unlock()
		}
	}

	p.mu.Lock()
	defer p.mu.Unlock()
	current, err := known.usable(ref)
	last, served := known.values[ref.key]
	switch {
	case err == nil:
		known.values[ref.key] = current
		return &use{reference: ref, value: current}, nil
	case served:
		p.complain(ref.ocid, "The new version of the secret is unusable; keeping the last value", err)
		return &use{reference: ref, value: last}, nil
	case ref.hasFallback && errors.Is(err, errNoSuchKey):
		p.logger.Warn("The secret has no such key; using the default of the configuration", zap.String("secret", ref.ocid), zap.String("key", ref.key))
		return &use{reference: ref, isDefault: true}, nil
	default:
		return nil, fmt.Errorf("%s: secret %s: %w", schemeName, ref.ocid, err)
	}
}

// read reads a secret within the timeout. It retries after each of the pauses
// as long as the error may be temporary. The number orders reads by their
// start.
func (p *provider) read(ctx context.Context, ocid string, pauses []time.Duration, timeout time.Duration) (number uint64, content string, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for attempt := 0; ; attempt++ {
		p.mu.Lock()
		p.requests++
		number = p.requests
		p.mu.Unlock()
		content, err = p.vault.read(ctx, ocid)
		if err == nil || attempt == len(pauses) || !passes(err) {
			return number, content, err
		}
		p.logger.Warn("Reading a secret from OCI Vault failed; will retry", zap.Stringer("in", pauses[attempt]), zap.Error(err))
		select {
		case <-ctx.Done():
			return number, "", err
		case <-time.After(pauses[attempt]):
		}
	}
}

// store keeps the result of a request, unless a later request has already
// finished.
func (p *provider) store(ocid string, number uint64, content string) *secret {
	s := p.secrets[ocid]
	if s == nil {
		s = &secret{values: map[string]value{}}
		p.secrets[ocid] = s
	}
	if number > s.number {
		s.content, s.tried, s.number = content, p.now(), number
	}
	return s
}

// complain logs a problem with a secret, once until it changes.
func (p *provider) complain(ocid, message string, err error) {
	s := p.secrets[ocid]
	if s.complaint == message {
		return
	}
	s.complaint = message
	p.logger.Warn(message, zap.String("secret", ocid), zap.Error(err))
}

// usable returns the value of a reference. A value that has become empty is not
// usable: a password is not removed in that way.
func (s *secret) usable(ref reference) (value, error) {
	chosen, err := ref.choose(s.content)
	if err == nil && chosen.text == "" && s.values[ref.key].text != "" {
		return value{}, errEmptied
	}
	return chosen, err
}
