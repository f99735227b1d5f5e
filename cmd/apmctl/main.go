// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Command apmctl sets up an OCI APM domain. See README.md.
package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := newCommand().ExecuteContext(ctx)
	stop()
	if err != nil {
		os.Exit(exitCode(err))
	}
}

// exitCode returns the exit code of an error that a command returned: that of an
// exitError, and 2 for anything else, such as a wrong flag.
func exitCode(err error) int {
	var exit *exitError
	if errors.As(err, &exit) {
		return exit.code
	}
	return 2
}

// exitError is the outcome of a command that ran, and has reported the problem
// itself.
type exitError struct {
	code    int
	message string
}

// Error implements error.
func (e *exitError) Error() string { return e.message }
