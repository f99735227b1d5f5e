// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Command capture records what a program sends by OTLP as a golden input, and is
// itself the program for the instrumentations of Go.
package main

import (
	"context"
	"fmt"
	"os"
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "capture:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	switch {
	case len(args) >= 3 && args[0] == "record":
		return record(args[1], args[2:])
	case len(args) == 2 && args[0] == "call":
		return call(ctx, args[1])
	default:
		return fmt.Errorf("usage: capture record FILE PROGRAM ARGUMENT… | capture call LIBRARY")
	}
}
