// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build delivery

package delivery

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

const (
	// attemptTimeout is the default timeout of the OTLP exporters of SDKs.
	attemptTimeout = 10 * time.Second
	// An SDK waits longer between its attempts; a test has less time.
	firstBackoff = 50 * time.Millisecond
	maxBackoff   = time.Second
	// patience is how long after the end of the load a client still repeats a
	// request that was not accepted.
	patience = 90 * time.Second
	// requestsPerTrace keeps the number of traces of an app below what one list
	// of the sandbox holds.
	requestsPerTrace = 40
)

var (
	errRetryable = errors.New("retryable") // the OTLP specification has clients send again
	errRefused   = errors.New("refused")   // the OTLP specification has clients drop the data
)

// sender sends one request. Its errors are errRetryable or errRefused.
type sender interface {
	send(ctx context.Context, request ptraceotlp.ExportRequest) error
	close()
}

type grpcSender struct {
	conn   *grpc.ClientConn
	client ptraceotlp.GRPCClient
}

func newGRPCSender(t *testing.T, address string) *grpcSender {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: firstBackoff, Multiplier: 1.6, Jitter: 0.2, MaxDelay: maxBackoff},
			MinConnectTimeout: time.Second,
		}))
	require.NoError(t, err)
	return &grpcSender{conn, ptraceotlp.NewGRPCClient(conn)}
}

func (s *grpcSender) send(ctx context.Context, request ptraceotlp.ExportRequest) error {
	resp, err := s.client.Export(ctx, request)
	if err == nil {
		return checkPartialSuccess(resp)
	}
	// https://opentelemetry.io/docs/specs/otlp/#failures
	switch status.Code(err) {
	case codes.Canceled, codes.DeadlineExceeded, codes.ResourceExhausted, codes.Aborted, codes.OutOfRange, codes.Unavailable, codes.DataLoss:
		return fmt.Errorf("%w: %w", errRetryable, err)
	}
	return fmt.Errorf("%w: %w", errRefused, err)
}

func (s *grpcSender) close() { _ = s.conn.Close() }

type httpSender struct {
	url    string
	client *http.Client
}

func newHTTPSender(address string) *httpSender {
	return &httpSender{"http://" + address + "/v1/traces", &http.Client{Transport: &http.Transport{}}}
}

