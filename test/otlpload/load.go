// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package otlpload simulates apps with an OTLP exporter, for tests: they send spans of
// database calls as an SDK does, and record what was accepted.
package otlpload // import "github.com/ociapm/otelcol-ociapm/test/otlpload"

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

const (
	// attemptTimeout is the default timeout of the OTLP exporters of SDKs.
	attemptTimeout = 10 * time.Second
	// An SDK waits longer between attempts; a test has less time.
	firstBackoff = 50 * time.Millisecond
	maxBackoff   = time.Second
	// patience is how long a client keeps retrying an unaccepted request after the load
	// ends.
	patience = 90 * time.Second
	// RequestsPerTrace keeps the number of an app's traces below the sandbox's limit for
	// one list.
	RequestsPerTrace = 40
)

var (
	// ErrRetryable is a response that the OTLP specification tells clients to retry, or
	// no response at all.
	ErrRetryable = errors.New("retryable")
	// ErrRefused is a response after which the OTLP specification tells clients to drop
	// the data.
	ErrRefused = errors.New("refused")
)

// Options set how much an app sends.
type Options struct {
	// Spans is the number of spans in a request; 10 if 0.
	Spans int
	// Pause is the time between two requests; 100 ms if 0.
	Pause time.Duration
	// Payload is the size in bytes of an additional attribute on each span.
	Payload int
	// AppsPerTrace is how many apps with neighboring ids share their traces; 1 if
	// 0.
	AppsPerTrace int
	// Resource are additional attributes of the app's resource, beside service.name.
	Resource map[string]string
}

func (o Options) orDefaults() Options {
	if o.Spans == 0 {
		o.Spans = 10
	}
	if o.Pause == 0 {
		o.Pause = 100 * time.Millisecond
	}
	if o.AppsPerTrace == 0 {
		o.AppsPerTrace = 1
	}
	return o
}

// App is an application with an OTLP exporter: it sends requests of spans one after the
// other, and retries each until it is accepted, as an SDK does.
type App struct {
	id      int
	sender  Sender
	options Options

	mu     sync.Mutex
	report Report
}

// NewApp returns an app that does not send yet. The id makes its traces and spans
// different from those of other apps. The app closes the sender.
func NewApp(id int, sender Sender, options Options) *App {
	options = options.orDefaults()
	return &App{id: id, sender: sender, options: options, report: Report{ID: id, Spans: options.Spans, AppsPerTrace: options.AppsPerTrace}}
}

// Report is what an app has sent, with the outcomes.
type Report struct {
	// ID, Spans and AppsPerTrace are those of the app.
	ID, Spans, AppsPerTrace int
	// Accepted has a value for each request: whether it was accepted.
	Accepted []bool
	// Retries counts the retryable responses and the missing ones.
	Retries int
	// Why is the reason for the last retry.
	Why string
	// Refused are the responses after which data was dropped.
	Refused []string
}

// Report returns what the app has sent so far.
func (a *App) Report() Report {
	a.mu.Lock()
	defer a.mu.Unlock()
	report := a.report
	report.Accepted = slices.Clone(report.Accepted)
	report.Refused = slices.Clone(report.Refused)
	return report
}

// AcceptedSpans returns the number of spans of accepted requests.
func (r *Report) AcceptedSpans() int {
	n := 0
	for _, ok := range r.Accepted {
		if ok {
			n += r.Spans
		}
	}
	return n
}

// Service returns the service.name of the app's spans.
func (r *Report) Service() string { return fmt.Sprintf("app-%d", r.ID) }

// TraceID returns the trace that the spans of a request belong to.
func (r *Report) TraceID(request int) pcommon.TraceID {
	var id pcommon.TraceID
	binary.PutVarint(id[:8], int64(r.ID/r.AppsPerTrace)+1)
	binary.PutVarint(id[8:], int64(request/RequestsPerTrace)+1)
	return id
}

// SpanID returns the id of span i of a request. Apps that share a trace have different
// span ids.
func (r *Report) SpanID(request, i int) pcommon.SpanID {
	var id pcommon.SpanID
	binary.PutVarint(id[:], int64((request*r.Spans+i)*r.AppsPerTrace+r.ID%r.AppsPerTrace)+1)
	return id
}

