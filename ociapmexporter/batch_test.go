// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter

import (
	"context"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.uber.org/zap"
)

// recorder is an APM that records the spans that it has accepted.
type recorder struct {
	url  string
	mu   sync.Mutex
	seen map[pcommon.SpanID]int
	// status is its answer to every upload; if 0, it accepts them.
	status  atomic.Int64
	refuses atomic.Int64 // percentage of uploads, with 503
	largest atomic.Int64 // accepted upload, in items
	uploads atomic.Int64
}

func newRecorder(t *testing.T) *recorder {
	t.Helper()
	r := &recorder{seen: map[pcommon.SpanID]int{}}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

// ServeHTTP answers an upload.
func (r *recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.uploads.Add(1)
	body, err := io.ReadAll(req.Body)
	decoded := ptraceotlp.NewExportRequest()
	if err != nil || decoded.UnmarshalProto(body) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if status := r.status.Load(); status != 0 {
		w.WriteHeader(int(status))
		return
	}
	if rand.Int64N(100) < r.refuses.Load() {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.largest.Store(max(r.largest.Load(), int64(decoded.Traces().SpanCount())))
	for _, rs := range decoded.Traces().ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				r.seen[span.SpanID()]++
			}
		}
	}
}

// counts returns the number of spans, and how many of them were duplicates.
func (r *recorder) counts() (spans, again int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range r.seen {
		again += n - 1
	}
	return len(r.seen), again
}

// startStorage starts a file_storage extension, and returns a host that has it.
func startStorage(t *testing.T, directory string) (component.Host, component.ID) {
	t.Helper()
	id := component.MustNewID("file_storage")
	factory := filestorage.NewFactory()
	cfg := factory.CreateDefaultConfig().(*filestorage.Config)
	cfg.Directory = directory
	storage, err := factory.Create(t.Context(), extensiontest.NewNopSettings(id.Type()), cfg)
	require.NoError(t, err)
	require.NoError(t, storage.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() { assert.NoError(t, storage.Shutdown(context.Background())) })
	return storageHost{Host: componenttest.NewNopHost(), extensions: map[component.ID]component.Component{id: storage}}, id
}

// randomSpans returns spans with ids that follow the last one.
func randomSpans(random *rand.Rand, last *uint64) ptrace.Traces {
	td := ptrace.NewTraces()
	for range 1 + random.IntN(3) {
		rs := td.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr("service.name", strings.Repeat("s", random.IntN(200)))
		for range 1 + random.IntN(20) {
			*last++
			span := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
			var id pcommon.SpanID
			binary.BigEndian.PutUint64(id[:], *last)
			span.SetSpanID(id)
			span.SetName(strings.Repeat("n", random.IntN(1+random.IntN(3000))))
		}
	}
	return td
}

// All accepted spans arrive, for any max_size, despite outages and restarts, with
// exporterhelper's batcher and its queue on disk. Only uploads that a restart
// interrupted may arrive twice.
func TestMaxSizeLosesNothing(t *testing.T) {
	tests := []struct {
		name     string
		sizer    exporterhelper.RequestSizerType
		min, max int64
		durable  bool
	}{
		{"items, on disk", exporterhelper.RequestSizerTypeItems, 50, 60, true},
		{"bytes, on disk", exporterhelper.RequestSizerTypeBytes, 10_000, 12_000, true},
		{"less than an item, on disk", exporterhelper.RequestSizerTypeBytes, 1, 10, true},
		{"items, in memory", exporterhelper.RequestSizerTypeItems, 5, 7, false},
		{"bytes, in memory", exporterhelper.RequestSizerTypeBytes, 500, 2000, false},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(7, uint64(i))) //nolint:gosec // an index
			apm := newRecorder(t)
			cfg := createDefaultConfig().(*Config)
			cfg.ClientConfig.Endpoint = apm.url
			cfg.ClientConfig.Compression = "none"
			cfg.DataKey = testKey
			cfg.StartupCheck = false
			// Long enough for refused uploads to be still waiting at the shutdown.
			cfg.RetryConfig.InitialInterval = 20 * time.Millisecond
			cfg.RetryConfig.MaxInterval = 100 * time.Millisecond
			queue := cfg.QueueConfig.Get()
			queue.QueueSize = 100_000
			batch := queue.Batch.Get()
			batch.FlushTimeout = 2 * time.Millisecond
			batch.Sizer, batch.MinSize, batch.MaxSize = tt.sizer, tt.min, tt.max
			host := componenttest.NewNopHost()
			rounds := 1
			if tt.durable {
				var id component.ID
				host, id = startStorage(t, t.TempDir())
				queue.StorageID = &id
				rounds = 6
			}

			var last uint64
			for round := range rounds {
				exp := startTraces(t, cfg, host)
				apm.refuses.Store(30)
				for range 60 {
					require.NoError(t, exp.ConsumeTraces(t.Context(), randomSpans(random, &last)))
					if random.IntN(4) == 0 {
						time.Sleep(2 * time.Millisecond)
					}
				}
				if round < rounds-1 {
					require.NoError(t, exp.Shutdown(context.Background()))
					continue
				}
				apm.refuses.Store(0)
				assert.Eventually(t, func() bool { spans, _ := apm.counts(); return spans == int(last) }, 2*time.Minute, 5*time.Millisecond) //nolint:gosec // a count
				require.NoError(t, exp.Shutdown(context.Background()))
			}
			spans, again := apm.counts()
			assert.EqualValues(t, last, spans, "accepted spans that arrived")
			if !tt.durable {
				assert.Zero(t, again, "duplicates")
			}
			if tt.sizer == exporterhelper.RequestSizerTypeItems {
				assert.LessOrEqual(t, apm.largest.Load(), tt.max)
			}
		})
	}
}

// startTraces starts an exporter on a host. The test shuts it down.
func startTraces(t *testing.T, cfg *Config, host component.Host) exporter.Traces {
	t.Helper()
	set := nopSettings(zap.NewNop())
	set.ID = component.MustNewID("oci_apm") // the queue on disk is named after it
	exp, err := NewFactory().CreateTraces(t.Context(), set, cfg)
	require.NoError(t, err)
	require.NoError(t, exp.Start(t.Context(), host))
	return exp
}
