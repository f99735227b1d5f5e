// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/protobuf/encoding/protowire"
)

// nested returns a trace request whose only attribute is an array with the
// given depth.
func nested(levels int) []byte {
	var body []byte
	wrap := func(field protowire.Number) {
		outer := protowire.AppendTag(nil, field, protowire.BytesType)
		outer = protowire.AppendVarint(outer, uint64(len(body)))
		body = append(outer, body...)
	}
	for range levels {
		wrap(1)
		wrap(5)
	}
	for _, field := range []protowire.Number{2, 9, 2, 2, 1} {
		wrap(field)
	}
	return body
}

func TestHostileBodies(t *testing.T) {
	empties := func(n int) []byte {
		spans := bytes.Repeat([]byte{0x12, 0x00}, n)
		scope := protowire.AppendBytes(protowire.AppendTag(nil, 2, protowire.BytesType), spans)
		return protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), scope)
	}
	for _, tc := range []struct {
		name        string
		contentType string
		body        []byte
		status      int
		message     string
	}{
		{"deep enough", typeProtobuf, nested(maxValueDepth), 200, ""},
		{"too deep", typeProtobuf, nested(10 * maxValueDepth), 400, "nested"},
		{"too deep in JSON", typeJSON, []byte(`{"x":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + "}"), 400, "not a JSON object"},
		{"millions of empty spans", typeProtobuf, empties(maxMessages), 413, "messages in one upload"},
		{"millions of empty spans in JSON", typeJSON, []byte(`{"resourceSpans":[` + strings.Repeat("{},", maxMessages) + `{}]}`), 413, "messages in one upload"},
		{"zeros", typeProtobuf, make([]byte, 1000), 400, "not an OTLP"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t)
			a := s.do(http.MethodPost, TracesPath, tc.body, header{"Authorization": privateAuth, "Content-Type": tc.contentType})
			assert.Equal(t, tc.status, a.status)
			assert.Contains(t, string(a.body), tc.message)
		})
	}
}

// TestGuardFindsEveryValue puts a value that is too deep into every place where
// a value can be.
func TestGuardFindsEveryValue(t *testing.T) {
	deep := nested(1000)
	// The value itself, without the five levels around it.
	for range 5 {
		_, _, n := protowire.ConsumeTag(deep)
		value, _ := protowire.ConsumeBytes(deep[n:])
		deep = value
	}
	attribute := protowire.AppendBytes(protowire.AppendTag(nil, 2, protowire.BytesType), deep)
	lists := append([]byte(nil), deep...)
	for range 200 {
		pair := protowire.AppendBytes(protowire.AppendTag(nil, 2, protowire.BytesType), lists)
		list := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), pair)
		lists = protowire.AppendBytes(protowire.AppendTag(nil, 6, protowire.BytesType), list)
	}
	for _, tc := range []struct {
		name   string
		signal Signal
		value  []byte
		path   []protowire.Number
	}{
		{"resource of traces", SignalTraces, attribute, []protowire.Number{1, 1, 1}},
		{"scope of traces", SignalTraces, attribute, []protowire.Number{1, 2, 1, 3}},
		{"span", SignalTraces, attribute, []protowire.Number{1, 2, 2, 9}},
		{"key value lists", SignalTraces, lists, []protowire.Number{1, 2, 2, 9, 2}},
		{"event", SignalTraces, attribute, []protowire.Number{1, 2, 2, 11, 3}},
		{"link", SignalTraces, attribute, []protowire.Number{1, 2, 2, 13, 4}},
		{"resource of metrics", SignalMetrics, attribute, []protowire.Number{1, 1, 1}},
		{"metadata", SignalMetrics, attribute, []protowire.Number{1, 2, 2, 12}},
		{"gauge", SignalMetrics, attribute, []protowire.Number{1, 2, 2, 5, 1, 7}},
		{"gauge exemplar", SignalMetrics, attribute, []protowire.Number{1, 2, 2, 5, 1, 5, 7}},
		{"sum", SignalMetrics, attribute, []protowire.Number{1, 2, 2, 7, 1, 7}},
		{"histogram", SignalMetrics, attribute, []protowire.Number{1, 2, 2, 9, 1, 9}},
		{"histogram exemplar", SignalMetrics, attribute, []protowire.Number{1, 2, 2, 9, 1, 8, 7}},
		{"exponential histogram", SignalMetrics, attribute, []protowire.Number{1, 2, 2, 10, 1, 1}},
		{"exponential exemplar", SignalMetrics, attribute, []protowire.Number{1, 2, 2, 10, 1, 11, 7}},
		{"summary", SignalMetrics, attribute, []protowire.Number{1, 2, 2, 11, 1, 7}},
		{"body of a log record", SignalLogs, deep, []protowire.Number{1, 2, 2, 5}},
		{"log record", SignalLogs, attribute, []protowire.Number{1, 2, 2, 6}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			body := tc.value
			for i := len(tc.path) - 1; i >= 0; i-- {
				body = protowire.AppendBytes(protowire.AppendTag(nil, tc.path[i], protowire.BytesType), body)
			}
			_, err := decode(tc.signal, protobufEncoding, body)
			assert.ErrorIs(t, err, errTooDeep)
		})
	}
}

func TestGuardLetsRealDataPass(t *testing.T) {
	require.NoError(t, guardProto(SignalTraces, protoOf(t, oneSpan(t))))
	require.NoError(t, guardProto(SignalMetrics, protoOf(t, someMetrics())))
	require.NoError(t, guardProto(SignalLogs, protoOf(t, someLogs())))
	// Fields of later versions, with every wire type.
	unknown := protowire.AppendVarint(protowire.AppendTag(nil, 99, protowire.VarintType), 1)
	unknown = protowire.AppendFixed32(protowire.AppendTag(unknown, 98, protowire.Fixed32Type), 1)
	unknown = protowire.AppendFixed64(protowire.AppendTag(unknown, 97, protowire.Fixed64Type), 1)
	unknown = protowire.AppendBytes(protowire.AppendTag(unknown, 96, protowire.BytesType), []byte{0xff})
	require.NoError(t, guardProto(SignalTraces, unknown))
}

func TestSpansWithoutIDs(t *testing.T) {
	s := start(t)
	td := tracesOf(t,
		spanSpec{trace: 1, id: 1, service: "web"},
		spanSpec{trace: 0, id: 2, service: "web"},
		spanSpec{trace: 1, id: 0, service: "web"})
	a := s.uploadTraces(td)
	require.Equal(t, http.StatusOK, a.status)
	response := ptraceotlp.NewExportResponse()
	require.NoError(t, response.UnmarshalProto(a.body))
	assert.Equal(t, int64(2), response.PartialSuccess().RejectedSpans())
	assert.Equal(t, "2 spans have no trace id or no span id", response.PartialSuccess().ErrorMessage())
	counts := s.server.Counts().Spans
	assert.Equal(t, 3, counts.Received)
	assert.Equal(t, 1, counts.Stored)
	assert.Equal(t, 2, counts.Rejected)
	assert.Equal(t, 2, s.server.Uploads()[0].Rejected)
}

// FuzzUpload decodes and stores arbitrary bodies of every signal. The counters
// must be consistent, and stored data must be shown as JSON.
func FuzzUpload(f *testing.F) {
	td := ptrace.NewTraces()
	td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty().SetTraceID(traceID(1))
	traces, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	require.NoError(f, err)
	metrics, err := someMetrics().MarshalProto()
	require.NoError(f, err)
	logs, err := someLogs().MarshalJSON()
	require.NoError(f, err)
	f.Add(0, false, traces)
	f.Add(1, false, metrics)
	f.Add(2, true, logs)
	f.Add(0, true, []byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{}]}]}]}`))
	f.Fuzz(func(t *testing.T, signal int, isJSON bool, body []byte) {
		enc := protobufEncoding
		if isJSON {
			enc = jsonEncoding
		}
		b, err := decode(signals[((signal%3)+3)%3], enc, body)
		if err != nil {
			return
		}
		st := newStore(10, 1<<20)
		items := b.items
		out := st.put(b, false, 1)
		if items > 0 && out.rejected != 1 {
			t.Fatalf("rejected %d of %d items", out.rejected, items)
		}
		counts := st.snapshotCounts().Spans
		if counts.Received != counts.Stored+counts.Duplicates+counts.Rejected {
			t.Fatalf("counts do not add up: %+v", counts)
		}
		for _, trace := range st.snapshot() {
			encodes(t, renderTrace(trace))
			encodes(t, summarize(trace))
		}
		encodes(t, topologyOf(st.snapshot(), timeRange{}))
		for _, metric := range st.latestMetrics(maxRecent) {
			encodes(t, renderMetric(metric))
		}
		for _, record := range st.latestLogs(maxRecent) {
			encodes(t, renderLog(record))
		}
	})
}
