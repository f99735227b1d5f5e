// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func (s *store) putSpans(t *testing.T, specs ...spanSpec) {
	t.Helper()
	td := tracesOf(t, specs...)
	s.put(batch{signal: SignalTraces, items: td.SpanCount(), traces: td}, false, 0)
}

// inStore lists trace and span ids, with traces in order of last arrival.
func (s *store) inStore() string {
	var b strings.Builder
	for _, trace := range s.snapshot() {
		fmt.Fprintf(&b, "%d:", trace.id[15])
		for _, span := range trace.spans {
			id := span.span.SpanID()
			fmt.Fprintf(&b, "%d", id[7])
		}
		b.WriteString(" ")
	}
	return strings.TrimSpace(b.String())
}

func TestEviction(t *testing.T) {
	span := func(trace, id byte) spanSpec { return spanSpec{trace: trace, id: id, service: "web"} }
	for _, tc := range []struct {
		name    string
		spans   []spanSpec
		want    string
		evicted int
		dups    int
	}{
		{"fits", []spanSpec{span(1, 1), span(2, 1), span(2, 2), span(3, 1)}, "1:1 2:12 3:1", 0, 0},
		{"the oldest trace leaves whole", []spanSpec{span(1, 1), span(1, 2), span(2, 1), span(2, 2), span(3, 1)}, "2:12 3:1", 2, 0},
		{"a late span keeps its trace", []spanSpec{span(1, 1), span(2, 1), span(3, 1), span(1, 2), span(4, 1)}, "3:1 1:12 4:1", 1, 0},
		{"duplicates take no room", []spanSpec{span(1, 1), span(1, 1), span(1, 1), span(2, 1), span(3, 1), span(4, 1)}, "1:1 2:1 3:1 4:1", 0, 2},
		{"a duplicate is no arrival", []spanSpec{span(1, 1), span(2, 1), span(3, 1), span(4, 1), span(1, 1), span(5, 1)}, "2:1 3:1 4:1 5:1", 1, 1},
		{"an evicted span comes again", []spanSpec{span(1, 1), span(2, 1), span(3, 1), span(4, 1), span(5, 1), span(1, 1)}, "3:1 4:1 5:1 1:1", 2, 0},
		{"one trace is too large", []spanSpec{span(1, 1), span(1, 2), span(1, 3), span(1, 4), span(1, 5), span(1, 6)}, "1:6", 5, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			together := newStore(4, DefaultMaxBytes)
			together.putSpans(t, tc.spans...)
			apart := newStore(4, DefaultMaxBytes)
			for _, spec := range tc.spans {
				apart.putSpans(t, spec)
			}
			for _, s := range []*store{together, apart} {
				assert.Equal(t, tc.want, s.inStore())
				counts := s.snapshotCounts().Spans
				received := len(tc.spans)
				assert.Equal(t, received, counts.Received)
				assert.Equal(t, tc.dups, counts.Duplicates)
				assert.Equal(t, tc.evicted, counts.Evicted)
				assert.Equal(t, received-tc.dups, counts.Stored)
				assert.Equal(t, counts.Stored-counts.Evicted, counts.InStore)
				assert.Len(t, s.traces, counts.TracesInStore)
			}
		})
	}
}

func TestEvictionByBytes(t *testing.T) {
	s := newStore(1000, 1<<20)
	large := map[string]any{"db.statement": strings.Repeat("x", 40<<10)}
	for i := range byte(20) {
		s.putSpans(t, spanSpec{trace: i + 1, id: 1, service: "web", attributes: large})
		assert.LessOrEqual(t, s.snapshotCounts().Spans.BytesInStore, int64(640<<10))
	}
	assert.Equal(t, "14:1 15:1 16:1 17:1 18:1 19:1 20:1", s.inStore())

	s.putSpans(t, spanSpec{trace: 99, id: 1, attributes: map[string]any{"huge": strings.Repeat("x", 1<<20)}})
	counts := s.snapshotCounts().Spans
	assert.Zero(t, counts.InStore, "too large for the whole store")
	assert.Zero(t, counts.BytesInStore, "all memory is given back, once")
	assert.Empty(t, s.spans)

	// Shared data counts too.
	td := tracesOf(t, spanSpec{trace: 1, id: 1, service: strings.Repeat("s", 400<<10)})
	s.put(batch{signal: SignalTraces, items: 1, traces: td}, false, 0)
	assert.Zero(t, s.snapshotCounts().Spans.InStore)
}

