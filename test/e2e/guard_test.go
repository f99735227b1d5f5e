// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	grpcgzip "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// Requests that would overflow the stack of an unguarded collector, or take gigabytes,
// are rejected over every protocol and harm no one else.
func TestNestedRequestsAreRefused(t *testing.T) {
	const refusal = "attribute values are nested more than 64 deep; the collector's otlp_guard rejects them"
	sandbox := harness.StartSandbox(t)
	collector := harness.StartCollector(t, harness.CollectorOptions{Endpoint: sandbox.URL, DataKey: harness.PrivateKey})
	conn, err := grpc.NewClient(collector.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })

	for name, body := range map[string][]byte{"65 levels": nestedArrays(65), "14 MiB": nestedArrays(1_500_000)} {
		t.Run("protobuf/"+name, func(t *testing.T) {
			code, answer := post(t, collector, "application/x-protobuf", body)
			assert.Equal(t, http.StatusBadRequest, code)
			said := &spb.Status{}
			require.NoError(t, proto.Unmarshal(answer, said))
			assert.Equal(t, refusal, said.GetMessage())
		})
		for _, compressor := range []string{encoding.Identity, grpcgzip.Name} {
			t.Run("grpc/"+compressor+"/"+name, func(t *testing.T) {
				err := conn.Invoke(t.Context(), "/opentelemetry.proto.collector.trace.v1.TraceService/Export", body, &spb.Status{},
					grpc.UseCompressor(compressor), grpc.ForceCodecV2(rawCodec{}))
				assert.Equal(t, codes.InvalidArgument, status.Code(err), "%v", err)
				assert.Equal(t, refusal, status.Convert(err).Message())
			})
		}
	}
	t.Run("json", func(t *testing.T) {
		body := `{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{"key":"deep","value":` +
			strings.Repeat(`{"arrayValue":{"values":[`, 500_000)
		code, answer := post(t, collector, "application/json", []byte(body))
		assert.Equal(t, http.StatusBadRequest, code)
		said := &spb.Status{}
		require.NoError(t, protojson.Unmarshal(answer, said))
		assert.Equal(t, refusal, said.GetMessage())
	})

	// An ordinary app is served as usual, also with nested values.
	td := databaseSpan(1)
	deep := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().PutEmpty("deep")
	for range 10 {
		deep = deep.SetEmptySlice().AppendEmpty()
	}
	deep.SetStr("bottom")
	newOTLPClient(t, collector.GRPC).send(t, td)
	sandbox.AwaitSpans(t, 1)
	value := pcommon.NewValueEmpty()
	require.NoError(t, value.FromRaw(sandbox.Spans(t)[0].Attributes["deep"]))
	assert.Equal(t, strings.Repeat("[", 10)+`"bottom"`+strings.Repeat("]", 10), value.AsString())

	if peak := collector.PeakMemory(); peak > 0 { // known on Linux only
		t.Logf("peak memory: %d MiB", peak>>20)
		assert.Less(t, peak, int64(300<<20))
	}
	metrics := page(t, "http://"+collector.Metrics+"/metrics")
	for _, count := range []string{`protocol="grpc"`, `protocol="http_protobuf"`, `protocol="http_json"`} {
		assert.Regexp(t, `otelcol_extension_otlp_guard_refused_requests[^\n]*`+count, metrics)
	}
}

// nestedArrays is an export request of one span with an attribute of nested arrays.
func nestedArrays(levels int) []byte {
	var reversed []byte // because each length precedes its content
	wrap := func(fields ...protowire.Number) {
		for _, number := range fields {
			length := protowire.AppendVarint(nil, uint64(len(reversed)))
			slices.Reverse(length)
			reversed = append(append(reversed, length...), byte(protowire.EncodeTag(number, protowire.BytesType))) //nolint:gosec // below 128
		}
	}
	for range levels {
		wrap(1, 5) // a value of an array that is a value
	}
	wrap(2, 9, 2, 2, 1)
	slices.Reverse(reversed)
	return reversed
}

func post(t *testing.T, collector *harness.Collector, contentType string, body []byte) (int, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+collector.HTTP+"/v1/traces", bytes.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", contentType)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, answer
}

// rawCodec sends bytes as they are.
type rawCodec struct{}

// Name is protobuf's name, because the bytes are protobuf.
func (rawCodec) Name() string { return "proto" }

// Marshal returns the bytes of the message.
func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}

// Unmarshal discards the response.
func (rawCodec) Unmarshal(mem.BufferSlice, any) error { return nil }
