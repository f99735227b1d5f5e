// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter // import "github.com/ociapm/otelcol-ociapm/ociapmexporter"

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v7"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/endpoint"
	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/metadata"
)

const (
	// patience is how long an upload waits for a destination or for a newer key
	// before it is held: long enough for OCI to answer, and short enough for a
	// shutdown to wait for it.
	patience = 5 * time.Second
	// After a question that failed, the next one waits: first for about
	// firstRetry, and ever longer up to maxRetry, both with a jitter of a half.
	firstRetry = time.Second
	maxRetry   = time.Minute
	// A refused key is asked about at once, and again after minGap; where that
	// gives no new key, after ever longer gaps up to maxRetry.
	minGap = 2 * time.Second
)

// What came of asking OCI, as the telemetry counts it.
const (
	discoveryChanged   = "changed"
	discoveryUnchanged = "unchanged"
	discoveryFailed    = "failed"
)

// errUndiscovered is in the error of an upload that has no destination yet.
var errUndiscovered = errors.New("the APM domain is not discovered yet")

// errUnanswered is the reason before the first answer.
var errUnanswered = errors.New("OCI has not answered yet")

// domain is an APM domain that is known by its OCID. It asks OCI for the
// endpoint and the data keys, for all signals of one exporter.
type domain struct {
	config    *Config
	oci       asker
	logger    *zap.Logger
	telemetry *metadata.TelemetryBuilder
	exporter  attribute.KeyValue

	// current is what uploads use; nil is nothing yet. All else is for when it
	// changes.
	current atomic.Pointer[discovered]

	mu      sync.Mutex
	hosts   []component.Host // of the signals that have started
	users   int              // signals that have not been shut down
	refusal []string         // keys that APM has refused since the last new one
	asked   chan struct{}    // closed when OCI has been asked, for the next time
	problem error            // of the last question; nil is none

	kick    chan struct{} // asks for a question now
	stop    context.CancelFunc
	running sync.WaitGroup

	reported string // kind of the problem that the log tells of; "" is none
	unwell   bool   // whether the status tells of it
	reminded time.Time
}

var _ target = (*domain)(nil)

// asker asks OCI about the domain.
type asker interface {
	ask(ctx context.Context) (facts, error)
	// credentials names the type of those that it asks with.
	credentials() string
	close()
}

// discovered is a destination.
type discovered struct {
	endpoint string
	urls     *signalURLs
	key      string
	keys     []string // all, key included
}

// Format keeps the keys out of what fmt writes, for every verb.
func (*discovered) Format(state fmt.State, _ rune) { _, _ = state.Write([]byte("[redacted]")) }

// domains are those of the exporters that exist, by configuration: the collector
// makes an exporter for each signal of one configuration.
var domains = struct {
	mu    sync.Mutex
	known map[*Config]*domain
}{known: map[*Config]*domain{}}

// domainOf returns the domain of a configuration for one more signal.
func domainOf(cfg *Config, set exporter.Settings, userAgent string) (*domain, error) {
	domains.mu.Lock()
	defer domains.mu.Unlock()
	if d, ok := domains.known[cfg]; ok {
		d.users++
		return d, nil
	}
	oci, err := newControlPlane(cfg, userAgent)
	if err != nil {
		return nil, err
	}
	d, err := newDomain(cfg, set, oci)
	if err != nil {
		return nil, err
	}
	domains.known[cfg] = d
	return d, nil
}

func newDomain(cfg *Config, set exporter.Settings, oci asker) (*domain, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	return &domain{
		config: cfg, oci: oci, logger: set.Logger, telemetry: telemetry,
		exporter: attribute.String("exporter", set.ID.String()),
		users:    1, problem: errUnanswered,
		asked: make(chan struct{}), kick: make(chan struct{}, 1),
	}, nil
}

