// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpscan

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/pprofile/pprofileotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

type request interface {
	UnmarshalProto([]byte) error
	UnmarshalJSON([]byte) error
}

func newRequest(signal Signal) request {
	return map[Signal]func() request{
		Traces:   func() request { return ptraceotlp.NewExportRequest() },
		Metrics:  func() request { return pmetricotlp.NewExportRequest() },
		Logs:     func() request { return plogotlp.NewExportRequest() },
		Profiles: func() request { return pprofileotlp.NewExportRequest() },
	}[signal]()
}

// taken returns how much memory decode leaves in use, and how much it allocates
// in total, garbage included.
func taken(decode func()) (live, total int64) {
	var before, after, collected runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	decode()
	runtime.ReadMemStats(&after)
	runtime.GC()
	runtime.ReadMemStats(&collected)
	return int64(collected.HeapAlloc) - int64(before.HeapAlloc), int64(after.TotalAlloc - before.TotalAlloc) //nolint:gosec // a test's
}

// noise is memory that the runtime takes in addition to the decoder.
const noise = 64 << 10

// assertCovered fails unless the memory that the decoder leaves in use is at
// most the estimate, and its total allocation at most four times the estimate.
func assertCovered(t *testing.T, estimate int64, decode func()) {
	t.Helper()
	live, total := taken(decode)
	assert.LessOrEqual(t, live, estimate+noise, "in use, and the estimate")
	assert.LessOrEqual(t, total, 4*estimate+noise, "taken, and four times the estimate")
}

func estimateProto(signal Signal, body []byte) int64 {
	s := NewProtoScanner(signal, Limits{Depth: MaxDepth})
	s.Scan(body)
	return s.Size()
}

func estimateJSON(body []byte) int64 {
	s := NewJSONScanner(Limits{Depth: MaxDepth})
	s.Scan(body)
	return s.Size()
}

