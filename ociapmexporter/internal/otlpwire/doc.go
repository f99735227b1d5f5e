// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package otlpwire counts, selects and cuts the items of an encoded OTLP export
// request without decoding it. Two bytes of protobuf can take hundreds in memory
// once they are decoded; here no operation takes more than a small multiple of
// the encoded size.
//
// An item is a span, a data point or a log record. What is around an item, such
// as its resource, scope or metric, goes with it into every request that has one
// of its items. A container without items goes into none.
//
// The field numbers are those of opentelemetry-proto 1.x.
package otlpwire // import "github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/otlpwire"