// start begins to ask with the first signal.
func (d *domain) start(host component.Host) {
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

// shutdown stops asking with the last signal.
func (d *domain) shutdown() {
	domains.mu.Lock()
	d.users--
	last := d.users == 0
	if last {
		delete(domains.known, d.config)
	}
	domains.mu.Unlock()
	if !last {
		return
	}
	if d.stop != nil {
		d.stop()
		d.running.Wait()
	}
	d.oci.close()
	d.telemetry.Shutdown()
}

// run asks OCI until ctx is done: at the interval, at once where an upload says
// that its key is refused, and after a while where the last question failed.
func (d *domain) run(ctx context.Context) {
	retry := newBackOff(firstRetry)
	gap := newBackOff(minGap)
	timer := time.NewTimer(0)
	defer timer.Stop()
	var notBefore time.Time
	for {
		kicked := false
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-d.kick:
			kicked = true
			if !sleep(ctx, time.Until(notBefore)) {
				return
			}
		}

		changed, err := d.ask(ctx)
		if ctx.Err() != nil {
			return
		}
		// Fruitless kicks have ever longer gaps between them.
		if changed || (!kicked && err == nil) {
			gap.Reset()
		}
		if changed {
			select {
			case <-d.kick: // it was for the key of before
			default:
			}
		}
		notBefore = time.Now().Add(gap.NextBackOff())

		next := jitter(d.config.RefreshInterval)
		if err == nil {
			retry.Reset()
		} else {
			next = retry.NextBackOff()
			var failed *askError
			if errors.As(err, &failed) {
				next = max(next, failed.retryAfter)
				notBefore = time.Now().Add(max(time.Until(notBefore), failed.retryAfter))
			}
		}
		timer.Reset(next)
	}
}

func newBackOff(first time.Duration) *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval, b.Multiplier = first, maxRetry, 2
	b.Reset()
	return b
}

// jitter keeps thousands of collectors that started together from asking
// together.
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

// ask asks OCI, and tells everyone who waits. It says whether uploads use
// another endpoint or key now.
func (d *domain) ask(ctx context.Context) (changed bool, err error) {
	got, err := d.oci.ask(ctx)
	var urls endpoint.URLs
	if err == nil {
		urls, err = endpoint.Parse(got.endpoint, d.config.DataKeyType)
		if err != nil {
			err = &askError{kind: "endpoint", err: fmt.Errorf("OCI names an endpoint that takes no uploads: %w", err)}
		}
	}
	if ctx.Err() != nil {
		return false, err
	}

	d.mu.Lock()
	if err == nil {
		changed = d.adopt(got, urls)
	}
	d.problem = err
	close(d.asked)
	d.asked = make(chan struct{})
	d.mu.Unlock()

	d.report(ctx, changed, err)
	return changed, err
}

// adopt makes the facts what uploads use.
func (d *domain) adopt(got facts, urls endpoint.URLs) (changed bool) {
	old := d.current.Load()
	next := &discovered{endpoint: got.endpoint, keys: got.keys}
	next.key = d.choose(got.keys, old)
	if old != nil && old.endpoint == next.endpoint {
		next.urls = old.urls
	} else {
		next.urls = newSignalURLs(urls, d.logger)
	}
	d.current.Store(next)

	switch {
	case old == nil:
		d.logger.Info("Discovered the APM domain: uploads go to its endpoint with its data key",
			zap.String("domain", got.name), zap.String("endpoint", got.endpoint), zap.String("auth", d.oci.credentials()))
	case old.endpoint != next.endpoint:
		d.logger.Info("The endpoint of the APM domain has changed: uploads go to the new one", zap.String("endpoint", got.endpoint))
	case old.key != next.key:
		d.logger.Info("The data key of the APM domain has changed: uploads use the new one")
	default:
		return false
	}
	return true
}

// choose returns the key to use from now on. A key that was not there before is
// the successor of the one in use, which may end any time: it is taken at once.
// Otherwise the key in use stays, if it is listed and APM has not refused it; else
// it is the first that APM has not refused. Where APM has refused all, they have
// another turn, beginning with the one after the key in use.
func (d *domain) choose(keys []string, old *discovered) string {
	var inUse string
	if old != nil {
		inUse = old.key
		added := slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return slices.Contains(old.keys, key) })
		if key, ok := d.unrefused(added); ok {
			return key
		}
		if key, ok := d.unrefused([]string{inUse}); ok && slices.Contains(keys, inUse) {
			return key
		}
	}
	if key, ok := d.unrefused(keys); ok {
		return key
	}
	d.refusal = nil
	return keys[(slices.Index(keys, inUse)+1)%len(keys)]
}

