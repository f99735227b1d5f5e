// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Command apmsandbox is a local replacement for an OCI APM domain. See
// README.md.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := newCommand().ExecuteContext(ctx)
	stop()
	if err != nil {
		os.Exit(1)
	}
}
