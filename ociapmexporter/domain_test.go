// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/metadata"
	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/metadatatest"
)

const testDomainID = "ocid1.apmdomain.oc1.fra.amaaaaaaexample"

// cloud answers a domain's questions.
type cloud struct {
	mu    sync.Mutex
	facts facts
	err   error
	asked []time.Time
}

func (c *cloud) ask(context.Context) (facts, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = append(c.asked, time.Now())
	return c.facts, c.err
}

func (*cloud) credentials() string { return "none" }
func (*cloud) close()              {}

// set changes the answer.
func (c *cloud) set(err error, keys ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.facts, c.err = facts{name: "shop", endpoint: testEndpoint, keys: keys}, err
}

func (c *cloud) times() []time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked
}

func domainConfig() *Config {
	cfg := createDefaultConfig().(*Config)
	cfg.APMDomainID = testDomainID
	return cfg
}

// startDomain starts a domain inside a bubble of synctest.
func startDomain(t *testing.T, c *cloud) (*domain, *observer.ObservedLogs, *statusHost) {
	t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	set := exportertest.NewNopSettings(metadata.Type)
	set.Logger = zap.New(core)
	d, err := newDomain(domainConfig(), set, c)
	require.NoError(t, err)
	host := &statusHost{Host: componenttest.NewNopHost()}
	d.start(host)
	t.Cleanup(d.shutdown)
	return d, logs, host
}

func TestChooseKey(t *testing.T) {
	tests := []struct {
		name    string
		before  []string // that were listed; the first is in use
		refused []string
		keys    []string
		want    string
	}{
		{name: "the first one", keys: []string{"a", "b"}, want: "a"},
		{name: "the one in use", before: []string{"b", "a"}, keys: []string{"a", "b"}, want: "b"},
		{name: "the successor", before: []string{"a"}, keys: []string{"a", "b"}, want: "b"},
		{name: "the replacement", before: []string{"a"}, keys: []string{"b"}, want: "b"},
		{name: "one that is not refused", before: []string{"a", "b"}, refused: []string{"a"}, keys: []string{"a", "b"}, want: "b"},
		{name: "not a successor that is refused", before: []string{"a"}, refused: []string{"b"}, keys: []string{"a", "b"}, want: "a"},
		{name: "the next one where all are refused", before: []string{"b", "a", "c"}, refused: []string{"a", "b", "c"}, keys: []string{"a", "b", "c"}, want: "c"},
		{name: "the only one, though refused", before: []string{"a"}, refused: []string{"a"}, keys: []string{"a"}, want: "a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := &domain{refusal: tt.refused}
			var old *discovered
			if len(tt.before) > 0 {
				old = &discovered{key: tt.before[0], keys: tt.before}
			}
			assert.Equal(t, tt.want, d.choose(tt.keys, old))
		})
	}
}

// Starting waits for nothing. Uploads wait a while, are held, and go as soon as
// OCI has answered.
func TestDomainIsAwaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{}
		c.set(&askError{kind: "not_allowed", err: errors.New("write the policy")})
		begin := time.Now()
		d, logs, host := startDomain(t, c)
		assert.Zero(t, time.Since(begin), "starting waits")

		_, _, err := d.destination(t.Context())
		require.ErrorIs(t, err, errUndiscovered)
		require.ErrorContains(t, err, "the APM domain is not discovered yet: write the policy")
		assert.Equal(t, patience, time.Since(begin))

		c.set(nil, testKey)
		require.NoError(t, d.ready(t.Context()))
		urls, key, err := d.destination(t.Context())
		require.NoError(t, err)
		assert.Equal(t, testKey, key)
		assert.Equal(t, testEndpoint+"/20200101/opentelemetry/v1/traces", urls.traces.current())

		synctest.Wait()
		assert.Equal(t, 1, logs.FilterMessage("The APM domain cannot be discovered: uploads are held").Len())
		assert.Equal(t, 1, logs.FilterMessageSnippet("Discovered the APM domain").Len())
		host.mu.Lock()
		defer host.mu.Unlock()
		require.Len(t, host.events, 2)
		assert.Equal(t, componentstatus.StatusRecoverableError, host.events[0].Status())
		assert.Equal(t, componentstatus.StatusOK, host.events[1].Status())
	})
}

