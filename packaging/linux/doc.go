// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package linux has no code: its tests check the files of the packages that this folder
// holds.
package linux
