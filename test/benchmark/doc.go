// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package benchmark compares this distribution's processors with the stock ones that can
// do part of their work, on the same spans in the same run. It is a separate module, so
// that the product does not depend on the stock processors.
package benchmark // import "github.com/ociapm/otelcol-ociapm/test/benchmark"
