// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Command capture records the spans that a program sends by OTLP as a golden input. For
// Go's instrumentations it is the program itself.
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
