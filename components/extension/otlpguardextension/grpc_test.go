// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpguardextension

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	grpcmetadata "google.golang.org/grpc/metadata"
	"google.golang.org/grpc/tap"

	"github.com/ociapm/otelcol-ociapm/components/extension/otlpguardextension/internal/metadata"
)

// The memory of calls that send only headers is counted, and stays within the share: the
// oldest are canceled to admit a new one.
func TestHeadersOfCallsAreCounted(t *testing.T) {
	telemetry, err := metadata.NewTelemetryBuilder(componenttest.NewNopTelemetrySettings())
	require.NoError(t, err)
	g := newGuard(limited(128), 128<<20, telemetry)
	headers := grpcmetadata.MD{}
	for i := range 1000 {
		headers.Append(strconv.Itoa(i), "")
	}
	var calls []context.Context
	for range 500 {
		calls = append(calls, admit(t, g, headers))
		require.LessOrEqual(t, g.receiving.inUse(), g.receiving.limit)
	}
	require.Greater(t, 500*memoryOfHeaders(headers), g.receiving.limit, "too few headers for this test")
	require.Error(t, calls[0].Err(), "the oldest")
	require.NoError(t, calls[499].Err(), "the newest")

	for _, ctx := range calls {
		ctx.Value(noteKey{}).(*note).call.cancel()
	}
	assert.Eventually(t, func() bool { return g.receiving.inUse() == 0 }, 10*time.Second, time.Millisecond)
}

// admit admits a call. On a busy machine a canceled call may end late, and the first
// attempts may find no room.
func admit(t *testing.T, g *guard, headers grpcmetadata.MD) context.Context {
	t.Helper()
	var failure error
	for range 100 {
		ctx, err := g.admitCall(t.Context(), &tap.Info{Header: headers})
		if err == nil {
			return ctx
		}
		failure = err
	}
	require.NoError(t, failure)
	return nil
}

// If all calls are complete and hold their memory, a new one is refused.
func TestCallsWithoutRoom(t *testing.T) {
	telemetry, err := metadata.NewTelemetryBuilder(componenttest.NewNopTelemetrySettings())
	require.NoError(t, err)
	g := newGuard(limited(128), 128<<20, telemetry)
	g.receiving.take(g.receiving.limit)
	_, err = g.admitCall(t.Context(), &tap.Info{})
	assertShortOfMemory(t, err)
	g.receiving.free(g.receiving.limit)
	ctx, err := g.admitCall(t.Context(), &tap.Info{})
	require.NoError(t, err)
	ctx.Value(noteKey{}).(*note).call.cancel()
}
