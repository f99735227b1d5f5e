// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package domain asks an APM domain what the sandbox has to assume about it. `make test`
// asks the sandbox, and requires the documented assumptions. `make test-domain` asks a
// real domain if the environment names one, and prints where it differs.
package domain
