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
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/discovery"
	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/metadata"
)

const (
	protobufContentType = "application/x-protobuf"
	jsonContentType     = "application/json"
)

// What became of an upload, as the telemetry counts it.
const (
	outcomeAccepted = "accepted" // APM has it, or all but some of its items
	outcomeHeld     = "held"     // it will be repeated
	outcomeSplit    = "split"    // it was too large or unreadable, and goes again in parts
	outcomeDropped  = "dropped"  // APM refused it for good
	outcomeControl  = "control"  // it was empty, to tell a refusal of data from one of everything
)

var (
	// errStopping ends a split at the shutdown.
	errStopping = errors.New("the exporter shuts down")
	// errThrottled ends a split while APM wants no uploads.
	errThrottled = errors.New("OCI APM has asked for a pause; uploads are held and repeated")
)

// uploader posts one signal to an APM domain.
type uploader[T any] struct {
	signal      *signal[T]
	resolver    resolver
	destination *destination
	config      *Config
	userAgent   string
	logger      *zap.Logger
	settings    component.TelemetrySettings
	telemetry   *metadata.TelemetryBuilder
	attributes  metric.MeasurementOption // of all that telemetry counts
	health      *health

	pace       *pace
	secrets    *secrets
	sent       *sentCounters
	unreadable *unreadableItems

	client *http.Client // set by start
	zipper *zipper

	stopCheck context.CancelFunc
	checking  sync.WaitGroup
	stopping  chan struct{} // closed by stop
	stop      func()
}

func newUploader[T any](cfg *Config, set exporter.Settings, sig *signal[T], discoverers *discovery.Shared) (*uploader[T], error) {
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	attributes := metric.WithAttributeSet(attribute.NewSet(attribute.String("exporter", set.ID.String()), attribute.String("signal", sig.name)))
	userAgent := fmt.Sprintf("%s/%s (%s/%s)", set.BuildInfo.Command, set.BuildInfo.Version, runtime.GOOS, runtime.GOARCH)
	resolver, err := newResolver(cfg, set, sig.name, userAgent, discoverers, func() {
		telemetry.ExporterOciApmDataKeyReloads.Add(context.Background(), 1, attributes)
		set.Logger.Info("The data key has changed: uploads use the new one", zap.String("data_key_file", cfg.DataKeyFile))
	})
	if err != nil {
		return nil, err
	}
	stopping := make(chan struct{})
	return &uploader[T]{
		signal:      sig,
		resolver:    resolver,
		destination: &destination{logger: set.Logger},
		config:      cfg,
		userAgent:   userAgent,
		logger:      set.Logger,
		settings:    set.TelemetrySettings,
		telemetry:   telemetry,
		attributes:  attributes,
		health:      &health{logger: set.Logger},
		pace:        &pace{},
		secrets:     newSecrets(string(cfg.DataKey), cfg.ClientConfig.Headers),
		sent:        &sentCounters{},
		unreadable: &unreadableItems{
			id: set.ID, name: sig.name, logger: set.Logger,
			count: func(ctx context.Context) { telemetry.ExporterOciApmUnreadableItems.Add(ctx, 1, attributes) },
		},
		zipper:    newZipper(cfg.ClientConfig),
		stopCheck: func() {},
		stopping:  stopping,
		stop:      sync.OnceFunc(func() { close(stopping) }),
	}, nil
}

// start makes the HTTP client, which needs the host's extensions, and checks in
// the background whether APM takes uploads.
func (u *uploader[T]) start(ctx context.Context, host component.Host) error {
	if u.config.durable() {
		u.unreadable.start(host, *u.config.QueueConfig.Get().StorageID)
	}
	client, err := newClient(ctx, u.config.ClientConfig, host, u.settings, func(ctx context.Context, n int64) {
		u.telemetry.ExporterOciApmUploadedBytes.Add(ctx, n, u.attributes)
	})
	if err != nil {
		return err
	}
	u.client = client
	u.health.host = host
	u.resolver.Start(host)
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
	u.resolver.Shutdown()
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
	if u.resolver.WaitReady(ctx) != nil {
		return // shut down before there was a host to check
	}
	if u.push(ctx, &request[T]{signal: u.signal}) != nil {
		return
	}
	urls, _, err := u.resolver.Resolve(ctx)
	if err == nil {
		u.logger.Info("OCI APM takes uploads: host, path and data key are right", zap.String("url", u.destination.of(u.signal.urls(urls)).current()))
	}
}

// push uploads a request. It returns what exporterhelper acts upon: nil is done, a
// permanent error drops the items, any other error repeats the upload.
func (u *uploader[T]) push(ctx context.Context, req xexporterhelper.Request) error {
	r, ok := req.(*request[T])
	if !ok {
		return consumererror.NewPermanent(errForeignRequest)
	}
	for len(r.unreadable) > 0 {
		_, reason := stored[T]{signal: u.signal}.read(r.unreadable[0])
		if err := u.unreadable.retry(ctx, r.unreadable[0], reason); err != nil {
			return err
		}
		r.unreadable = r.unreadable[1:]
		if len(r.unreadable) == 0 && r.size == 0 {
			return nil
		}
	}
	s := splitter[T]{uploader: u, source: r}
	return s.run(ctx)
}