// The interval has a jitter of a tenth, and failures are repeated ever less
// often, but for what OCI asks to wait for.
func TestWhenOCIIsAsked(t *testing.T) {
	gaps := func(times []time.Time) []time.Duration {
		var gaps []time.Duration
		for i := 1; i < len(times); i++ {
			gaps = append(gaps, times[i].Sub(times[i-1]))
		}
		return gaps
	}

	t.Run("at the interval", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := &cloud{}
			c.set(nil, testKey)
			startDomain(t, c)
			time.Sleep(24 * time.Hour)
			synctest.Wait()
			require.InDelta(t, 96, len(c.times()), 12)
			for _, gap := range gaps(c.times()) {
				assert.InDelta(t, defaultRefreshInterval, gap, float64(defaultRefreshInterval/10+time.Second))
			}
		})
	})

	t.Run("after failures", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := &cloud{}
			c.set(&askError{kind: "unreachable", err: errors.New("away")})
			startDomain(t, c)
			time.Sleep(time.Hour)
			synctest.Wait()
			all := gaps(c.times())
			require.Greater(t, len(all), 30)
			assert.LessOrEqual(t, all[0], 2*firstRetry)
			for _, gap := range all {
				assert.LessOrEqual(t, gap, maxRetry+maxRetry/2)
			}
			assert.GreaterOrEqual(t, all[len(all)-1], maxRetry/2)
		})
	})

	t.Run("when it is throttled", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := &cloud{}
			c.set(&askError{kind: "throttled", err: errors.New("throttled"), retryAfter: 5 * time.Minute})
			d, _, _ := startDomain(t, c)
			time.Sleep(time.Second)
			d.kick <- struct{}{} // does not come earlier for it
			time.Sleep(time.Hour)
			synctest.Wait()
			for _, gap := range gaps(c.times()) {
				assert.GreaterOrEqual(t, gap, 5*time.Minute)
			}
		})
	})
}

// Uploads that are refused together ask once, and get the key that replaces
// theirs.
func TestRefusedKeyIsAskedForAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{}
		c.set(nil, "first-key")
		d, _, _ := startDomain(t, c)
		require.NoError(t, d.ready(t.Context()))
		time.Sleep(time.Minute)
		c.set(nil, "second-key")

		var uploads sync.WaitGroup
		for range 10 {
			uploads.Go(func() {
				key, err := d.refused(t.Context(), "first-key")
				assert.Equal(t, "second-key", key, err)
			})
		}
		uploads.Wait()
		synctest.Wait()
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Len(t, c.times(), 2, "questions")
		_, key, err := d.destination(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "second-key", key)
	})
}

// Where the domain has several keys, the next one is tried before OCI answers.
func TestNextKeyIsTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{}
		c.set(nil, "first-key", "second-key")
		d, logs, _ := startDomain(t, c)
		require.NoError(t, d.ready(t.Context()))
		c.set(errors.New("away"))

		begin := time.Now()
		key, err := d.refused(t.Context(), "first-key")
		require.NoError(t, err)
		assert.Equal(t, "second-key", key)
		assert.Zero(t, time.Since(begin))
		assert.Equal(t, 1, logs.FilterMessageSnippet("uploads use its next one").Len())
	})
}

// A key that APM refuses for hours does not make OCI asked without end.
func TestKeyThatStaysRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{}
		c.set(nil, "only-key")
		d, _, _ := startDomain(t, c)
		require.NoError(t, d.ready(t.Context()))
		begin := time.Now()
		for time.Since(begin) < time.Hour {
			key, err := d.refused(t.Context(), "only-key")
			require.NoError(t, err)
			require.Equal(t, "only-key", key)
			time.Sleep(time.Second)
		}
		synctest.Wait()
		assert.InDelta(t, 65, len(c.times()), 30, "questions in an hour: one a minute, and some at the beginning")
	})
}

// Neither does a key that is refused while OCI is away.
func TestKeyIsRefusedWhileOCIIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{}
		c.set(nil, "only-key")
		d, _, _ := startDomain(t, c)
		require.NoError(t, d.ready(t.Context()))
		c.set(&askError{kind: "unreachable", err: errors.New("away")})
		begin := time.Now()
		for time.Since(begin) < time.Hour {
			_, err := d.refused(t.Context(), "only-key")
			require.NoError(t, err)
		}
		synctest.Wait()
		assert.InDelta(t, 90, len(c.times()), 50, "questions in an hour: two a minute at most")
		c.set(nil, "next-key")
		time.Sleep(2 * maxRetry)
		_, key, err := d.destination(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "next-key", key)
	})
}

// Once discovered, a domain stays what it was while OCI is away. The status stays
// well, the log has one line, and another kind of failure is another line.
func TestLastAnswerStaysInUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{}
		c.set(nil, testKey)
		d, logs, host := startDomain(t, c)
		require.NoError(t, d.ready(t.Context()))
		c.set(&askError{kind: "unreachable", err: errors.New("away")})
		time.Sleep(20 * time.Minute) // reminders included
		synctest.Wait()
		_, key, err := d.destination(t.Context())
		require.NoError(t, err)
		assert.Equal(t, testKey, key)
		const message = "OCI does not answer about the APM domain: uploads go on with the last endpoint and data key"
		said := logs.FilterMessage(message).Len()
		assert.Contains(t, []int{1, 2}, said, "the first line, and a reminder after five minutes")
		c.set(&askError{kind: "throttled", err: errors.New("throttled")})
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		assert.Equal(t, said+1, logs.FilterMessage(message).Len())
		c.set(nil, testKey)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		assert.Equal(t, 1, logs.FilterMessage("OCI answers about the APM domain again").Len())
		host.mu.Lock()
		defer host.mu.Unlock()
		assert.Empty(t, host.events, "the status is what the uploads say")
	})
}

