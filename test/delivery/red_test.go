// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build delivery

package delivery

import (
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	"github.com/ociapm/otelcol-ociapm/test/harness"
)

var redSpans = flag.Int("red-spans", 1_000_000, "the number of spans of TestREDMetrics")

// redOverrides has a small queue, which an outage fills at once, and frequent points.
const redOverrides = `
exporters: {oci_apm: {sending_queue: {queue_size: 2000000, batch: {min_size: 500000}}, retry_on_failure: {initial_interval: 100ms, max_interval: 100ms}}}
connectors:
  span_metrics/services: {metrics_flush_interval: 1s}
  span_metrics/databases: {metrics_flush_interval: 1s}
`

// redFanOut counts the same spans in pipelines beside the one that uploads.
const redFanOut = redOverrides + `
service:
  pipelines:
    traces: {exporters: [oci_apm]}
    traces/keep: {receivers: [zipkin], exporters: [oci_apm]}
    traces/services: {receivers: [otlp]}
    traces/databases: {receivers: [otlp], processors: [memory_limiter, resource_detection, db_span_enricher, peer_service, filter/databases]}
receivers: {zipkin: {endpoint: "127.0.0.1:0"}}
`

// TestREDMetrics compares the metrics of red-metrics.yaml with the truth, bucket for
// bucket, while the queue is full for a third of the time and senders repeat. Beside it
// stands a plain fan-out with fewer spans, and its error.
func TestREDMetrics(t *testing.T) {
	t.Run("sequence", func(t *testing.T) {
		sent := sendRED(t, redOverrides, *redSpans)
		assert.GreaterOrEqual(t, sent.refusedShare, 0.33)
		assert.Positive(t, sent.repeats)
		for name, truth := range sent.truth {
			assert.Equal(t, truth, sent.counted[name], name)
		}
		assert.Len(t, sent.counted, len(sent.truth))
	})
	t.Run("fan-out", func(t *testing.T) {
		sent := sendRED(t, redFanOut, min(*redSpans, 100_000))
		assert.Positive(t, sent.excess(), "the error that the connector is for")
	})
}

// redResult is what was sent and what was counted, by series, as counts of buckets.
type redResult struct {
	truth, counted map[string][]uint64
	repeats        int64
	refusedShare   float64 // of the time
}

// excess returns by how much the counted calls exceed the truth, as a share.
func (r redResult) excess() float64 {
	return float64(total(r.counted))/float64(total(r.truth)) - 1
}

func total(series map[string][]uint64) (n uint64) {
	for _, buckets := range series {
		for _, count := range buckets {
			n += count
		}
	}
	return n
}

// redBounds are those of red-metrics.yaml, in milliseconds. A bound is in the lower
// bucket. Source: OpenTelemetry's data model, histogram.
var redBounds = []int64{5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000}

const (
	redSenders = 4
	redPerCall = 100
)

