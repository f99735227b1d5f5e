// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package doctor finds out why an app does not show up in APM.
package doctor
