// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package otlpload is apps with an OTLP exporter, for tests: they send spans of
// database calls as an SDK does, and know what was accepted.
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
	// An SDK waits longer between its attempts; a test has less time.
	firstBackoff = 50 * time.Millisecond
	maxBackoff   = time.Second
	// patience is how long after the end of the load a client still repeats a
	// request that was not accepted.
	patience = 90 * time.Second
	// RequestsPerTrace keeps the number of traces of an app below what one list
	// of the sandbox holds.
	RequestsPerTrace = 40
)

var (
	// ErrRetryable is an answer after which the OTLP specification has clients
	// send again, or no answer at all.
	ErrRetryable = errors.New("retryable")
	// ErrRefused is an answer after which the OTLP specification has clients drop
	// the data.
	ErrRefused = errors.New("refused")
)

// Options say how much an app sends.
type Options struct {
	// Spans is the number of spans in a request; 10 if 0.
	Spans int
	// Pause is between two requests; 100 ms if 0.
	Pause time.Duration
	// Payload is the size in bytes of one more attribute on each span.
	Payload int
	// AppsPerTrace is how many apps with neighboring ids share their traces; 1 if
	// 0.
	AppsPerTrace int
	// Resource has attributes of the app's resource beside service.name.
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

// App is an application with an OTLP exporter: it sends requests of spans one
// after the other, and repeats each until it is accepted, as an SDK does.
type App struct {
	id      int
	sender  Sender
	options Options

	mu     sync.Mutex
	report Report
}

// NewApp returns an app that does not send yet. Its id makes its traces and spans
// different from those of other apps. The app closes the sender.
func NewApp(id int, sender Sender, options Options) *App {
	options = options.orDefaults()
	return &App{id: id, sender: sender, options: options, report: Report{ID: id, Spans: options.Spans, AppsPerTrace: options.AppsPerTrace}}
}

// Report is what an app has sent, and what became of it.
type Report struct {
	// ID, Spans and AppsPerTrace are those of the app.
	ID, Spans, AppsPerTrace int
	// Accepted says of each request whether it was accepted.
	Accepted []bool
	// Retries counts the answers to try again, and those that did not come.
	Retries int
	// Why is the last such answer.
	Why string
	// Refused are the answers that lose data.
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

// SpanID returns the id of span i of a request. Apps that share a trace have span
// ids of their own.
func (r *Report) SpanID(request, i int) pcommon.SpanID {
	var id pcommon.SpanID
	binary.PutVarint(id[:], int64((request*r.Spans+i)*r.AppsPerTrace+r.ID%r.AppsPerTrace)+1)
	return id
}

// Run sends until stop is closed, and delivers the request that it has begun.
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

// traces returns the spans of one request: calls of a database.
func (a *App) traces(request int) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", a.report.Service())
	for name, value := range a.options.Resource {
		rs.Resource().Attributes().PutStr(name, value)
	}
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	now := time.Now()
	// The queue on disk is compressed: what is to fill it must not be.
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
			_, _ = noise.Read(payload) // it never fails
			span.Attributes().PutStr("payload", base64.StdEncoding.EncodeToString(payload))
		}
	}
	return td
}

// Load is apps that send.
type Load struct {
	Apps []*App

	stop   func()
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// Start starts apps. Finish ends them; canceling the context does too, without
// what they have begun to send.
func Start(ctx context.Context, apps ...*App) *Load {
	ctx, cancel := context.WithCancel(ctx)
	stop := make(chan struct{})
	l := &Load{Apps: apps, stop: sync.OnceFunc(func() { close(stop) }), cancel: cancel}
	for _, a := range apps {
		l.done.Go(func() { a.Run(ctx, stop) })
	}
	return l
}

// Finish ends the load: every app still delivers the request that it has begun.
func (l *Load) Finish() {
	l.stop()
	l.done.Wait()
	l.cancel()
}

// Abort ends the load at once.
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

// Retries returns how often an app was asked to try again, or got no answer.
func (l *Load) Retries() int {
	n := 0
	for _, a := range l.Apps {
		n += a.Report().Retries
	}
	return n
}

// Refused returns the answers that lost data.
func (l *Load) Refused() []string {
	var all []string
	for _, a := range l.Apps {
		all = append(all, a.Report().Refused...)
	}
	return all
}

// Pause waits; it returns false if stop is closed before or meanwhile.
func Pause(stop <-chan struct{}, d time.Duration) bool {
	select {
	case <-stop:
		return false
	case <-time.After(d):
		return true
	}
}
