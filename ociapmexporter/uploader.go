// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter // import "github.com/ociapm/otelcol-ociapm/ociapmexporter"

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.uber.org/zap"
)

const protobufContentType = "application/x-protobuf"

// uploader posts one signal to an APM domain.
type uploader struct {
	config    *Config
	urls      uploadURLs
	key       dataKeySource
	userAgent string
	telemetry component.TelemetrySettings

	client *http.Client // set by start
}

func newUploader(cfg *Config, set exporter.Settings) (*uploader, error) {
	urls, err := newUploadURLs(cfg.ClientConfig.Endpoint, cfg.DataKeyType)
	if err != nil {
		return nil, err
	}
	key, err := newDataKeySource(cfg)
	if err != nil {
		return nil, err
	}
	return &uploader{
		config:    cfg,
		urls:      urls,
		key:       key,
		userAgent: fmt.Sprintf("%s/%s (%s/%s)", set.BuildInfo.Command, set.BuildInfo.Version, runtime.GOOS, runtime.GOARCH),
		telemetry: set.TelemetrySettings,
	}, nil
}

// start makes the HTTP client, which needs the host's extensions.
func (u *uploader) start(ctx context.Context, host component.Host) error {
	client, err := u.config.ClientConfig.ToClient(ctx, host.GetExtensions(), u.telemetry)
	if err != nil {
		return err
	}
	// A redirect would carry the data key to another place.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	u.client = client
	return nil
}

func (u *uploader) pushTraces(ctx context.Context, td ptrace.Traces) error {
	body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		return consumererror.NewPermanent(err)
	}
	return u.upload(ctx, u.urls.traces, body, rejectedSpans)
}

func (u *uploader) pushMetrics(ctx context.Context, md pmetric.Metrics) error {
	body, err := pmetricotlp.NewExportRequestFromMetrics(md).MarshalProto()
	if err != nil {
		return consumererror.NewPermanent(err)
	}
	return u.upload(ctx, u.urls.metrics, body, rejectedDataPoints)
}

func (u *uploader) pushLogs(ctx context.Context, ld plog.Logs) error {
	body, err := plogotlp.NewExportRequestFromLogs(ld).MarshalProto()
	if err != nil {
		return consumererror.NewPermanent(err)
	}
	return u.upload(ctx, u.urls.logs, body, rejectedLogRecords)
}

// upload posts one request and turns APM's answer into what exporterhelper does
// next: nil is done, a permanent error drops the items, any other error repeats
// the upload.
func (u *uploader) upload(ctx context.Context, url string, body []byte, rejected rejectedItems) error {
	key, err := u.key.dataKey()
	if err != nil {
		return err // retried: the file may be there again by then
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return consumererror.NewPermanent(err)
	}
	req.Header.Set("Authorization", "dataKey "+key)
	req.Header.Set("Content-Type", protobufContentType)
	req.Header.Set("User-Agent", u.userAgent)

	resp, err := u.client.Do(req)
	if err != nil {
		return fmt.Errorf("upload to OCI APM failed: %w", err)
	}
	defer func() {
		// A body that was read to its end lets the connection be used again.
		_, _ = io.CopyN(io.Discard, resp.Body, maxAnswerBytes)
		resp.Body.Close()
	}()

	got, err := readAnswer(resp)
	if err != nil {
		return fmt.Errorf("the answer of OCI APM broke off: %w", err)
	}
	if !got.accepted() {
		return got.err(url)
	}
	if count, message := rejected(got); count > 0 || message != "" {
		u.telemetry.Logger.Warn("OCI APM accepted an upload in part",
			zap.Int64("rejected_items", count), zap.String("message", message))
	}
	return nil
}