func (s *httpSender) send(ctx context.Context, request ptraceotlp.ExportRequest) error {
	body, err := request.MarshalProto()
	if err != nil {
		return fmt.Errorf("%w: %w", errRefused, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%w: %w", errRefused, err)
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	resp, err := s.client.Do(req)
	if err != nil {
		return fmt.Errorf("%w: %w", errRetryable, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("%w: %w", errRetryable, err)
	}
	// https://opentelemetry.io/docs/specs/otlp/#failures-1
	switch resp.StatusCode {
	case http.StatusOK:
		exported := ptraceotlp.NewExportResponse()
		if err := exported.UnmarshalProto(answer); err != nil {
			return fmt.Errorf("%w: %w", errRefused, err)
		}
		return checkPartialSuccess(exported)
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return fmt.Errorf("%w: %s: %q", errRetryable, resp.Status, answer)
	}
	return fmt.Errorf("%w: %s: %q", errRefused, resp.Status, answer)
}

func (s *httpSender) close() { s.client.CloseIdleConnections() }

func checkPartialSuccess(resp ptraceotlp.ExportResponse) error {
	if n := resp.PartialSuccess().RejectedSpans(); n > 0 {
		return fmt.Errorf("%w: %d spans: %s", errRefused, n, resp.PartialSuccess().ErrorMessage())
	}
	return nil
}

// app is an application with an OTLP exporter: it sends requests of spans one
// after the other, and repeats each until it is accepted, as an SDK does.
type app struct {
	id      int
	sender  sender
	options loadOptions

	mu       sync.Mutex
	accepted []bool // by request
	retries  int    // answers to try again, or none
	lastWhy  error
	refused  []error // answers that lose data
}

// run sends until stop is closed.
func (a *app) run(ctx context.Context, stop <-chan struct{}) {
	defer a.sender.close()
	for n := 0; ; n++ {
		if !pause(stop, a.options.pause) {
			return
		}
		a.mu.Lock()
		a.accepted = append(a.accepted, false)
		a.mu.Unlock()
		a.deliver(ctx, stop, n)
	}
}

// deliver sends one request until it is accepted or refused.
func (a *app) deliver(ctx context.Context, stop <-chan struct{}, n int) {
	request := ptraceotlp.NewExportRequestFromTraces(a.traces(n))
	wait := firstBackoff
	var giveUp time.Time
	for {
		attempt, cancel := context.WithTimeout(ctx, attemptTimeout)
		err := a.sender.send(attempt, request)
		cancel()
		a.mu.Lock()
		switch {
		case err == nil:
			a.accepted[n] = true
		case errors.Is(err, errRetryable):
			a.retries++
			a.lastWhy = err
		default:
			a.refused = append(a.refused, err)
		}
		a.mu.Unlock()
		if err == nil || errors.Is(err, errRefused) || ctx.Err() != nil {
			return
		}
		select {
		case <-stop:
			if giveUp.IsZero() {
				giveUp = time.Now().Add(patience)
			}
			if time.Now().After(giveUp) {
				return
			}
		default:
		}
		time.Sleep(wait/2 + rand.N(wait/2))
		wait = min(2*wait, maxBackoff)
	}
}

func (a *app) service() string { return fmt.Sprintf("app-%d", a.id) }

func (a *app) traceID(request int) pcommon.TraceID {
	var id pcommon.TraceID
	binary.PutVarint(id[:8], int64(a.id)+1)
	binary.PutVarint(id[8:], int64(request/requestsPerTrace)+1)
	return id
}

func (a *app) spanID(request, i int) pcommon.SpanID {
	var id pcommon.SpanID
	binary.PutVarint(id[:], int64(request*a.options.spans+i)+1)
	return id
}

// traces returns the spans of one request: calls of a database.
func (a *app) traces(request int) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", a.service())
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	now := time.Now()
	payload := strings.Repeat("payload ", a.options.payload/8)
	for i := range a.options.spans {
		span := spans.AppendEmpty()
		span.SetTraceID(a.traceID(request))
		span.SetSpanID(a.spanID(request, i))
		span.SetName("SELECT orders")
		span.SetKind(ptrace.SpanKindClient)
		span.SetStartTimestamp(pcommon.NewTimestampFromTime(now.Add(-5 * time.Millisecond)))
		span.SetEndTimestamp(pcommon.NewTimestampFromTime(now))
		span.Attributes().PutStr("db.system.name", "postgresql")
		span.Attributes().PutStr("db.namespace", "orders")
		span.Attributes().PutStr("db.query.text", "SELECT id, total FROM orders WHERE customer = $1")
		if payload != "" {
			span.Attributes().PutStr("payload", payload)
		}
	}
	return td
}

// loadOptions say how many apps send how much.
type loadOptions struct {
	apps    int           // half of them over gRPC, half over HTTP
	spans   int           // in a request
	pause   time.Duration // between two requests of an app
	payload int           // bytes of one more attribute on each span
}

func (o loadOptions) orDefaults() loadOptions {
	if o.apps == 0 {
		o.apps = 6
	}
	if o.spans == 0 {
		o.spans = 10
	}
	if o.pause == 0 {
		o.pause = 100 * time.Millisecond
	}
	return o
}

// load is the apps of one run.
type load struct {
	apps []*app

	stop     chan struct{}
	stopOnce sync.Once
	cancel   context.CancelFunc
	done     sync.WaitGroup
}

// startLoad starts the apps, which send to the collectors in turn.
func startLoad(t *testing.T, options loadOptions, nodes ...*node) *load {
	t.Helper()
	options = options.orDefaults()
	ctx, cancel := context.WithCancel(t.Context())
	l := &load{stop: make(chan struct{}), cancel: cancel}
	for id := range options.apps {
		// Two apps in a row go to the same collector, one by each protocol.
		target := nodes[id/2%len(nodes)]
		a := &app{id: id, options: options}
		if id%2 == 0 {
			a.sender = newGRPCSender(t, target.collector.GRPC)
		} else {
			a.sender = newHTTPSender(target.collector.HTTP)
		}
		l.apps = append(l.apps, a)
	}
	for _, a := range l.apps {
		l.done.Go(func() { a.run(ctx, l.stop) })
	}
	t.Cleanup(func() {
		cancel()
		l.finish()
	})
	return l
}

// finish ends the load: every app still delivers the request that it has begun.
func (l *load) finish() {
	l.stopOnce.Do(func() { close(l.stop) })
	l.done.Wait()
	l.cancel()
}

// accepted returns the number of spans that were accepted so far.
func (l *load) accepted() int {
	n := 0
	for _, a := range l.apps {
		a.mu.Lock()
		for _, ok := range a.accepted {
			if ok {
				n += a.options.spans
			}
		}
		a.mu.Unlock()
	}
	return n
}

// retries returns how often an app was asked to try again, or got no answer.
func (l *load) retries() int {
	n := 0
	for _, a := range l.apps {
		a.mu.Lock()
		n += a.retries
		a.mu.Unlock()
	}
	return n
}

// refused returns the answers that lost data.
func (l *load) refused() []error {
	var all []error
	for _, a := range l.apps {
		a.mu.Lock()
		all = append(all, a.refused...)
		a.mu.Unlock()
	}
	return all
}

// pause waits; it returns false if stop is closed before or meanwhile.
func pause(stop <-chan struct{}, d time.Duration) bool {
	select {
	case <-stop:
		return false
	case <-time.After(d):
		return true
	}
}
