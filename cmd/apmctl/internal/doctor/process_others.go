// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package doctor

import "errors"

// findProcess would return the collector that runs on this machine.
func findProcess(string, int) process { return process{} }

// environmentOf would return the variables that a process was started with.
func environmentOf(string, int) (map[string]string, error) {
	return nil, errors.New("the variables of other processes can be read on Linux only")
}

// nameOf would return the name of a process.
func nameOf(string, int) string { return "" }
