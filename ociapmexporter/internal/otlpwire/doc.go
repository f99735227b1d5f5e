// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package otlpwire counts, selects and cuts the items of an encoded OTLP export
// request without decoding it. Two bytes of protobuf can take hundreds of bytes of
// memory once they are decoded. No operation of this package takes more than a small
// multiple of the encoded size.
//
// An item is a span, a data point or a log record. A container is a message around
// items, such as a resource, scope or metric. It is copied into every request that has
// one of its items. A container without items is left out.
//
// The field numbers are those of opentelemetry-proto 1.x.
package otlpwire // import "github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/otlpwire"