func sendRED(t *testing.T, overrides string, spans int) redResult {
	t.Helper()
	sandbox := harness.StartSandbox(t)
	last := filepath.Join(t.TempDir(), "last.yaml")
	require.NoError(t, os.WriteFile(last, []byte(overrides), 0o600))
	collector := harness.StartCollector(t, harness.CollectorOptions{
		Endpoint: sandbox.URL, DataKey: harness.PrivateKey,
		Arguments: []string{"--config", harness.ConfigFile(t, "red-metrics.yaml"), "--config", last},
	})
	conn, err := grpc.NewClient(collector.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, conn.Close()) })
	client := ptraceotlp.NewGRPCClient(conn)

	result := redResult{truth: map[string][]uint64{}}
	var repeats, refusing atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	share := refuseAThird(ctx, t, sandbox, &refusing)
	var senders sync.WaitGroup
	var mu sync.Mutex
	for sender := range redSenders {
		senders.Go(func() {
			truth := map[string][]uint64{}
			random := rand.New(rand.NewPCG(1, uint64(sender))) //nolint:gosec // the same spans in each run
			for n := range spans / redSenders / redPerCall {
				td := redTraces(random, sender, n, truth)
				for refused := false; ; repeats.Add(1) {
					_, err := client.Export(t.Context(), ptraceotlp.NewExportRequestFromTraces(td))
					if (err != nil) != refused {
						refused = err != nil
						refusing.Add(map[bool]int64{true: 1, false: -1}[refused])
					}
					if err == nil {
						break
					}
					time.Sleep(20 * time.Millisecond)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			for name, buckets := range truth {
				result.truth[name] = plus(result.truth[name], buckets)
			}
		})
	}
	senders.Wait()
	stop()
	result.repeats, result.refusedShare = repeats.Load(), <-share

	require.Eventually(t, func() bool {
		result.counted = countedRED(t, sandbox)
		return total(result.counted) >= total(result.truth) && sandbox.Counts(t).Spans.Received >= spans
	}, 2*time.Minute, time.Second)
	time.Sleep(3 * time.Second) // more points must not change the counts
	result.counted = countedRED(t, sandbox)
	t.Logf("%d spans; refused for %.0f %% of the time; %d repeats; counted %+.2f %% against the truth of %d calls in %d series",
		spans, 100*result.refusedShare, result.repeats, 100*result.excess(), total(result.truth), len(result.truth))
	return result
}

// refuseAThird has APM refuse spans whenever senders were refused for less than a third
// of the time so far. It returns the share once ctx is done.
func refuseAThird(ctx context.Context, t *testing.T, sandbox *harness.Sandbox, refusing *atomic.Int64) <-chan float64 {
	t.Helper()
	const step = 20 * time.Millisecond
	share := make(chan float64, 1)
	go func() {
		ticks, refused, failing := 0, 0, false
		for ctx.Err() == nil {
			time.Sleep(step)
			ticks++
			if refusing.Load() > 0 {
				refused++
			}
			if fail := 100*refused < 36*ticks; fail != failing {
				failing = fail
				sandbox.ClearFaults(t)
				if fail {
					sandbox.AddFault(t, apm.Fault{Signal: apm.SignalTraces, Status: 503})
				}
			}
		}
		sandbox.ClearFaults(t)
		share <- float64(refused) / float64(ticks)
	}()
	return share
}

// redTraces returns the spans of a request, and adds them to the truth. Their durations
// include the bounds of all buckets.
func redTraces(random *rand.Rand, sender, n int, truth map[string][]uint64) ptrace.Traces {
	td := ptrace.NewTraces()
	service := fmt.Sprintf("shop-%d", random.IntN(5))
	resource := td.ResourceSpans().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", service)
	list := resource.ScopeSpans().AppendEmpty().Spans()
	for i := range redPerCall {
		span := list.AppendEmpty()
		id := pcommon.TraceID{0: 1, 1: byte(sender)}  //nolint:gosec // a few
		binary.BigEndian.PutUint64(id[8:], uint64(n)) //nolint:gosec // a count
		span.SetTraceID(id)
		span.SetSpanID(pcommon.SpanID{0: 1, 7: byte(i)})
		milliseconds := redBounds[random.IntN(len(redBounds))] + int64(random.IntN(3)) - 1
		start := time.Now()
		span.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
		span.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Duration(milliseconds) * time.Millisecond)))
		code := "STATUS_CODE_UNSET"
		if random.IntN(20) == 0 {
			span.Status().SetCode(ptrace.StatusCodeError)
			code = "STATUS_CODE_ERROR"
		}
		var series []string
		switch i % 4 {
		case 0, 1:
			span.SetKind(ptrace.SpanKindServer)
			if i%4 == 1 {
				span.SetKind(ptrace.SpanKindConsumer)
			}
			span.SetName(fmt.Sprintf("GET /%d", random.IntN(8)))
			series = []string{"service.duration", service, span.Name(), span.Kind().String(), code}
		case 2:
			span.SetKind(ptrace.SpanKindClient)
			span.SetName("query")
			database := fmt.Sprintf("orders%d", random.IntN(3))
			span.Attributes().PutStr("db.system", "postgresql")
			span.Attributes().PutStr("db.name", database)
			span.Attributes().PutStr("db.statement", "SELECT * FROM orders WHERE id = $1")
			series = []string{"database.duration", service, "postgresql:" + database, "SELECT", code}
		default:
			span.SetKind(ptrace.SpanKindInternal)
			span.SetName("work")
			continue
		}
		bucket, _ := slices.BinarySearch(redBounds, milliseconds)
		counts := make([]uint64, len(redBounds)+1)
		counts[bucket] = 1
		name := strings.Join(series, " | ")
		truth[name] = plus(truth[name], counts)
	}
	return td
}

// countedRED returns the latest counts of each series. They are cumulative.
func countedRED(t *testing.T, sandbox *harness.Sandbox) map[string][]uint64 {
	t.Helper()
	counted := map[string][]uint64{}
	for _, metric := range slices.Backward(sandbox.Metrics(t)) { // the newest first
		for _, point := range metric.DataPoints {
			text := func(name string) string { value, _ := point.Attributes[name].(string); return value }
			var series []string
			switch metric.Name {
			case "service.duration":
				kind := map[string]string{"SPAN_KIND_SERVER": "Server", "SPAN_KIND_CONSUMER": "Consumer"}[text("span.kind")]
				series = []string{metric.Name, text("service.name"), text("span.name"), kind, text("status.code")}
			case "database.duration":
				series = []string{metric.Name, text("service.name"), text("peer.service"), text("db.operation"), text("status.code")}
			default:
				continue
			}
			counted[strings.Join(series, " | ")] = point.BucketCounts
		}
	}
	return counted
}

func plus(a, b []uint64) []uint64 {
	if a == nil {
		a = make([]uint64, len(b))
	}
	for i := range b {
		a[i] += b[i]
	}
	return a
}
