// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter // import "github.com/ociapm/otelcol-ociapm/ociapmexporter"

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// countDropped counts items that APM refused for good.
func (u *uploader[T]) countDropped(ctx context.Context, items int, err error) {
	u.countUpload(ctx, outcomeDropped, statusCode(statusOf(err)))
	u.telemetry.ExporterOciApmDroppedItems.Add(ctx, int64(items), u.attributes)
}

// countHeld counts an upload that was refused, and is held.
func (u *uploader[T]) countHeld(ctx context.Context, err error) {
	u.countUpload(ctx, outcomeHeld, statusCode(statusOf(err)))
}

// countSplit counts an upload that was refused, and goes again in parts.
func (u *uploader[T]) countSplit(ctx context.Context, err error) {
	u.countUpload(ctx, outcomeSplit, statusCode(statusOf(err)))
	u.telemetry.ExporterOciApmSplits.Add(ctx, 1, u.attributes)
}

// statusCode is the status of an answer as the telemetry counts it.
func statusCode(status int) attribute.KeyValue {
	return attribute.Int("http.response.status_code", status)
}

// countUpload counts an attempt by what became of it, and by the status of the
// answer or by what kept it from being answered.
func (u *uploader[T]) countUpload(ctx context.Context, outcome string, reason attribute.KeyValue) {
	u.telemetry.ExporterOciApmUploads.Add(ctx, 1, u.attributes, metric.WithAttributes(attribute.String("outcome", outcome), reason))
}

// reportRejected counts and reports the items that APM did not take of an upload
// that it accepted, and returns how many of the items they are.
func (u *uploader[T]) reportRejected(ctx context.Context, got answer, items int) int {
	count, message := u.signal.rejected(got)
	if count > 0 {
		u.telemetry.ExporterOciApmRejectedItems.Add(ctx, count, u.attributes)
	}
	if count > 0 || message != "" {
		u.health.rejected(count, message)
	}
	return int(min(max(count, 0), int64(items)))
}
