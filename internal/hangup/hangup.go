// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package hangup holds a SIGHUP that comes before otelcol listens for it. It would
// end the process otherwise, which systemd takes for a clean exit and does not start
// again.
//
// It imports next to nothing, so that it is among the first packages of the program
// to be initialized, a tenth of a second before main runs.
package hangup // import "github.com/ociapm/otelcol-ociapm/internal/hangup"

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

const (
	// grace is how long after its last log line of the start otelcol may still not
	// listen for signals. It has nothing to do in between.
	grace = 5 * time.Millisecond
	// settle is how long after that it surely listens, on a busy machine as well.
	settle = 200 * time.Millisecond
)

var (
	held   = make(chan os.Signal, 1)
	replay sync.Once
)

func init() { signal.Notify(held, syscall.SIGHUP) }

// Replay sends this process the SIGHUP that it got while it started, so that a
// configuration that was changed meanwhile is loaded. It is to be called when the
// collector is ready, and does so once: from then on otelcol gets each SIGHUP itself.
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
