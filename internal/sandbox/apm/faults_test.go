// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/faults"
)

func TestStatusFaults(t *testing.T) {
	for _, status := range []int{300, 307, 400, 401, 403, 404, 408, 413, 429, 500, 501, 502, 503, 504, 599} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			s := start(t)
			state := s.fault(`{"status":` + strconv.Itoa(status) + `,"retry_after":"Wed, 21 Oct 2026 07:28:00 GMT","message":"as ordered","times":1}`)
			assert.Equal(t, "1", state.ID)

			a := s.upload(TracesPath, protoOf(t, oneSpan(t)))
			assert.Equal(t, status, a.status)
			assert.Equal(t, "Wed, 21 Oct 2026 07:28:00 GMT", a.header.Get("Retry-After"))
			var body spb.Status
			require.NoError(t, proto.Unmarshal(a.body, &body))
			assert.Equal(t, "as ordered", body.GetMessage())
			assert.Positive(t, body.GetCode())
			counts := s.server.Counts()
			assert.Equal(t, SpanCounts{Received: 1, Rejected: 1}, counts.Spans)
			u := s.server.Uploads()[0]
			assert.Equal(t, "1", u.Fault)
			assert.Equal(t, 1, u.Rejected)
			assert.Equal(t, 1, u.Items)

			assert.Empty(t, s.server.Faults())
			a = s.upload(TracesPath, protoOf(t, oneSpan(t)))
			assert.Equal(t, http.StatusOK, a.status)
			assert.Equal(t, 1, s.server.Counts().Spans.Stored)
		})
	}
}

// A page is not an answer of APM, whatever its status, and nothing is stored.
func TestPageFault(t *testing.T) {
	for fault, want := range map[string]int{`{"page":"<html>sign in</html>"}`: 200, `{"page":"<html>sign in</html>","status":407}`: 407} {
		s := start(t)
		s.fault(fault)
		a := s.upload(TracesPath, protoOf(t, oneSpan(t)))
		assert.Equal(t, want, a.status)
		assert.Equal(t, "text/html; charset=utf-8", a.header.Get("Content-Type"))
		assert.Equal(t, "<html>sign in</html>", string(a.body))
		assert.Equal(t, SpanCounts{Received: 1, Rejected: 1}, s.server.Counts().Spans)
	}
}

func TestFaultMeetsItsSignalAndItsTimes(t *testing.T) {
	s := start(t)
	s.fault(`{"signal":"metrics","status":500,"times":2}`)
	s.fault(`{"status":503}`)
	metrics := protoOf(t, someMetrics())
	logs := protoOf(t, someLogs())

	assert.Equal(t, 503, s.upload(LogsPath, logs).status, "the fault for metrics does not apply")
	assert.Equal(t, 500, s.upload(MetricsPath, metrics).status, "the oldest one")
	remaining := s.server.Faults()
	require.Len(t, remaining, 2)
	require.NotNil(t, remaining[0].Remaining)
	assert.Equal(t, 1, *remaining[0].Remaining)
	assert.Equal(t, 1, remaining[0].Applied)
	assert.Nil(t, remaining[1].Remaining)
	assert.Equal(t, 1, remaining[1].Applied)

	a := s.do(http.MethodPost, MetricsPath, metrics, header{"Authorization": publicAuth, "Content-Type": typeProtobuf})
	assert.Equal(t, 403, a.status, "a fault applies only to uploads that would have been accepted")
	assert.Equal(t, 500, s.upload(MetricsPath, metrics).status)
	assert.Equal(t, 503, s.upload(MetricsPath, metrics).status, "the first is used up")
	assert.Equal(t, MetricCounts{DataPoints: 15, Rejected: 15}, s.server.Counts().Metrics)
	assert.Equal(t, LogCounts{Records: 2, Rejected: 2}, s.server.Counts().Logs)

	assert.Equal(t, 1, s.server.ClearFaults())
	assert.Equal(t, 200, s.upload(MetricsPath, metrics).status)
}

func TestFaultInJSON(t *testing.T) {
	s := start(t)
	s.fault(`{"status":429}`)
	a := s.do(http.MethodPost, TracesPath, []byte("{}"), header{"Authorization": privateAuth, "Content-Type": typeJSON})
	assert.Equal(t, 429, a.status)
	assert.JSONEq(t, `{"code":8,"message":"fault 1 of the sandbox"}`, string(a.body))
	assert.Empty(t, a.header.Get("Retry-After"))
}