func TestRingsAreBounded(t *testing.T) {
	s := newStore(10, 8<<20)
	logs := func(n, size int) plog.Logs {
		ld := plog.NewLogs()
		records := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
		for i := range n {
			record := records.AppendEmpty()
			record.Body().SetStr(fmt.Sprint(i, strings.Repeat("x", size)))
		}
		return ld
	}
	s.put(batch{signal: SignalLogs, items: 1500, logs: logs(1500, 0)}, false, 0)
	kept := s.latestLogs(5000)
	require.Len(t, kept, maxRecent)
	assert.Equal(t, "1499", kept[0].record.Body().Str())
	assert.Equal(t, "500", kept[maxRecent-1].record.Body().Str())
	assert.Equal(t, 1500, s.snapshotCounts().Logs.Records)

	s.put(batch{signal: SignalLogs, items: 10, logs: logs(10, 64<<10)}, false, 0)
	assert.Len(t, s.latestLogs(5000), 3, "an eighth of the memory")
	s.put(batch{signal: SignalLogs, items: 1, logs: logs(1, 1<<20)}, false, 0)
	assert.Empty(t, s.latestLogs(5000), "too large for the whole ring")
	assert.Zero(t, s.logs.bytes)

	for range 1500 {
		s.record(Upload{Status: 200})
	}
	assert.Len(t, s.latestUploads(5000), maxRecent)
	assert.Equal(t, 1500, s.snapshotCounts().Uploads.Total)
}

func TestServicesAreBounded(t *testing.T) {
	s := newStore(10, 1<<20)
	for i := range maxServices + 50 {
		s.putSpans(t, spanSpec{trace: 1, id: 1, service: fmt.Sprint("service-", i)})
	}
	s.putSpans(t, spanSpec{trace: 1, id: 1, service: strings.Repeat("s", 1000)})
	services := s.snapshotCounts().Services
	assert.Len(t, services, maxServices+1)
	assert.Equal(t, 51, services[otherServices])
	assert.Equal(t, 1, services["service-0"])
	assert.Equal(t, strings.Repeat("s", 256)+"…", shorten(strings.Repeat("s", 1000)))
}

// TestSnapshotStaysAsItIs changes the store after a snapshot was taken.
func TestSnapshotStaysAsItIs(t *testing.T) {
	s := newStore(3, 1<<20)
	s.putSpans(t, spanSpec{trace: 1, id: 1})
	before := s.snapshot()
	s.putSpans(t, spanSpec{trace: 1, id: 2}, spanSpec{trace: 2, id: 1}, spanSpec{trace: 3, id: 1})
	require.Len(t, before, 1)
	assert.Len(t, before[0].spans, 1)
	assert.Equal(t, spanID(1), before[0].spans[0].span.SpanID())
}