// The shortest encoding of everything that a request can repeat.
func TestEstimateCoversWhatIsRepeated(t *testing.T) {
	const times = 50_000
	empty := func(tag ...byte) []byte { return bytes.Repeat(append(tag, 0), times) }
	tests := []struct {
		name   string
		signal Signal
		body   []byte
	}{
		{"resources", Traces, empty(0x0a)},
		{"scopes", Traces, at(empty(0x12), 1)},
		{"deprecated scopes", Traces, at(empty(0xc2, 0x3e), 1)},
		{"spans", Traces, at(empty(0x12), 1, 2)},
		{"attributes", Traces, at(empty(0x4a), 1, 2, 2)},
		{"attributes of one byte", Traces, at(bytes.Repeat([]byte{0x4a, 3, 0x0a, 1, 'a'}, times), 1, 2, 2)},
		{"attributes with a number", Traces, at(bytes.Repeat([]byte{0x4a, 4, 0x12, 2, 0x18, 1}, times), 1, 2, 2)},
		{"attributes with a string", Traces, at(bytes.Repeat([]byte{0x4a, 5, 0x12, 3, 0x0a, 1, 'a'}, times), 1, 2, 2)},
		{"attributes with an array", Traces, at(bytes.Repeat([]byte{0x4a, 4, 0x12, 2, 0x2a, 0}, times), 1, 2, 2)},
		{"attributes with a list", Traces, at(bytes.Repeat([]byte{0x4a, 4, 0x12, 2, 0x32, 0}, times), 1, 2, 2)},
		{"elements", Traces, at(empty(0x0a), 1, 2, 2, 9, 2, 5)},
		{"elements with a number", Traces, at(bytes.Repeat([]byte{0x0a, 2, 0x18, 1}, times), 1, 2, 2, 9, 2, 5)},
		{"pairs", Traces, at(empty(0x0a), 1, 2, 2, 9, 2, 6)},
		{"events", Traces, at(empty(0x5a), 1, 2, 2)},
		{"links", Traces, at(empty(0x6a), 1, 2, 2)},
		{"entities", Traces, at(empty(0x1a), 1, 1)},
		{"keys of an entity", Traces, at(empty(0x1a), 1, 1, 3)},
		{"metrics", Metrics, at(empty(0x12), 1, 2)},
		{"gauges", Metrics, at(empty(0x2a), 1, 2, 2)},
		{"metrics with a sum", Metrics, at(bytes.Repeat([]byte{0x12, 2, 0x3a, 0}, times), 1, 2)},
		{"numbers", Metrics, at(empty(0x0a), 1, 2, 2, 5)},
		{"histogram points", Metrics, at(empty(0x0a), 1, 2, 2, 9)},
		{"exponential points", Metrics, at(empty(0x0a), 1, 2, 2, 10)},
		{"summary points", Metrics, at(empty(0x0a), 1, 2, 2, 11)},
		{"quantiles", Metrics, at(empty(0x32), 1, 2, 2, 11, 1)},
		{"exemplars", Metrics, at(empty(0x2a), 1, 2, 2, 5, 1)},
		{"bucket counts", Metrics, at(make([]byte, 8*times), 1, 2, 2, 9, 1, 6)},
		{"bucket counts one by one", Metrics, at(bytes.Repeat(append([]byte{0x31}, make([]byte, 8)...), times), 1, 2, 2, 9, 1)},
		{"exponential buckets", Metrics, at(make([]byte, times), 1, 2, 2, 10, 1, 8, 2)},
		{"exponential buckets one by one", Metrics, at(empty(0x10), 1, 2, 2, 10, 1, 9)},
		{"log records", Logs, at(empty(0x12), 1, 2)},
		{"log records with a body", Logs, at(bytes.Repeat([]byte{0x12, 4, 0x2a, 2, 0x18, 1}, times), 1, 2)},
		{"profiles", Profiles, at(empty(0x12), 1, 2)},
		{"samples", Profiles, at(empty(0x12), 1, 2, 2)},
		{"values of a sample", Profiles, at(make([]byte, times), 1, 2, 2, 2, 4)},
		{"attributes of a profile", Profiles, at(make([]byte, times), 1, 2, 2, 11)},
		{"mappings", Profiles, at(empty(0x0a), 2)},
		{"locations", Profiles, at(empty(0x12), 2)},
		{"lines", Profiles, at(empty(0x1a), 2, 2)},
		{"functions", Profiles, at(empty(0x1a), 2)},
		{"links of profiles", Profiles, at(empty(0x22), 2)},
		{"strings", Profiles, at(empty(0x2a), 2)},
		{"attribute table", Profiles, at(empty(0x32), 2)},
		{"stacks", Profiles, at(empty(0x3a), 2)},
		{"frames of a stack", Profiles, at(make([]byte, times), 2, 7, 1)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRequest(tt.signal)
			assertCovered(t, estimateProto(tt.signal, tt.body), func() { require.NoError(t, r.UnmarshalProto(tt.body)) })
			runtime.KeepAlive(r)
		})
	}
}

