// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter // import "github.com/ociapm/otelcol-ociapm/ociapmexporter"

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// countDropped counts items that APM refused for good.
func (e *baseExporter[T]) countDropped(ctx context.Context, items int, err error) {
	e.countUpload(ctx, outcomeDropped, statusCode(statusOf(err)))
	e.telemetry.ExporterOciApmDroppedItems.Add(ctx, int64(items), e.attributes)
}

// countHeld counts an upload that was refused, and is held.
func (e *baseExporter[T]) countHeld(ctx context.Context, err error) {
	e.countUpload(ctx, outcomeHeld, statusCode(statusOf(err)))
}

// countSplit counts an upload that was refused, and goes again in parts.
func (e *baseExporter[T]) countSplit(ctx context.Context, err error) {
	e.countUpload(ctx, outcomeSplit, statusCode(statusOf(err)))
	e.telemetry.ExporterOciApmSplits.Add(ctx, 1, e.attributes)
}

// statusCode is the status of an answer as the telemetry counts it.
func statusCode(status int) attribute.KeyValue {
	return attribute.Int("http.response.status_code", status)
}

// countUpload counts an attempt by what became of it, and by the status of the
// answer or by what kept it from being answered.
func (e *baseExporter[T]) countUpload(ctx context.Context, outcome string, reason attribute.KeyValue) {
	e.telemetry.ExporterOciApmUploads.Add(ctx, 1, e.attributes, metric.WithAttributes(attribute.String("outcome", outcome), reason))
}

// reportRejected counts and reports the items that APM did not take of an upload
// that it accepted, and returns how many of the items they are.
func (e *baseExporter[T]) reportRejected(ctx context.Context, got response, items int) int {
	count, message := e.signal.rejected(got)
	if count > 0 {
		e.telemetry.ExporterOciApmRejectedItems.Add(ctx, count, e.attributes)
	}
	if count > 0 || message != "" {
		e.health.rejected(count, message)
	}
	return int(min(max(count, 0), int64(items)))
}