// An endpoint that changes is used, and one that is none is not.
func TestEndpointChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{}
		c.set(nil, testKey)
		d, logs, _ := startDomain(t, c)
		require.NoError(t, d.ready(t.Context()))
		before, _, err := d.destination(t.Context())
		require.NoError(t, err)

		answer := func(endpoint string) *signalURLs {
			c.mu.Lock()
			c.facts.endpoint = endpoint
			c.mu.Unlock()
			time.Sleep(20 * time.Minute)
			synctest.Wait()
			urls, _, err := d.destination(t.Context())
			require.NoError(t, err)
			return urls
		}
		assert.Same(t, before, answer(testEndpoint), "what was learned of the paths is kept")
		assert.Same(t, before, answer("http://elsewhere.example.com"))
		assert.Equal(t, "endpoint", d.reported)
		assert.Equal(t, "https://ccccdddd.apm-agt.eu-frankfurt-1.oci.oraclecloud.com/20200101/opentelemetry/v1/logs",
			answer("https://ccccdddd.apm-agt.eu-frankfurt-1.oci.oraclecloud.com").logs.current())
		assert.Equal(t, 1, logs.FilterMessageSnippet("The endpoint of the APM domain has changed").Len())
	})
}

func TestDiscoveriesAreCounted(t *testing.T) {
	tel := componenttest.NewTelemetry()
	defer func() { assert.NoError(t, tel.Shutdown(context.Background())) }()
	set := exportertest.NewNopSettings(metadata.Type)
	set.ID = component.NewIDWithName(metadata.Type, "counted")
	set.TelemetrySettings = tel.NewTelemetrySettings()
	c := &cloud{}
	d, err := newDomain(domainConfig(), set, c)
	require.NoError(t, err)
	defer d.shutdown()

	c.set(nil, testKey)
	for range 2 {
		_, err = d.ask(t.Context())
		require.NoError(t, err)
	}
	c.set(&askError{kind: "throttled", err: errors.New("throttled")})
	_, err = d.ask(t.Context())
	require.Error(t, err)

	exporter := attribute.String("exporter", "oci_apm/counted")
	point := func(attributes ...attribute.KeyValue) metricdata.DataPoint[int64] {
		return metricdata.DataPoint[int64]{Value: 1, Attributes: attribute.NewSet(append(attributes, exporter)...)}
	}
	metadatatest.AssertEqualExporterOciApmDiscoveries(t, tel, []metricdata.DataPoint[int64]{
		point(attribute.String("outcome", "changed")),
		point(attribute.String("outcome", "unchanged")),
		point(attribute.String("outcome", "failed"), attribute.String("error.type", "throttled")),
	}, metricdatatest.IgnoreTimestamp())
}

// The signals of one exporter share its domain, and the last one ends it.
func TestSignalsShareTheDomain(t *testing.T) {
	cfg := domainConfig()
	set := exportertest.NewNopSettings(metadata.Type)
	factory := NewFactory()
	traces, err := factory.CreateTraces(t.Context(), set, cfg)
	require.NoError(t, err)
	metrics, err := factory.CreateMetrics(t.Context(), set, cfg)
	require.NoError(t, err)
	logs, err := factory.CreateLogs(t.Context(), set, cfg)
	require.NoError(t, err)

	d := domains.known[cfg]
	require.NotNil(t, d)
	assert.Equal(t, 3, d.users)
	for _, signal := range []component.Component{traces, metrics, logs} {
		assert.Contains(t, domains.known, cfg)
		require.NoError(t, signal.Shutdown(t.Context()))
	}
	assert.NotContains(t, domains.known, cfg)
}

func TestPublicKeyOfADomain(t *testing.T) {
	cfg := domainConfig()
	cfg.DataKeyType = DataKeyTypePublic
	set := exportertest.NewNopSettings(metadata.Type)
	_, err := NewFactory().CreateLogs(t.Context(), set, cfg)
	require.ErrorIs(t, err, errPublicKeySignal)
	assert.NotContains(t, domains.known, cfg)
}

// However they are printed, keys are not in it.
func TestKeysAreNotPrinted(t *testing.T) {
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		for _, value := range []any{facts{keys: []string{testKey}}, &facts{keys: []string{testKey}}, &discovered{key: testKey, keys: []string{testKey}}} {
			assert.Equal(t, "[redacted]", fmt.Sprintf(verb, value))
		}
	}
}
