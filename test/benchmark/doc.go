// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package benchmark compares the processors of this distribution with the stock
// ones that can do a part of their work, on the same spans in the same run. It
// is a module of its own, so that the stock processors are not a dependency of
// the product.
package benchmark // import "github.com/ociapm/otelcol-ociapm/test/benchmark"