func TestEstimateCoversJSON(t *testing.T) {
	const times = 50_000
	spans := func(inner string) string { return `{"resourceSpans":[{"scopeSpans":[{"spans":[` + inner + `]}]}]}` }
	points := func(inner string) string {
		return `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[` + inner + `]}]}]}`
	}
	many := func(element string) string { return strings.TrimSuffix(strings.Repeat(element+",", times), ",") }
	tests := []struct {
		name   string
		signal Signal
		body   string
	}{
		{"resources", Traces, `{"resourceSpans":[` + many("{}") + `]}`},
		{"nulls", Traces, `{"resource_spans":[` + many("null") + `]}`},
		{"scopes", Traces, `{"resourceSpans":[{"scopeSpans":[` + many("{}") + `]}]}`},
		{"spans", Traces, spans(many("{}"))},
		{"attributes", Traces, spans(`{"attributes":[` + many("{}") + `]}`)},
		{"attributes with a string", Traces, spans(`{"attributes":[` + many(`{"value":{"stringValue":"a"}}`) + `]}`)},
		{"elements", Traces, spans(`{"attributes":[{"value":{"arrayValue":{"values":[` + many("{}") + `]}}}]}`)},
		{"pairs", Traces, spans(`{"attributes":[{"value":{"kvlistValue":{"values":[` + many("{}") + `]}}}]}`)},
		{"events", Traces, spans(`{"events":[` + many("{}") + `]}`)},
		{"links", Traces, spans(`{"links":[` + many("{}") + `]}`)},
		{"metrics", Metrics, points(many("{}"))},
		{"gauges", Metrics, points(many(`{"gauge":{}}`))},
		{"numbers", Metrics, points(`{"sum":{"dataPoints":[` + many("{}") + `]}}`)},
		{"histogram points", Metrics, points(`{"histogram":{"dataPoints":[` + many("{}") + `]}}`)},
		{"exponential points", Metrics, points(`{"exponential_histogram":{"data_points":[` + many("{}") + `]}}`)},
		{"bucket counts", Metrics, points(`{"histogram":{"dataPoints":[{"bucketCounts":[` + many("1") + `]}]}}`)},
		{"bounds", Metrics, points(`{"histogram":{"dataPoints":[{"explicitBounds":[` + many("0.5") + `]}]}}`)},
		{"exemplars", Metrics, points(`{"histogram":{"dataPoints":[{"exemplars":[` + many("{}") + `]}]}}`)},
		{"log records", Logs, `{"resourceLogs":[{"scopeLogs":[{"logRecords":[` + many("{}") + `]}]}]}`},
		{"strings", Profiles, `{"dictionary":{"stringTable":[` + many(`""`) + `]}}`},
		{"stacks", Profiles, `{"dictionary":{"stackTable":[` + many(`{}`) + `]}}`},
		{"samples", Profiles, `{"resourceProfiles":[{"scopeProfiles":[{"profiles":[{"samples":[` + many(`{}`) + `]}]}]}]}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRequest(tt.signal)
			assertCovered(t, estimateJSON([]byte(tt.body)), func() { require.NoError(t, r.UnmarshalJSON([]byte(tt.body))) })
			runtime.KeepAlive(r)
		})
	}
}

// JSON that pdata rejects in the end, but creates messages from until then.
func TestEstimateCoversBrokenJSON(t *testing.T) {
	const times = 50_000
	commas := strings.Repeat(",", times)
	tests := map[string]string{
		"commas":             `{"resourceSpans":[{"scopeSpans":[{"spans":[` + commas + `]}]}]}`,
		"commas in a string": `{"resourceSpans":[{"scopeSpans":[{"spans":["` + commas + `"]}]}]}`,
		"a string for a list, then a list in a string": `{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":["],"attributes":[` +
			strings.Repeat("{},", times) + `{}]}]}]}]}`,
		"a number out of range": `{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":1.55,"]":",` + commas + `"}]}]}]}`,
		"an empty name":         `{"resourceSpans":[{"":["` + commas + `"]}]}`,
		"an escape in an id":    `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"\",\"events\":[` + commas + `"}]}]}]}`,
		"an invalid escape":     `{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"\x` + commas + `"}]}]}]}`,
	}
	for name, body := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRequest(Traces)
			assertCovered(t, estimateJSON([]byte(body)), func() { _ = r.UnmarshalJSON([]byte(body)) })
			runtime.KeepAlive(r)
		})
	}
}

func TestEstimateCoversRandomRequests(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for valid := 0; valid < 60; {
		signal := Signals()[random.IntN(len(Signals()))]
		budget := 20
		part := randomMessage(random, tracesRequest+kind(signal), &budget)
		if len(part) == 0 || newRequest(signal).UnmarshalProto(part) != nil {
			continue
		}
		valid++
		body := bytes.Repeat(part, 1+2*noise/len(part))
		r := newRequest(signal)
		assertCovered(t, estimateProto(signal, body), func() { require.NoError(t, r.UnmarshalProto(body)) })
		runtime.KeepAlive(r)
	}
}

// An estimate that is much too high would reject legitimate requests.
func TestEstimateIsNotFarTooHigh(t *testing.T) {
	body := typicalTraces(1000)
	r := ptraceotlp.NewExportRequest()
	live, _ := taken(func() { require.NoError(t, r.UnmarshalProto(body)) })
	assert.Less(t, estimateProto(Traces, body), 2*live)
	inJSON, err := r.MarshalJSON()
	require.NoError(t, err)
	assert.Less(t, estimateJSON(inJSON), 3*live) // most of it is the text itself
}
