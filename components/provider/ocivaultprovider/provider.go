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

	// A secret that is used in several places is read once for a configuration,
	// and a reload is answered from what caused it.
	reuse = 10 * time.Second

	// While a configuration is reloaded, nothing else of the collector runs.
	startTimeout  = time.Minute
	reloadTimeout = 5 * time.Second
)

// startPauses are what lies between the attempts to read a secret at the start.
var startPauses = []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second}

// use is one place of a configuration that has a value of a secret. The resolver
// closes all of them before it resolves the configuration anew.
type use struct {
	reference reference
	// value is what the place got; unless it got its default.
	value     value
	isDefault bool
}

// secret is what is known of one secret.
type secret struct {
	content string
	number  uint64    // of the request that read it
	tried   time.Time // when a read ended last, for better or worse

	// values are the last values that were served, by JSON key. They outlive a
	// version that lacks the key.
	values map[string]value
	// complaint is what the log says about the secret now, so that it says so
	// once; "" is nothing.
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
	notified bool      // the watcher was called, and the resolver has not asked since
	asked    time.Time // when the resolver asked last
	requests uint64

	stopWatching context.CancelFunc // nil while nothing is watched
	watching     sync.WaitGroup
}

// NewFactory returns a factory for a confmap.Provider that reads secrets from OCI
// Vault.
//
// This Provider supports the scheme "ocivault", and can be called with the OCID of
// a secret: `ocivault:ocid1.vaultsecret.oc1.eu-frankfurt-1.abcd`
//
// One value of a secret that is a JSON object is chosen by its key after a #:
// `ocivault:ocid1.vaultsecret.oc1.eu-frankfurt-1.abcd#data_key`
//
// A default for where the OCID is empty or the object has no such key can be
// provided after :- suffix: `ocivault:ocid1.vaultsecret.oc1.eu-frankfurt-1.abcd#data_key:-none`
//
// The provider looks for new versions of the secrets, and has the collector reload
// its configuration when a value changes.
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

// Retrieve implements confmap.Provider. The value is a string, but for a number,
// true or false in a JSON object.
func (p *provider) Retrieve(ctx context.Context, uri string, watcher confmap.WatcherFunc) (*confmap.Retrieved, error) {
	ref, err := parse(uri)
	if err != nil {
		return nil, err
	}
	if ref.ocid == "" {
		p.logger.Warn("The configuration has a reference to a secret without an OCID; taking its default")
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

// retrieved hands a value over as what it is: text stays text, even where it looks
// like a number. The resolver would take a dollar sign in it for the beginning of
// a reference.
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

// Shutdown implements confmap.Provider. It waits for the goroutine that watches.
func (p *provider) Shutdown(context.Context) error {
	if p.stopWatching != nil {
		p.stopWatching()
	}
	p.watching.Wait()
	p.vault.close()
	return nil
}

// resolve returns what a reference stands for. What has been served once is served
// again where Vault is away, or a new version lacks the value: an error during a
// reload ends the collector.
func (p *provider) resolve(ctx context.Context, ref reference) (*use, error) {
	p.mu.Lock()
	known := p.secrets[ref.ocid]
	fresh := known != nil && p.now().Sub(known.tried) < reuse
	p.mu.Unlock()

	if !fresh {
		pauses, timeout := p.pauses, startTimeout
		if known != nil {
			pauses, timeout = nil, reloadTimeout // there is something to go on with
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
			p.complain(ref.ocid, "OCI Vault does not give the secret now; keeping its last value", err)
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
		p.complain(ref.ocid, "The new version of the secret is of no use; keeping the last value", err)
		return &use{reference: ref, value: last}, nil
	case ref.hasFallback && errors.Is(err, errNoSuchKey):
		p.logger.Warn("The secret has no such key; taking the default of the configuration", zap.String("secret", ref.ocid), zap.String("key", ref.key))
		return &use{reference: ref, isDefault: true}, nil
	default:
		return nil, fmt.Errorf("%s: secret %s: %w", schemeName, ref.ocid, err)
	}
}

// read reads a secret within the timeout, and does so again after each of the
// pauses while Vault may yet answer. The number orders reads by their beginning.
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
		p.logger.Warn("OCI Vault does not give a secret; asking again", zap.Stringer("in", pauses[attempt]), zap.Error(err))
		select {
		case <-ctx.Done():
			return number, "", err
		case <-time.After(pauses[attempt]):
		}
	}
}

// store keeps what a request has read, unless a later one has been faster.
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

// complain logs what is wrong with a secret, once until it changes.
func (p *provider) complain(ocid, message string, err error) {
	s := p.secrets[ocid]
	if s.complaint == message {
		return
	}
	s.complaint = message
	p.logger.Warn(message, zap.String("secret", ocid), zap.Error(err))
}

// usable returns the value that a reference to the secret's content stands for. A
// value that has become empty is of no use: nobody deletes a password so.
func (s *secret) usable(ref reference) (value, error) {
	chosen, err := ref.choose(s.content)
	if err == nil && chosen.text == "" && s.values[ref.key].text != "" {
		return value{}, errEmptied
	}
	return chosen, err
}