func TestRedirectFault(t *testing.T) {
	for _, status := range []int{0, 301, 302, 303, 307, 308} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			s := start(t)
			s.fault(`{"redirect":"https://apm.example.com/elsewhere","status":` + strconv.Itoa(status) + `}`)
			a := s.upload(TracesPath, protoOf(t, oneSpan(t)))
			want := status
			if want == 0 {
				want = http.StatusTemporaryRedirect
			}
			assert.Equal(t, want, a.status)
			assert.Equal(t, "https://apm.example.com/elsewhere", a.header.Get("Location"))
			assert.Zero(t, s.server.Counts().Spans.Stored)
		})
	}
}

func TestPartialSuccessFault(t *testing.T) {
	traces := func() otlpMessage {
		return ptraceotlp.NewExportRequestFromTraces(tracesOf(t,
			spanSpec{trace: 1, id: 1, service: "web"}, spanSpec{trace: 1, id: 2, service: "web"}, spanSpec{trace: 1, id: 3, service: "web"}))
	}
	rejected := func(signal Signal, enc encoding, body []byte) (n int64, message string) {
		var reply otlpMessage
		tr, mr, lr := ptraceotlp.NewExportResponse(), pmetricotlp.NewExportResponse(), plogotlp.NewExportResponse()
		reply = map[Signal]otlpMessage{SignalTraces: tr, SignalMetrics: mr, SignalLogs: lr}[signal]
		if enc == jsonEncoding {
			require.NoError(t, reply.UnmarshalJSON(body))
		} else {
			require.NoError(t, reply.UnmarshalProto(body))
		}
		return tr.PartialSuccess().RejectedSpans() + mr.PartialSuccess().RejectedDataPoints() + lr.PartialSuccess().RejectedLogRecords(),
			tr.PartialSuccess().ErrorMessage() + mr.PartialSuccess().ErrorMessage() + lr.PartialSuccess().ErrorMessage()
	}
	for _, tc := range []struct {
		name   string
		signal Signal
		path   string
		body   func() otlpMessage
		items  int
		drop   int
	}{
		{"some spans", SignalTraces, TracesPath, traces, 3, 2},
		{"more than there are", SignalTraces, TracesPath, traces, 3, 50},
		{"only a message", SignalTraces, TracesPath, traces, 3, 0},
		{"data points", SignalMetrics, MetricsPath, func() otlpMessage { return someMetrics() }, 5, 3},
		{"all data points", SignalMetrics, MetricsPath, func() otlpMessage { return someMetrics() }, 5, 5},
		{"log records", SignalLogs, LogsPath, func() otlpMessage { return someLogs() }, 2, 1},
	} {
		for _, enc := range []encoding{protobufEncoding, jsonEncoding} {
			t.Run(tc.name+" "+string(enc), func(t *testing.T) {
				s := start(t)
				_, err := s.server.AddFault(Fault{Signal: tc.signal, PartialSuccess: &PartialSuccess{Rejected: tc.drop, Message: "too old"}})
				require.NoError(t, err)
				body := protoOf(t, tc.body())
				if enc == jsonEncoding {
					body = jsonOf(t, tc.body())
				}
				a := s.do(http.MethodPost, tc.path, body, header{"Authorization": privateAuth, "Content-Type": string(enc)})
				require.Equal(t, http.StatusOK, a.status)
				n, message := rejected(tc.signal, enc, a.body)
				dropped := min(tc.drop, tc.items)
				assert.Equal(t, int64(dropped), n)
				assert.Equal(t, "too old", message)
				assert.Equal(t, tc.items, s.server.Uploads()[0].Items)
				assert.Equal(t, dropped, s.server.Uploads()[0].Rejected)
				switch tc.signal {
				case SignalTraces:
					assert.Equal(t, tc.items-dropped, s.server.StoredTraces().SpanCount())
				case SignalMetrics:
					assert.Equal(t, tc.items-dropped, s.server.StoredMetrics().DataPointCount())
				case SignalLogs:
					assert.Equal(t, tc.items-dropped, s.server.StoredLogs().LogRecordCount())
				}
			})
		}
	}
}

