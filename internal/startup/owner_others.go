// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package startup // import "github.com/ociapm/otelcol-ociapm/internal/startup"

// listener would return the process that listens on an address.
func listener(string) (process, bool) { return process{}, false }

// locker would return the process that has locked a file.
func locker(string) (process, bool) { return process{}, false }
