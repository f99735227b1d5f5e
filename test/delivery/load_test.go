// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build delivery

package delivery

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/test/otlpload"
)

// loadOptions say how many apps send how much.
type loadOptions struct {
	apps         int           // half of them over gRPC, half over HTTP
	spans        int           // in a request
	pause        time.Duration // between two requests of an app
	payload      int           // bytes of one more attribute on each span
	appsPerTrace int           // apps that share their traces
}

// load is the apps of one run.
type load struct {
	apps []*otlpload.App

	stop     chan struct{}
	stopOnce sync.Once
	cancel   context.CancelFunc
	done     sync.WaitGroup
}

// startLoad starts the apps, which send to the collectors in turn.
func startLoad(t *testing.T, options loadOptions, nodes ...*node) *load {
	t.Helper()
	if options.apps == 0 {
		options.apps = 6
	}
	ctx, cancel := context.WithCancel(t.Context())
	l := &load{stop: make(chan struct{}), cancel: cancel}
	for id := range options.apps {
		// Two apps in a row go to the same collector, one by each protocol.
		target := nodes[id/2%len(nodes)]
		sender := otlpload.NewHTTPSender(target.collector.HTTP)
		if id%2 == 0 {
			sender = newGRPCSender(t, target.collector.GRPC)
		}
		l.apps = append(l.apps, otlpload.NewApp(id, sender, otlpload.Options{
			Spans: options.spans, Pause: options.pause, Payload: options.payload, AppsPerTrace: options.appsPerTrace,
		}))
	}
	for _, a := range l.apps {
		l.done.Go(func() { a.Run(ctx, l.stop) })
	}
	t.Cleanup(func() {
		cancel()
		l.finish()
	})
	return l
}

func newGRPCSender(t *testing.T, address string) otlpload.Sender {
	t.Helper()
	sender, err := otlpload.NewGRPCSender(address)
	require.NoError(t, err)
	return sender
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
		report := a.Report()
		n += report.AcceptedSpans()
	}
	return n
}

// retries returns how often an app was asked to try again, or got no answer.
func (l *load) retries() int {
	n := 0
	for _, a := range l.apps {
		n += a.Report().Retries
	}
	return n
}

// refused returns the answers that lost data.
func (l *load) refused() []string {
	var all []string
	for _, a := range l.apps {
		all = append(all, a.Report().Refused...)
	}
	return all
}