func TestDelayFault(t *testing.T) {
	t.Run("holds the answer back", func(t *testing.T) {
		s := start(t)
		s.fault(`{"delay":"150ms","status":503,"times":1}`)
		begin := time.Now()
		assert.Equal(t, 503, s.upload(TracesPath, protoOf(t, oneSpan(t))).status)
		assert.GreaterOrEqual(t, time.Since(begin), 150*time.Millisecond)
	})
	t.Run("stores before", func(t *testing.T) {
		s := start(t)
		s.fault(`{"delay":"10m"}`)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		impatient := &sandbox{t: t, server: s.server, client: &http.Client{Timeout: time.Second, Transport: s.client.Transport}}
		_, err := impatient.request(http.MethodPost, TracesPath, protoOf(t, oneSpan(t)), header{"Authorization": privateAuth, "Content-Type": typeProtobuf})
		require.Error(t, err)
		<-ctx.Done()
		assert.Equal(t, 1, s.server.Counts().Spans.Stored)
		assert.Eventually(t, func() bool { return s.server.Counts().Uploads.Total == 1 }, 5*time.Second, 5*time.Millisecond,
			"the upload ends when the client disconnects")
	})
	t.Run("longer than the server's timeouts", func(t *testing.T) {
		config := DefaultConfig()
		config.Listen = "127.0.0.1:0"
		s := start(t)
		server, err := New(config, s.server.logger)
		require.NoError(t, err)
		server.http.ReadTimeout = 500 * time.Millisecond
		server.http.WriteTimeout = 500 * time.Millisecond
		require.NoError(t, server.Start(t.Context()))
		defer func() { assert.NoError(t, server.Shutdown(context.Background())) }()
		_, err = server.AddFault(Fault{Delay: Duration(1500 * time.Millisecond)})
		require.NoError(t, err)
		begin := time.Now()
		slow := &sandbox{t: t, server: server, client: s.client}
		assert.Equal(t, 200, slow.upload(TracesPath, protoOf(t, oneSpan(t))).status)
		assert.GreaterOrEqual(t, time.Since(begin), 1500*time.Millisecond)
		s.client.CloseIdleConnections()
	})
	t.Run("ends with the server", func(t *testing.T) {
		s := start(t)
		s.fault(`{"delay":"10m"}`)
		done := make(chan answer)
		go func() {
			a, err := s.request(http.MethodPost, TracesPath, []byte{}, header{"Authorization": privateAuth, "Content-Type": typeProtobuf})
			assert.NoError(t, err)
			done <- a
		}()
		require.Eventually(t, func() bool { return s.server.Faults()[0].Applied == 1 }, 5*time.Second, 5*time.Millisecond)
		require.NoError(t, s.server.Shutdown(t.Context()))
		assert.Equal(t, 200, (<-done).status)
	})
}

func TestResetFault(t *testing.T) {
	for _, tc := range []struct {
		name   string
		fault  string
		status int
		stored int
	}{
		{"stored", `{"reset":true,"times":1}`, 200, 1},
		{"rejected", `{"reset":true,"status":503,"times":1}`, 503, 0},
		{"partial", `{"reset":true,"partial_success":{"rejected":1},"times":1}`, 200, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t)
			s.fault(tc.fault)
			_, err := s.request(http.MethodPost, TracesPath, protoOf(t, oneSpan(t)), header{"Authorization": privateAuth, "Content-Type": typeProtobuf})
			require.ErrorIs(t, err, syscall.ECONNRESET)
			assert.Equal(t, tc.stored, s.server.Counts().Spans.Stored)
			u := s.server.Uploads()[0]
			assert.Equal(t, tc.status, u.Status)
			assert.Equal(t, "1", u.Fault)

			// The sender cannot know that the upload was stored, and retries.
			assert.Equal(t, 200, s.upload(TracesPath, protoOf(t, oneSpan(t))).status)
			assert.Equal(t, tc.stored, s.server.Counts().Spans.Duplicates)
			assert.Equal(t, 1, s.server.Counts().Spans.InStore)
		})
	}
}

func TestDownFault(t *testing.T) {
	for name, body := range map[string][]byte{"small": protoOf(t, oneSpan(t)), "large": make([]byte, 5<<20)} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			s.fault(`{"down":true,"delay":"10ms","times":2}`)
			for range 2 {
				// Without a key: a server that is down checks nothing.
				_, err := s.request(http.MethodPost, TracesPath, body, nil)
				require.Error(t, err)
			}
			counts := s.server.Counts()
			assert.Equal(t, map[string]int{"0": 2}, counts.Uploads.ByStatus)
			assert.Equal(t, 2, counts.Uploads.Rejected)
			assert.Zero(t, s.server.Uploads()[0].Bytes)
			assert.Equal(t, 200, s.upload(TracesPath, protoOf(t, oneSpan(t))).status)
		})
	}
}

