// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter // import "github.com/ociapm/otelcol-ociapm/ociapmexporter"

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/metadata"
)

const protobufContentType = "application/x-protobuf"

// What became of an upload, as the telemetry counts it.
const (
	outcomeAccepted = "accepted" // APM has it, or all but some of its items
	outcomeHeld     = "held"     // it will be repeated
	outcomeSplit    = "split"    // it was too large or unreadable, and goes again in parts
	outcomeDropped  = "dropped"  // APM refused it for good
)

// uploader posts one signal to an APM domain.
type uploader[T any] struct {
	signal     *signal[T]
	target     target
	config     *Config
	userAgent  string
	logger     *zap.Logger
	settings   component.TelemetrySettings
	telemetry  *metadata.TelemetryBuilder
	attributes metric.MeasurementOption // of all that telemetry counts
	health     *health

	client *http.Client // set by start
	zipper *zipper

	stopCheck context.CancelFunc
	checking  sync.WaitGroup
}

func newUploader[T any](cfg *Config, set exporter.Settings, sig *signal[T]) (*uploader[T], error) {
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	attributes := metric.WithAttributeSet(attribute.NewSet(attribute.String("exporter", set.ID.String()), attribute.String("signal", sig.name)))
	userAgent := fmt.Sprintf("%s/%s (%s/%s)", set.BuildInfo.Command, set.BuildInfo.Version, runtime.GOOS, runtime.GOARCH)
	target, err := newTarget(cfg, set, sig.name, userAgent, func() {
		telemetry.ExporterOciApmDataKeyReloads.Add(context.Background(), 1, attributes)
		set.Logger.Info("The data key has changed: uploads use the new one", zap.String("data_key_file", cfg.DataKeyFile))
	})
	if err != nil {
		return nil, err
	}
	return &uploader[T]{
		signal:     sig,
		target:     target,
		config:     cfg,
		userAgent:  userAgent,
		logger:     set.Logger,
		settings:   set.TelemetrySettings,
		telemetry:  telemetry,
		attributes: attributes,
		health:     &health{logger: set.Logger},
		zipper:     newZipper(cfg.ClientConfig),
		stopCheck:  func() {},
	}, nil
}

// start makes the HTTP client, which needs the host's extensions, and checks in
// the background whether APM takes uploads.
func (u *uploader[T]) start(ctx context.Context, host component.Host) error {
	client, err := newClient(ctx, u.config.ClientConfig, host, u.settings, func(ctx context.Context, n int64) {
		u.telemetry.ExporterOciApmUploadedBytes.Add(ctx, n, u.attributes)
	})
	if err != nil {
		return err
	}
	u.client = client
	u.health.host = host
	u.target.start(host)
	if u.config.StartupCheck {
		checkCtx, stop := context.WithCancel(context.WithoutCancel(ctx)) //nolint:gosec // shutdown calls stop
		u.stopCheck = stop
		u.checking.Go(func() { u.check(checkCtx) })
	}
	return nil
}

func (u *uploader[T]) shutdown(context.Context) error {
	u.stopCheck()
	u.checking.Wait()
	u.target.shutdown()
	u.telemetry.Shutdown()
	if u.client != nil {
		u.client.CloseIdleConnections()
	}
	return nil
}

// check uploads an empty request: host, path and key decide about it as they do
// about a full one. The outcome is one line of the log; where it fails, the line
// that the first failed upload would have written.
func (u *uploader[T]) check(ctx context.Context) {
	if u.target.ready(ctx) != nil {
		return // shut down before there was a host to check
	}
	if u.push(ctx, &request[T]{signal: u.signal}) != nil {
		return
	}
	urls, _, err := u.target.destination(ctx)
	if err == nil {
		u.logger.Info("OCI APM takes uploads: host, path and data key are right", zap.String("url", u.signal.url(urls).current()))
	}
}

// pushWhole makes one upload of a request. It returns what exporterhelper acts
// upon: nil is done, a permanent error drops the items, any other error repeats
// the upload. What becomes of a request that was refused with errUnreadable, is for
// the caller to say, and to count.
func (u *uploader[T]) pushWhole(ctx context.Context, r *request[T]) error {
	u.telemetry.ExporterOciApmUncompressedBytes.Add(ctx, int64(r.size), u.attributes)
	body, err := u.encode(r)
	if err != nil {
		return consumererror.NewPermanent(err)
	}

	got, url, err := u.post(ctx, body)
	status := statusCode(got.status)
	switch {
	case ctx.Err() != nil:
		return ctx.Err() // a shutdown says nothing of APM
	case err != nil:
		return u.hold(ctx, err)
	case got.accepted():
		u.countUpload(ctx, outcomeAccepted, status)
		u.health.succeeded()
		u.reportRejected(ctx, got)
		return nil
	}

	problem := got.problem(url)
	switch {
	case isRetryableStatusCode(got.status):
		u.countUpload(ctx, outcomeHeld, status)
		u.health.failed(strconv.Itoa(got.status), problem)
		if got.retryAfter > 0 {
			return exporterhelper.NewThrottleRetry(problem, got.retryAfter)
		}
		return problem
	case errors.Is(problem, errTooLarge) && r.items > 1:
		u.countSplit(ctx, got.status)
		return consumererror.NewPermanent(problem)
	case errors.Is(problem, errUnreadable):
		if r.items == 1 {
			problem = fmt.Errorf("%s: %w", u.describe(r), problem)
		}
		return consumererror.NewPermanent(problem)
	case errors.Is(problem, errTooLarge):
		problem = fmt.Errorf("%s takes %d bytes, %w", u.describe(r), r.size, problem)
	}
	u.dropped(ctx, r, got.status, problem)
	return consumererror.NewPermanent(problem)
}

