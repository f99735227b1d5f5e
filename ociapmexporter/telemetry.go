// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter // import "github.com/ociapm/otelcol-ociapm/ociapmexporter"

import (
	"context"
	"errors"
	"strconv"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/discovery"
	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/metadata"
)

// The outcomes of an upload, as the telemetry counts them.
const (
	outcomeAccepted = "accepted" // APM accepted it, though it may have rejected some items
	outcomeRetry    = "retry"    // it will be retried
	outcomeSplit    = "split"    // it was too large or unreadable, and is sent again in parts
	outcomeDropped  = "dropped"  // APM rejected it permanently
	outcomeControl  = "control"  // it was empty, to find out whether APM refuses everything
)

// reporter counts and logs the outcomes of one signal's uploads and items, and sets the
// component status. Callers report events; the reporter decides what to count and log.
type reporter struct {
	logger     *zap.Logger
	telemetry  *metadata.TelemetryBuilder
	attributes metric.MeasurementOption // added to every metric
	health     *health
	sent       *sentCounters
	queue      *queueGauges
}

func newReporter(cfg *Config, set exporter.Settings, signal string) (*reporter, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	queue := &queueGauges{}
	unit := ""
	if cfg.QueueConfig.HasValue() {
		unit = cfg.QueueConfig.Get().Sizer.String()
	}
	return &reporter{
		logger:     set.Logger,
		telemetry:  telemetry,
		attributes: metric.WithAttributeSet(attribute.NewSet(attribute.String("exporter", set.ID.String()), attribute.String("signal", signal))),
		health:     &health{logger: set.Logger, queue: queue, queueUnit: unit},
		sent:       &sentCounters{},
		queue:      queue,
	}, nil
}

// start is called before the first upload, with the host to report the status to.
func (r *reporter) start(host component.Host) { r.health.host = host }

// provider returns the meter provider for exporterhelper.
func (r *reporter) provider(inner metric.MeterProvider) metric.MeterProvider {
	return r.queue.provider(r.sent.provider(inner))
}

// connected reports that the check on startup has succeeded.
func (r *reporter) connected(url string) {
	r.logger.Info("Connected to OCI APM: endpoint and data key accepted", zap.String("url", url))
}

// keyReloaded counts and logs that the key in the file has changed.
func (r *reporter) keyReloaded(ctx context.Context, file string) {
	r.telemetry.ExporterOciApmDataKeyReloads.Add(ctx, 1, r.attributes)
	r.logger.Info("The data key has changed: uploads use the new one", zap.String("data_key_file", file))
}

// unreadable counts a stored request that cannot be read.
func (r *reporter) unreadable(ctx context.Context) {
	r.telemetry.ExporterOciApmUnreadableItems.Add(ctx, 1, r.attributes)
}

// encoded counts the bytes of an upload before compression.
func (r *reporter) encoded(ctx context.Context, bytes int) {
	r.telemetry.ExporterOciApmUncompressedBytes.Add(ctx, int64(bytes), r.attributes)
}

// transferred counts the bytes of an attempt after compression.
func (r *reporter) transferred(ctx context.Context, bytes int64) {
	r.telemetry.ExporterOciApmUploadedBytes.Add(ctx, bytes, r.attributes)
}

// accepted counts an upload that APM has accepted, and the rejected items of a partial
// success.
func (r *reporter) accepted(ctx context.Context, status int, rejected int64, message string) {
	r.countUpload(ctx, outcomeAccepted, statusCode(status))
	r.health.succeeded()
	if rejected > 0 {
		r.telemetry.ExporterOciApmRejectedItems.Add(ctx, rejected, r.attributes)
	}
	if rejected > 0 || message != "" {
		r.health.rejected(rejected, message)
	}
}

// willRetry counts and reports an upload that was not accepted, and is retried.
func (r *reporter) willRetry(ctx context.Context, status int, problem error) {
	r.countUpload(ctx, outcomeRetry, statusCode(status))
	r.health.failed(strconv.Itoa(status), problem)
}

// unanswered counts and reports an upload that got no answer, and is retried. While the
// endpoint is not yet discovered, the discovery logs the problem once for all signals.
func (r *reporter) unanswered(ctx context.Context, kind string, problem error) {
	r.countUpload(ctx, outcomeRetry, attribute.String("error.type", kind))
	if !errors.Is(problem, discovery.ErrUndiscovered) {
		r.health.failed(kind, problem)
	}
}

// control counts an empty upload that shows whether APM refuses everything.
func (r *reporter) control(ctx context.Context, status int) {
	r.countUpload(ctx, outcomeControl, statusCode(status))
}

// controlFailed reports that the empty upload failed too, so the data may not be the
// cause.
func (r *reporter) controlFailed(status int, problem error) {
	kind := strconv.Itoa(status)
	if !isRetryableStatusCode(status) {
		kind = everything(status)
	}
	r.health.failed(kind, problem)
}

// refusedEmpty counts and reports a refused upload without items. APM refuses everything,
// so the upload is retried.
func (r *reporter) refusedEmpty(ctx context.Context, refused error) {
	r.refusedUnknown(ctx, refused)
	r.health.failed(everything(statusOf(refused)), refused)
}

// refusedUnknown counts a refused upload that is retried, since its data may not be the
// cause.
func (r *reporter) refusedUnknown(ctx context.Context, refused error) {
	r.countUpload(ctx, outcomeRetry, statusCode(statusOf(refused)))
}

// split counts an upload that was refused, and is sent again in parts.
func (r *reporter) split(ctx context.Context, refused error) {
	r.countUpload(ctx, outcomeSplit, statusCode(statusOf(refused)))
	r.telemetry.ExporterOciApmSplits.Add(ctx, 1, r.attributes)
}

// dropped counts items that APM has rejected permanently.
func (r *reporter) dropped(ctx context.Context, items int, refused error) {
	r.countUpload(ctx, outcomeDropped, statusCode(statusOf(refused)))
	r.telemetry.ExporterOciApmDroppedItems.Add(ctx, int64(items), r.attributes)
}

// droppedPart logs the items that were dropped from a request. It is used if
// exporterhelper gets no error about them: the rest succeeded or is retried.
func (r *reporter) droppedPart(items int, errs []error) {
	r.logger.Error("OCI APM rejected a part of a request permanently; the part is dropped",
		zap.Int("dropped_items", items), zap.Errors("errors", errs))
}

// droppedAll reports a request whose items were all dropped.
func (r *reporter) droppedAll(refused, err error) {
	r.health.failed(strconv.Itoa(statusOf(refused)), err)
}

// notSent corrects exporterhelper's counter of sent items, which will count the
// whole request.
func (r *reporter) notSent(items int) { r.sent.withhold(items) }

// shutdown shuts the telemetry down.
func (r *reporter) shutdown() { r.telemetry.Shutdown() }

// countUpload counts an attempt by its outcome, and by the status of the answer or the
// reason why there was none.
func (r *reporter) countUpload(ctx context.Context, outcome string, reason attribute.KeyValue) {
	r.telemetry.ExporterOciApmUploads.Add(ctx, 1, r.attributes, metric.WithAttributes(attribute.String("outcome", outcome), reason))
}

// statusCode is the status of an answer as the telemetry counts it.
func statusCode(status int) attribute.KeyValue {
	return attribute.Int("http.response.status_code", status)
}

// everything returns the kind of problem if even an empty upload is refused.
func everything(status int) string { return "everything " + strconv.Itoa(status) }