// interrupted says why the parts of a request that were not sent yet should not be
// sent now. With a queue in memory a shutdown is no reason: they would be lost.
func (u *uploader[T]) interrupted(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if u.config.durable() || !u.config.QueueConfig.HasValue() {
		select {
		case <-u.stopping:
			return errStopping
		default:
		}
	}
	if wait := u.pace.wait(); wait > 0 {
		return exporterhelper.NewThrottleRetry(errThrottled, wait)
	}
	return nil
}

// uploadOnce makes one upload of a request. An error that is no refusal means that
// it is to be repeated. What becomes of a request that was refused for its data is
// for the caller to say, and to count. It returns how many items APM rejected of an
// upload that it accepted.
func (u *uploader[T]) uploadOnce(ctx context.Context, r *request[T]) (rejected int, err error) {
	u.telemetry.ExporterOciApmUncompressedBytes.Add(ctx, int64(r.size), u.attributes)
	body, err := u.encode(r)
	if err != nil {
		return 0, err
	}
	got, url, err := u.post(ctx, body)
	switch {
	case err == nil && got.accepted():
		u.countUpload(ctx, outcomeAccepted, statusCode(got.status))
		u.pace.arrived(r.size)
		u.pace.release()
		u.health.succeeded()
		return u.reportRejected(ctx, got, r.items), nil
	case ctx.Err() != nil:
		return 0, ctx.Err() // a shutdown says nothing of APM
	case err != nil:
		return 0, u.hold(ctx, r.size, err)
	}
	problem := u.secrets.cleaned(got.problem(u.signal.name, url))
	if isRefusal(problem) {
		return 0, problem
	}
	if got.status == http.StatusRequestTimeout || got.status == http.StatusGatewayTimeout {
		u.pace.timedOut(r.size)
	}
	u.countUpload(ctx, outcomeHeld, statusCode(got.status))
	u.health.failed(strconv.Itoa(got.status), problem)
	return 0, u.throttled(problem, got)
}

// throttled returns the error of an upload that is held, with the pause that the
// answer asks for.
func (u *uploader[T]) throttled(problem error, got answer) error {
	if got.retryAfter <= 0 {
		return problem
	}
	u.pace.hold(got.retryAfter)
	return exporterhelper.NewThrottleRetry(problem, got.retryAfter)
}

// control makes an empty upload: it is refused as well where it is not the data
// that is wrong. It returns why data that was refused is held, or nil if it is the
// data.
func (u *uploader[T]) control(ctx context.Context, refused error) error {
	body, err := u.encode(&request[T]{signal: u.signal})
	if err != nil {
		return err
	}
	got, url, err := u.post(ctx, body)
	switch {
	case err == nil && got.accepted():
		u.countUpload(ctx, outcomeControl, statusCode(got.status))
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return u.hold(ctx, 0, err)
	}
	u.countUpload(ctx, outcomeControl, statusCode(got.status))
	kind, says := strconv.Itoa(got.status), "it is not known yet whether it is the data"
	if !isRetryableStatusCode(got.status) {
		kind, says = "everything "+kind, "it is not the data: check the endpoint, and a proxy or firewall in between"
	}
	problem := u.secrets.cleaned(fmt.Errorf("%s; an empty upload to %s is answered with %d %s, so %s; uploads are held and repeated",
		refused.Error(), url, got.status, http.StatusText(got.status), says))
	u.health.failed(kind, problem)
	return u.throttled(problem, got)
}

// uploadEmpty uploads a request without items, such as that of the check at the
// start. It is its own control.
func (u *uploader[T]) uploadEmpty(ctx context.Context, r *request[T]) error {
	_, err := u.uploadOnce(ctx, r)
	if !isRefusal(err) {
		return err
	}
	if r.size > 0 && u.control(ctx, err) == nil {
		u.countDropped(ctx, 0, err)
		return consumererror.NewPermanent(err)
	}
	u.countHeld(ctx, err)
	u.health.failed("everything "+strconv.Itoa(statusOf(err)), err)
	return errors.New(err.Error())
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

// hold counts and reports an upload that got no answer.
func (u *uploader[T]) hold(ctx context.Context, size int, err error) error {
	kind, advice := diagnose(err)
	if kind == "timeout" {
		u.pace.timedOut(size)
	}
	u.countUpload(ctx, outcomeHeld, attribute.String("error.type", kind))
	if errors.Is(err, discovery.ErrUndiscovered) {
		return err // the domain says so once, for all signals
	}
	err = u.secrets.cleaned(fmt.Errorf("%w; %s", err, advice))
	u.health.failed(kind, err)
	return err
}

// post sends a body with the newest key to the URL that works, and returns the
// answer and the URL that gave it.
func (u *uploader[T]) post(ctx context.Context, body payload) (got answer, url string, err error) {
	urls, key, err := u.resolver.Resolve(ctx)
	if err != nil {
		return answer{}, "", err
	}
	u.secrets.use(key)
	where := u.destination.of(u.signal.urls(urls))
	url = where.current()
	got, err = u.send(ctx, url, key, body)
	if err == nil && got.refusesKey() {
		// The key may have been rotated since it was read.
		if newKey, keyErr := u.resolver.OnRejectedKey(ctx, key); keyErr == nil && newKey != key {
			key = newKey
			u.secrets.use(key)
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
	got, err := readAnswer(resp, u.secrets)
	if err != nil {
		return answer{}, fmt.Errorf("the answer of OCI APM broke off: %w", err)
	}
	return got, nil
}
