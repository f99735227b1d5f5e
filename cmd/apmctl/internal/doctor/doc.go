// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package doctor finds out why APM does not show an app. It looks at a collector's
// configuration, environment, queue, ports and metrics, at the way to the APM domain, and
// at a test trace. It changes nothing, except that the test trace is in the domain.
package doctor