func (d *domain) unrefused(keys []string) (string, bool) {
	for _, key := range keys {
		if !slices.Contains(d.refusal, key) {
			return key, true
		}
	}
	return "", false
}

// ready implements target.
func (d *domain) ready(ctx context.Context) error {
	return d.await(ctx, func() bool { return d.current.Load() != nil })
}

// destination implements target. Until there is one, it waits a while.
func (d *domain) destination(ctx context.Context) (*signalURLs, string, error) {
	now := d.current.Load()
	if now == nil {
		waiting, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		if err := d.ready(waiting); err != nil {
			return nil, "", err
		}
		now = d.current.Load()
	}
	return now.urls, now.key, nil
}

// refused implements target. Where the domain has another key, that is the
// newest; else OCI is asked, which an upload waits a while for.
func (d *domain) refused(ctx context.Context, key string) (string, error) {
	d.mu.Lock()
	now := d.current.Load()
	if now.key == key {
		if !slices.Contains(d.refusal, key) {
			d.refusal = append(d.refusal, key)
		}
		if next, ok := d.unrefused(now.keys); ok {
			replaced := *now
			replaced.key = next
			now = &replaced
			d.current.Store(now)
			d.logger.Info("OCI APM refuses a data key of the domain: uploads use its next one")
		}
		select {
		case d.kick <- struct{}{}:
		default: // somebody else has asked
		}
	}
	d.mu.Unlock()
	if now.key != key {
		return now.key, nil
	}

	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_ = d.await(waiting, func() bool { return d.current.Load().key != key }) // what there is then is the newest
	return d.current.Load().key, nil
}

// await waits until the condition holds, which it looks at when OCI has been
// asked.
func (d *domain) await(ctx context.Context, condition func() bool) error {
	for {
		d.mu.Lock()
		asked, problem := d.asked, d.problem
		d.mu.Unlock()
		if condition() {
			return nil
		}
		select {
		case <-asked:
		case <-ctx.Done():
			if problem == nil {
				problem = ctx.Err()
			}
			return fmt.Errorf("%w: %w", errUndiscovered, problem)
		}
	}
}

// report counts a question, and tells of its outcome when that is another: in
// the log, and in the status of every signal where uploads are held for it.
func (d *domain) report(ctx context.Context, changed bool, err error) {
	if err == nil {
		outcome := discoveryUnchanged
		if changed {
			outcome = discoveryChanged
		}
		d.count(ctx, attribute.String("outcome", outcome))
		if d.reported != "" {
			d.logger.Info("OCI answers about the APM domain again")
		}
		if d.unwell {
			d.status(componentstatus.NewEvent(componentstatus.StatusOK))
		}
		d.reported, d.unwell = "", false
		return
	}

	kind := "unreachable"
	var failed *askError
	if errors.As(err, &failed) {
		kind = failed.kind
	}
	d.count(ctx, attribute.String("outcome", discoveryFailed), attribute.String("error.type", kind))
	now := time.Now()
	if kind == d.reported && now.Sub(d.reminded) < reminderInterval {
		return
	}
	if d.current.Load() == nil {
		d.logger.Warn("The APM domain cannot be discovered: uploads are held", zap.Error(err))
		d.status(componentstatus.NewRecoverableErrorEvent(err))
		d.unwell = true
	} else {
		// Uploads arrive: the exporter is well, and must not be restarted, which
		// would lose what it knows.
		d.logger.Warn("OCI does not answer about the APM domain: uploads go on with the last endpoint and data key", zap.Error(err))
	}
	d.reported, d.reminded = kind, now
}

func (d *domain) count(ctx context.Context, attributes ...attribute.KeyValue) {
	d.telemetry.ExporterOciApmDiscoveries.Add(ctx, 1, metric.WithAttributes(append(attributes, d.exporter)...))
}

func (d *domain) status(event *componentstatus.Event) {
	d.mu.Lock()
	hosts := slices.Clone(d.hosts)
	d.mu.Unlock()
	for _, host := range hosts {
		componentstatus.ReportStatus(host, event)
	}
}
