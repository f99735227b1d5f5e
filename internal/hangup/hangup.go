// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package hangup catches a SIGHUP that arrives before otelcol listens for it.
// It would end the process otherwise, and systemd treats that as a clean exit
// and does not restart the service.
//
// The package imports almost nothing, so that it is among the first to be
// initialized, a tenth of a second before main runs.
package hangup // import "github.com/ociapm/otelcol-ociapm/internal/hangup"

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

const (
	// grace is the time that otelcol may need, after its last log line on
	// startup, until it listens for signals. It has nothing else to do in
	// between.
	grace = 5 * time.Millisecond
	// settle is the time after which it certainly listens, even on a busy
	// machine.
	settle = 200 * time.Millisecond
)

var (
	held   = make(chan os.Signal, 1)
	replay sync.Once
)

func init() { signal.Notify(held, syscall.SIGHUP) }

// Replay sends this process the SIGHUP that it received while it started, so
// that a configuration that has changed meanwhile is loaded. Call it when the
// collector is ready. It acts once: from then on otelcol receives each SIGHUP
// itself.
func Replay() {
	replay.Do(func() {
		go func() {
			time.Sleep(grace)
			select {
			case received := <-held:
				time.Sleep(settle)
				if self, err := os.FindProcess(os.Getpid()); err == nil {
					_ = self.Signal(received)
				}
			default:
			}
		}()
	})
}
