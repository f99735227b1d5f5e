// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package hangup

import (
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A SIGHUP before anybody listens does not end the process, and is sent again,
// once.
func TestReplay(t *testing.T) {
	self, err := os.FindProcess(os.Getpid())
	require.NoError(t, err)
	require.NoError(t, self.Signal(syscall.SIGHUP))
	require.Eventually(t, func() bool { return len(held) == 1 }, 10*time.Second, time.Millisecond)

	received := make(chan os.Signal, 1)
	signal.Notify(received, syscall.SIGHUP)
	defer signal.Stop(received)
	began := time.Now()
	Replay()
	select {
	case <-received:
	case <-time.After(10 * time.Second):
		require.FailNow(t, "the signal does not come again")
	}
	require.GreaterOrEqual(t, time.Since(began), settle, "otelcol listens a little after it has said that it is ready")

	Replay()
	select {
	case <-received:
		require.FailNow(t, "the signal came twice")
	case <-time.After(2 * settle):
	}
}
