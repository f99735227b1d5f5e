// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/endpoint"
	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/metadatatest"
)

// The interval has a jitter of a tenth. After failures the waits grow, and are at least
// as long as OCI asks for.
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
				assert.InDelta(t, refreshInterval, gap, float64(refreshInterval/10+time.Second))
			}
		})
	})

	t.Run("after failures", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := &cloud{}
			c.set(&queryError{kind: "unreachable", err: errors.New("away")})
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
			c.set(&queryError{kind: "throttled", err: errors.New("throttled"), retryAfter: 5 * time.Minute})
			d, _, _ := startDomain(t, c)
			time.Sleep(time.Second)
			d.refreshNow <- struct{}{} // does not shorten the wait
			time.Sleep(time.Hour)
			synctest.Wait()
			for _, gap := range gaps(c.times()) {
				assert.GreaterOrEqual(t, gap, 5*time.Minute)
			}
		})
	})
}

// While OCI is down, the last endpoint and key of a discovered domain stay in use. The
// status stays OK. The log has one line for each kind of failure.
func TestLastAnswerStaysInUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{}
		c.set(nil, testKey)
		d, logs, host := startDomain(t, c)
		require.NoError(t, d.WaitReady(t.Context()))
		c.set(&queryError{kind: "unreachable", err: errors.New("away")})
		time.Sleep(20 * time.Minute) // reminders included
		synctest.Wait()
		_, key, err := d.Resolve(t.Context())
		require.NoError(t, err)
		assert.Equal(t, testKey, key)
		const message = "Refreshing the APM domain failed, will retry: uploads continue with the last endpoint and data key"
		said := logs.FilterMessage(message).Len()
		assert.Contains(t, []int{1, 2}, said, "the first line, and a reminder after five minutes")
		c.set(&queryError{kind: "throttled", err: errors.New("throttled")})
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		assert.Equal(t, said+1, logs.FilterMessage(message).Len())
		c.set(nil, testKey)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		assert.Equal(t, 1, logs.FilterMessage("Requests to OCI about the APM domain succeed again").Len())
		host.mu.Lock()
		defer host.mu.Unlock()
		assert.Empty(t, host.events, "only uploads change the status")
	})
}

// A changed endpoint is used, unless it is invalid.
func TestEndpointChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{}
		c.set(nil, testKey)
		d, logs, _ := startDomain(t, c)
		require.NoError(t, d.WaitReady(t.Context()))
		before, _, err := d.Resolve(t.Context())
		require.NoError(t, err)

		answer := func(address string) endpoint.URLs {
			c.mu.Lock()
			c.info.endpoint = address
			c.mu.Unlock()
			time.Sleep(20 * time.Minute)
			synctest.Wait()
			urls, _, err := d.Resolve(t.Context())
			require.NoError(t, err)
			return urls
		}
		assert.Equal(t, before, answer(testEndpoint))
		assert.Equal(t, before, answer("http://elsewhere.example.com"))
		assert.Equal(t, "endpoint", d.reportedKind)
		assert.Equal(t, "https://ccccdddd.apm-agt.eu-frankfurt-1.oci.oraclecloud.com/20200101/opentelemetry/v1/logs",
			answer("https://ccccdddd.apm-agt.eu-frankfurt-1.oci.oraclecloud.com").Logs)
		assert.Equal(t, 1, logs.FilterMessageSnippet("The endpoint of the APM domain has changed").Len())
	})
}

func TestDiscoveriesAreCounted(t *testing.T) {
	tel := componenttest.NewTelemetry()
	defer func() { assert.NoError(t, tel.Shutdown(context.Background())) }()
	c := &cloud{}
	d, err := newDiscoverer(testSettings(tel.NewTelemetrySettings()), c)
	require.NoError(t, err)
	defer d.Shutdown()

	c.set(nil, testKey)
	for range 2 {
		_, err = d.refresh(t.Context())
		require.NoError(t, err)
	}
	c.set(&queryError{kind: "throttled", err: errors.New("throttled")})
	_, err = d.refresh(t.Context())
	require.Error(t, err)

	exporter := attribute.String("exporter", "oci_apm/test")
	point := func(attributes ...attribute.KeyValue) metricdata.DataPoint[int64] {
		return metricdata.DataPoint[int64]{Value: 1, Attributes: attribute.NewSet(append(attributes, exporter)...)}
	}
	metadatatest.AssertEqualExporterOciApmDiscoveries(t, tel, []metricdata.DataPoint[int64]{
		point(attribute.String("outcome", "changed")),
		point(attribute.String("outcome", "unchanged")),
		point(attribute.String("outcome", "failed"), attribute.String("error.type", "throttled")),
	}, metricdatatest.IgnoreTimestamp())
}