// Run sends until stop is closed, and still delivers the request in progress.
func (a *App) Run(ctx context.Context, stop <-chan struct{}) {
	defer a.sender.Close()
	for n := 0; ; n++ {
		if !Pause(stop, a.options.Pause) {
			return
		}
		a.mu.Lock()
		a.report.Accepted = append(a.report.Accepted, false)
		a.mu.Unlock()
		a.deliver(ctx, stop, n)
	}
}

// deliver sends one request until it is accepted or refused.
func (a *App) deliver(ctx context.Context, stop <-chan struct{}, n int) {
	request := ptraceotlp.NewExportRequestFromTraces(a.traces(n))
	wait := firstBackoff
	var giveUp time.Time
	for {
		attempt, cancel := context.WithTimeout(ctx, attemptTimeout)
		err := a.sender.Send(attempt, request)
		cancel()
		a.mu.Lock()
		switch {
		case err == nil:
			a.report.Accepted[n] = true
		case errors.Is(err, ErrRetryable):
			a.report.Retries++
			a.report.Why = err.Error()
		default:
			a.report.Refused = append(a.report.Refused, err.Error())
		}
		a.mu.Unlock()
		if err == nil || errors.Is(err, ErrRefused) || ctx.Err() != nil {
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

// traces returns the spans of one request: database calls.
func (a *App) traces(request int) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", a.report.Service())
	for name, value := range a.options.Resource {
		rs.Resource().Attributes().PutStr(name, value)
	}
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	now := time.Now()
	// The queue on disk is compressed, so data that should fill it must be
	// incompressible.
	noise := rand.NewChaCha8(sha256.Sum256(fmt.Append(nil, a.report.Service(), request)))
	payload := make([]byte, a.options.Payload/4*3)
	for i := range a.options.Spans {
		span := spans.AppendEmpty()
		span.SetTraceID(a.report.TraceID(request))
		span.SetSpanID(a.report.SpanID(request, i))
		span.SetName("SELECT orders")
		span.SetKind(ptrace.SpanKindClient)
		span.SetStartTimestamp(pcommon.NewTimestampFromTime(now.Add(-5 * time.Millisecond)))
		span.SetEndTimestamp(pcommon.NewTimestampFromTime(now))
		span.Attributes().PutStr("db.system.name", "postgresql")
		span.Attributes().PutStr("db.namespace", "orders")
		span.Attributes().PutStr("db.query.text", "SELECT id, total FROM orders WHERE customer = $1")
		if len(payload) > 0 {
			_, _ = noise.Read(payload) // never fails
			span.Attributes().PutStr("payload", base64.StdEncoding.EncodeToString(payload))
		}
	}
	return td
}

// Load is a group of apps that send.
type Load struct {
	Apps []*App

	stop   func()
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// Start starts apps. Finish stops them. Canceling the context also stops them, but drops
// their requests in progress.
func Start(ctx context.Context, apps ...*App) *Load {
	ctx, cancel := context.WithCancel(ctx)
	stop := make(chan struct{})
	l := &Load{Apps: apps, stop: sync.OnceFunc(func() { close(stop) }), cancel: cancel}
	for _, a := range apps {
		l.done.Go(func() { a.Run(ctx, stop) })
	}
	return l
}

// Finish stops the load: every app still delivers its request in progress.
func (l *Load) Finish() {
	l.stop()
	l.done.Wait()
	l.cancel()
}

// Abort stops the load at once.
func (l *Load) Abort() {
	l.cancel()
	l.Finish()
}

// Accepted returns the number of spans that were accepted so far.
func (l *Load) Accepted() int {
	n := 0
	for _, a := range l.Apps {
		report := a.Report()
		n += report.AcceptedSpans()
	}
	return n
}

// Retries returns how often an app was asked to retry, or got no response.
func (l *Load) Retries() int {
	n := 0
	for _, a := range l.Apps {
		n += a.Report().Retries
	}
	return n
}

// Refused returns the responses after which data was dropped.
func (l *Load) Refused() []string {
	var all []string
	for _, a := range l.Apps {
		all = append(all, a.Report().Refused...)
	}
	return all
}

// Pause waits for a duration. It returns false if stop is closed first.
func Pause(stop <-chan struct{}, d time.Duration) bool {
	select {
	case <-stop:
		return false
	case <-time.After(d):
		return true
	}
}