// dropped counts and reports a request that APM refused for good.
func (u *uploader[T]) dropped(ctx context.Context, r *request[T], status int, problem error) {
	u.countDropped(ctx, r, status)
	u.health.failed(strconv.Itoa(status), problem)
}

func (u *uploader[T]) countDropped(ctx context.Context, r *request[T], status int) {
	u.countUpload(ctx, outcomeDropped, statusCode(status))
	u.telemetry.ExporterOciApmDroppedItems.Add(ctx, int64(r.items), u.attributes)
}

func (u *uploader[T]) countSplit(ctx context.Context, status int) {
	u.countUpload(ctx, outcomeSplit, statusCode(status))
	u.telemetry.ExporterOciApmSplits.Add(ctx, 1, u.attributes)
}

// payload is the body of an upload and its Content-Encoding, if it has one.
type payload struct {
	content  []byte
	encoding string
}

func (u *uploader[T]) encode(r *request[T]) (payload, error) {
	if u.zipper == nil {
		return payload{content: r.body()}, nil
	}
	content, err := u.zipper.zip(r.pieces, r.size)
	return payload{content: content, encoding: "gzip"}, err
}

// describe names the first item of a request, for a person who looks for it.
func (u *uploader[T]) describe(r *request[T]) string {
	data, err := r.data()
	if err != nil {
		return err.Error()
	}
	return u.signal.describe(data)
}

// hold counts and reports an upload that got no answer.
func (u *uploader[T]) hold(ctx context.Context, err error) error {
	kind, advice := diagnose(err)
	u.countUpload(ctx, outcomeHeld, attribute.String("error.type", kind))
	if errors.Is(err, errUndiscovered) {
		return err // the domain says so once, for all signals
	}
	err = fmt.Errorf("%w; %s", err, advice)
	u.health.failed(kind, err)
	return err
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

// reportRejected counts and reports the items that APM did not take of an
// upload that it accepted.
func (u *uploader[T]) reportRejected(ctx context.Context, got answer) {
	count, message := u.signal.rejected(got)
	if count > 0 {
		u.telemetry.ExporterOciApmRejectedItems.Add(ctx, count, u.attributes)
	}
	if count > 0 || message != "" {
		u.health.rejected(count, message)
	}
}

// post sends a body with the newest key to the URL that works, and returns the
// answer and the URL that gave it.
func (u *uploader[T]) post(ctx context.Context, body payload) (got answer, url string, err error) {
	urls, key, err := u.target.destination(ctx)
	if err != nil {
		return answer{}, "", err
	}
	where := u.signal.url(urls)
	url = where.current()
	got, err = u.send(ctx, url, key, body)
	if err == nil && got.refusesKey() {
		// The key may have been rotated since it was read.
		if newKey, keyErr := u.target.refused(ctx, key); keyErr == nil && newKey != key {
			key = newKey
			got, err = u.send(ctx, url, key, body)
		}
	}
	if err == nil && got.status == http.StatusNotFound {
		return where.notFound(url, got, func(url string) (answer, error) { return u.send(ctx, url, key, body) })
	}
	return got, url, err
}

// send makes one attempt.
func (u *uploader[T]) send(ctx context.Context, url, key string, body payload) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body.content))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Authorization", "dataKey "+key)
	req.Header.Set("Content-Type", protobufContentType)
	req.Header.Set("User-Agent", u.userAgent)
	if body.encoding != "" {
		req.Header.Set("Content-Encoding", body.encoding)
	}

	resp, err := u.client.Do(req)
	if err != nil {
		return answer{}, fmt.Errorf("upload to OCI APM failed: %w", err)
	}
	defer func() {
		// A body that was read to its end lets the connection be used again.
		_, _ = io.CopyN(io.Discard, resp.Body, maxAnswerBytes)
		resp.Body.Close()
	}()
	got, err := readAnswer(resp)
	if err != nil {
		return answer{}, fmt.Errorf("the answer of OCI APM broke off: %w", err)
	}
	return got, nil
}