// TestConcurrency uploads, reads and resets concurrently, for the race
// detector. In the end the counters must be consistent.
func TestConcurrency(t *testing.T) {
	s := start(t, func(c *Config) { c.MaxSpans = 50 })
	const senders, uploads = 6, 40
	var wg sync.WaitGroup
	for sender := range senders {
		wg.Go(func() {
			for i := range uploads {
				// The first two senders send the same spans.
				number := byte(max(sender, 1)*uploads + i) //nolint:gosec // below 240
				td := tracesOf(t,
					spanSpec{trace: number, id: 1, service: "web", kind: ptrace.SpanKindClient},
					spanSpec{trace: number, id: 2, parent: 1, service: "app", kind: ptrace.SpanKindServer})
				body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
				if err != nil {
					t.Error(err)
					return
				}
				a, err := s.request(http.MethodPost, TracesPath, body, header{"Authorization": privateAuth, "Content-Type": typeProtobuf})
				if err != nil {
					t.Error(err)
					return
				}
				assert.Equal(t, 200, a.status)
			}
		})
	}
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for _, path := range []string{
		"/api/v1/traces", "/api/v1/topology", "/api/v1/counts", "/api/v1/uploads", "/api/v1/faults",
		"/api/v1/traces/" + traceID(41).String(),
	} {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				a, err := s.request(http.MethodGet, path, nil, nil)
				if err != nil {
					t.Error(err)
					return
				}
				assert.True(t, json.Valid(a.body))
			}
		})
	}
	readers.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			_, err := s.server.AddFault(Fault{Delay: Duration(time.Microsecond), Times: 1})
			if err != nil {
				t.Error(err)
				return
			}
			if err = s.server.SetKeys("", fmt.Sprint("public-", i)); err != nil {
				t.Error(err)
			}
			s.server.ClearFaults()
		}
	})
	wg.Wait()
	close(stop)
	readers.Wait()

	counts := s.server.Counts()
	assert.Equal(t, senders*uploads, counts.Uploads.Total)
	assert.Equal(t, 2*senders*uploads, counts.Spans.Received)
	assert.Equal(t, counts.Spans.Received, counts.Spans.Stored+counts.Spans.Duplicates)
	assert.Equal(t, counts.Spans.Stored-counts.Spans.Evicted, counts.Spans.InStore)
	assert.LessOrEqual(t, counts.Spans.InStore, 50)
	assert.Equal(t, senders*uploads, counts.Services["web"])
}

func TestRejectionsAreLoggedWithoutAFlood(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	now := time.Unix(1000, 0)
	l := newUploadLog(zap.New(core))
	l.now = func() time.Time { return now }
	count := func(message string) int { return logs.FilterMessage(message).Len() }
	bad := Upload{Signal: SignalTraces, Status: 401, Error: "wrong key"}
	good := Upload{Signal: SignalTraces, Status: 200}

	for range 100 {
		l.rejected(bad, "key_unknown")
	}
	assert.Equal(t, 1, count("upload rejected"), "one line for a run")
	l.rejected(bad, "key_missing")
	assert.Equal(t, 2, count("upload rejected"), "another reason is another run")

	now = now.Add(reminderInterval)
	l.rejected(bad, "key_unknown")
	require.Equal(t, 3, count("upload rejected"), "a reminder")
	assert.Equal(t, int64(99), logs.All()[2].ContextMap()["unlogged_before"])

	l.accepted(Upload{Signal: SignalLogs}, nil)
	assert.Zero(t, count("uploads are accepted again"), "another signal")
	l.accepted(good, nil)
	require.Equal(t, 1, count("uploads are accepted again"))
	assert.Equal(t, int64(102), logs.All()[3].ContextMap()["rejected_before"])
	l.accepted(good, nil)
	assert.Equal(t, 1, count("uploads are accepted again"))

	// A good and a bad sender alternate.
	for range 1000 {
		now = now.Add(10 * time.Millisecond)
		l.rejected(bad, "key_unknown")
		l.accepted(good, nil)
	}
	assert.InDelta(t, 13, count("upload rejected"), 1, "about one a second")
	assert.InDelta(t, 11, count("uploads are accepted again"), 1)

	// A wrong path belongs to no signal.
	now = now.Add(time.Minute)
	before := count("uploads are accepted again")
	l.rejected(Upload{Status: 404}, "path")
	l.accepted(Upload{Signal: SignalMetrics}, nil)
	assert.Equal(t, before+1, count("uploads are accepted again"))
}

func TestSeenServicesAreBounded(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	l := newUploadLog(zap.New(core))
	for i := range maxServices + 10 {
		l.accepted(Upload{Signal: SignalTraces}, []string{strconv.Itoa(i)})
	}
	assert.Equal(t, maxServices, logs.FilterMessage("first upload").Len())
}