func TestFaultValidation(t *testing.T) {
	for _, tc := range []struct{ body, want string }{
		{`{}`, "fault: set at least one of"},
		{`{"signal":"profiles","status":500}`, `signal: must be traces, metrics, logs or empty, got "profiles"`},
		{`{"status":200}`, "status: must be from 300 to 599, got 200"},
		{`{"status":600}`, "status: must be from 300 to 599"},
		{`{"status":304}`, "status: 304"},
		{`{"status":"503"}`, "status: cannot be a string"},
		{`{"retry_after":"5"}`, "retry_after: needs a status"},
		{`{"status":503,"retry_after":5}`, "retry_after: cannot be a number"},
		{`{"status":503,"retry_after":"5\r\nX: y"}`, "retry_after: must be printable ASCII"},
		{`{"message":"x","reset":true}`, "message: needs a status"},
		{`{"delay":"soon"}`, "delay: "},
		{`{"delay":"-1s"}`, "delay: must be from 0 to 10m0s"},
		{`{"delay":"11m"}`, "delay: must be from 0 to 10m0s"},
		{`{"delay":5}`, "delay"},
		{`{"status":500,"times":-1}`, "times: must not be negative"},
		{`{"partial_success":{"rejected":-1}}`, "partial_success.rejected: must not be negative"},
		{`{"partial_success":{}}`, "partial_success: needs rejected or message"},
		{`{"partial_success":{"rejected":"all"}}`, "partial_success.rejected: cannot be a string"},
		{`{"partial_success":{"rejected":1},"status":500}`, "partial_success: cannot go with status"},
		{`{"redirect":"/elsewhere"}`, "redirect: must be an absolute"},
		{`{"redirect":"ftp://example.com"}`, "redirect: must be an absolute"},
		{`{"redirect":"https://example.com","status":503}`, "status: must be 301, 302, 303, 307 or 308"},
		{`{"down":true,"status":503}`, "down: goes only with"},
		{`{"down":true,"reset":true}`, "down: goes only with"},
		{`{"statuss":503}`, `unknown field "statuss"`},
		{`{"status":503}{"status":503}`, "more than one JSON value"},
		{`[]`, "cannot be a array"},
		{`nonsense`, "invalid character"},
		{``, "EOF"},
	} {
		t.Run(tc.body, func(t *testing.T) {
			s := start(t)
			a := s.do(http.MethodPost, "/api/v1/faults", []byte(tc.body), nil)
			assert.Equal(t, http.StatusBadRequest, a.status)
			var reply map[string]string
			require.NoError(t, json.Unmarshal(a.body, &reply))
			assert.Contains(t, reply["error"], tc.want)
			assert.Empty(t, s.server.Faults())
		})
	}
}

func TestFaultAPI(t *testing.T) {
	s := start(t)
	first := s.fault(`{"status":500,"times":3}`)
	second := s.fault(`{"delay":"1s","signal":"logs"}`)
	assert.NotEqual(t, first.ID, second.ID)
	a := s.do(http.MethodGet, "/api/v1/faults", nil, nil)
	assert.JSONEq(t, `{"faults":[
		{"id":"1","applied":0,"remaining":3,"fault":{"status":500,"times":3}},
		{"id":"2","applied":0,"remaining":null,"fault":{"signal":"logs","delay":"1s"}}]}`, string(a.body))

	a = s.do(http.MethodDelete, "/api/v1/faults/"+first.ID, nil, nil)
	assert.Equal(t, http.StatusOK, a.status)
	assert.JSONEq(t, `{"deleted":1}`, string(a.body))
	a = s.do(http.MethodDelete, "/api/v1/faults/"+first.ID, nil, nil)
	assert.Equal(t, http.StatusNotFound, a.status)
	s.fault(`{"status":500}`)
	a = s.do(http.MethodDelete, "/api/v1/faults", nil, nil)
	assert.JSONEq(t, `{"deleted":2}`, string(a.body))
	a = s.do(http.MethodGet, "/api/v1/faults", nil, nil)
	assert.JSONEq(t, `{"faults":[]}`, string(a.body))
}

func TestFaultsAreBounded(t *testing.T) {
	s := start(t)
	for range faults.Max {
		_, err := s.server.AddFault(Fault{Reset: true})
		require.NoError(t, err)
	}
	a := s.do(http.MethodPost, "/api/v1/faults", []byte(`{"status":500}`), nil)
	assert.Equal(t, http.StatusConflict, a.status)
	assert.Len(t, s.server.Faults(), faults.Max)
}
