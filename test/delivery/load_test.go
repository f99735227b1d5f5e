// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build delivery

package delivery

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/test/otlpload"
)

// loadOptions set how many apps send how much.
type loadOptions struct {
	apps    int           // half of them over gRPC, half over HTTP
	spans   int           // in a request
	pause   time.Duration // between two requests of an app
	payload int           // size in bytes of an extra attribute on each span
}

// startLoad starts the apps, which send to the collectors in turn.
func startLoad(t *testing.T, options loadOptions, nodes ...*node) *otlpload.Load {
	t.Helper()
	if options.apps == 0 {
		options.apps = 6
	}
	var apps []*otlpload.App
	for id := range options.apps {
		// Two apps in a row go to the same collector, one by each protocol.
		target := nodes[id/2%len(nodes)]
		sender := otlpload.NewHTTPSender(target.collector.HTTP)
		if id%2 == 0 {
			sender = newGRPCSender(t, target.collector.GRPC)
		}
		apps = append(apps, otlpload.NewApp(id, sender, otlpload.Options{Spans: options.spans, Pause: options.pause, Payload: options.payload}))
	}
	load := otlpload.Start(t.Context(), apps...)
	t.Cleanup(load.Abort)
	return load
}

func newGRPCSender(t *testing.T, address string) otlpload.Sender {
	t.Helper()
	sender, err := otlpload.NewGRPCSender(address)
	require.NoError(t, err)
	return sender
}