// databaseSpans is a request of n spans as a database client sends them.
func databaseSpans(n int) ptrace.Traces {
	td := ptrace.NewTraces()
	resource := td.ResourceSpans().AppendEmpty()
	for key, value := range map[string]string{
		"service.name": "stayeasy", "service.version": "1.0.0", "telemetry.sdk.language": "python", "telemetry.sdk.name": "opentelemetry",
		"telemetry.sdk.version": "1.40.0", "host.name": "laptop", "os.type": "linux", "process.pid": "4711",
	} {
		resource.Resource().Attributes().PutStr(key, value)
	}
	spans := resource.ScopeSpans().AppendEmpty().Spans()
	for i := range n {
		span := spans.AppendEmpty()
		var id [16]byte
		binary.BigEndian.PutUint64(id[8:], uint64(i/5+1))
		span.SetTraceID(id)
		var short pcommon.SpanID
		binary.BigEndian.PutUint64(short[:], uint64(i+1))
		span.SetSpanID(short)
		span.SetParentSpanID(spanID(1))
		span.SetKind(ptrace.SpanKindClient)
		span.SetName("SELECT bookings")
		span.SetStartTimestamp(millis(i))
		span.SetEndTimestamp(millis(i + 3))
		attributes := span.Attributes()
		attributes.PutStr("db.system", "oracle")
		attributes.PutStr("db.statement", "SELECT b.id, b.guest, b.room FROM bookings b WHERE b.hotel_id = :1 AND b.day BETWEEN :2 AND :3")
		attributes.PutStr("db.operation", "SELECT")
		attributes.PutStr("db.name", "stayeasy")
		attributes.PutStr("peer.service", "oracle-adb")
		attributes.PutStr("server.address", "adb.eu-frankfurt-1.oraclecloud.com")
		attributes.PutInt("server.port", 1522)
		attributes.PutStr("DbOracleSqlId", "8aum8b7h7d1vt")
	}
	return td
}

// TestMemoryEstimate compares the estimate with the heap: it must not be lower,
// and not several times as high.
func TestMemoryEstimate(t *testing.T) {
	s := newStore(1_000_000, 1<<30)
	body, err := ptraceotlp.NewExportRequestFromTraces(databaseSpans(100)).MarshalProto()
	require.NoError(t, err)
	heap := func() int64 {
		runtime.GC()
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return int64(stats.HeapAlloc) //nolint:gosec // far below
	}
	before := heap()
	var number uint64
	for range 200 {
		b, err := decode(SignalTraces, protobufEncoding, body)
		require.NoError(t, err)
		for _, span := range b.traces.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
			number++
			var id pcommon.TraceID
			binary.BigEndian.PutUint64(id[:], number/5+1)
			span.SetTraceID(id)
		}
		s.put(b, false, 0)
	}
	used := heap() - before
	counts := s.snapshotCounts().Spans
	require.Equal(t, 20_000, counts.InStore)
	t.Logf("%d bytes a span on the heap, estimated %d", used/20_000, counts.BytesInStore/20_000)
	assert.LessOrEqual(t, used, counts.BytesInStore)
	assert.GreaterOrEqual(t, 3*used, counts.BytesInStore)
}

func TestDropFirstAcrossResources(t *testing.T) {
	td := tracesOf(t, spanSpec{trace: 1, id: 1}, spanSpec{trace: 1, id: 2}, spanSpec{trace: 1, id: 3})
	b := batch{signal: SignalTraces, items: 3, traces: td}
	assert.Equal(t, 2, b.dropFirst(2))
	assert.Equal(t, 1, td.SpanCount())
	assert.Equal(t, spanID(3), td.ResourceSpans().At(2).ScopeSpans().At(0).Spans().At(0).SpanID())

	logs := someLogs()
	lb := batch{signal: SignalLogs, items: 2, logs: logs.Logs()}
	assert.Equal(t, 1, lb.dropFirst(1))
	assert.Equal(t, 1, plogotlp.NewExportRequestFromLogs(lb.logs).Logs().LogRecordCount())
}
