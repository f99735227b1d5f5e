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
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"

	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/discovery"
)

var (
	// errStopping interrupts an upload in parts when the exporter shuts down.
	errStopping = errors.New("the exporter is shutting down")
	// errThrottled interrupts an upload in parts while APM asks for a pause.
	errThrottled = errors.New("OCI APM has asked for a pause (Retry-After); uploads are queued and retried")
)

// baseExporter uploads one signal to an APM domain.
type baseExporter[T any] struct {
	signal    *signal[T]
	config    *Config
	settings  component.TelemetrySettings
	userAgent string
	report    *reporter

	resolver    resolver
	destination *destination
	pace        *pace
	secrets     *secrets
	unreadable  *unreadableItems
	gzipper     *gzipper // nil if confighttp compresses, or if nothing does

	client *http.Client // set by start

	stopCheck context.CancelFunc // cancels the check on startup
	checking  sync.WaitGroup     // for the check on startup, and for what refreshes the status
	stopping  chan struct{}      // closed by stop
	stop      func()
}

func newBaseExporter[T any](cfg *Config, set exporter.Settings, sig *signal[T], discoverers *discovery.Shared) (*baseExporter[T], error) {
	report, err := newReporter(cfg, set, sig.name)
	if err != nil {
		return nil, err
	}
	userAgent := fmt.Sprintf("%s/%s (%s/%s)", set.BuildInfo.Command, set.BuildInfo.Version, runtime.GOOS, runtime.GOARCH)
	destinations, err := newResolver(cfg, set, sig.name, userAgent, discoverers, func() {
		report.keyReloaded(context.Background(), cfg.DataKeyFile)
	})
	if err != nil {
		return nil, err
	}
	stopping := make(chan struct{})
	return &baseExporter[T]{
		signal:      sig,
		config:      cfg,
		settings:    set.TelemetrySettings,
		userAgent:   userAgent,
		report:      report,
		resolver:    destinations,
		destination: &destination{logger: set.Logger},
		pace:        &pace{},
		secrets:     newSecrets(string(cfg.DataKey), cfg.ClientConfig.Headers),
		unreadable:  &unreadableItems{id: set.ID, name: sig.name, logger: set.Logger, count: report.unreadable},
		gzipper:     newGzipper(cfg.ClientConfig),
		stopCheck:   func() {},
		stopping:    stopping,
		stop:        sync.OnceFunc(func() { close(stopping) }),
	}, nil
}

// start creates the HTTP client, which needs the host's extensions. It checks in the
// background whether APM accepts uploads.
func (e *baseExporter[T]) start(ctx context.Context, host component.Host) error {
	if e.config.durable() {
		e.unreadable.start(host, *e.config.QueueConfig.Get().StorageID)
	}
	client, err := newClient(ctx, e.config.ClientConfig, host, e.settings, e.report.transferred)
	if err != nil {
		return err
	}
	e.client = client
	e.report.start(host)
	e.resolver.Start(discoveryHost{host: host, health: e.report.health})
	e.checking.Go(func() { e.report.health.refreshEvery(statusInterval, e.stopping) })
	if e.config.StartupCheck {
		checkCtx, stop := context.WithCancel(context.WithoutCancel(ctx)) //nolint:gosec // shutdown calls stop
		e.stopCheck = stop
		e.checking.Go(func() { e.check(checkCtx) })
	}
	return nil
}

// check uploads an empty request on startup. APM accepts or refuses it for its host, path
// and key, as it does a request with items. It logs one line: on failure, the line that
// the first failed upload would have logged.
func (e *baseExporter[T]) check(ctx context.Context) {
	if e.resolver.WaitReady(ctx) != nil {
		return // shut down before the domain was discovered
	}
	if e.push(ctx, &request[T]{signal: e.signal}) != nil {
		return
	}
	urls, _, err := e.resolver.Resolve(ctx)
	if err == nil {
		e.report.connected(e.destination.of(e.signal.urls(urls)).current())
	}
}

func (e *baseExporter[T]) shutdown(context.Context) error {
	e.stop()
	e.stopCheck()
	e.checking.Wait()
	e.resolver.Shutdown()
	e.report.shutdown()
	if e.client != nil {
		e.client.CloseIdleConnections()
	}
	return nil
}

// push uploads a request. exporterhelper acts upon the error: after nil the request is
// done, after a permanent error its items are dropped, and after any other error it is
// retried.
func (e *baseExporter[T]) push(ctx context.Context, req xexporterhelper.Request) error {
	r, ok := req.(*request[T])
	if !ok {
		return consumererror.NewPermanent(errForeignRequest)
	}
	if len(r.unreadable) > 0 {
		if err := e.keepUnreadable(ctx, r); err != nil || r.size == 0 {
			return err
		}
	}
	if r.items == 0 {
		return e.uploadEmpty(ctx, r)
	}
	s := splitter[T]{uploader: e, report: e.report, pace: e.pace, source: r}
	return s.send(ctx)
}

// keepUnreadable hands unreadable stored items to the storage again. The storage could
// not keep them when they were read.
func (e *baseExporter[T]) keepUnreadable(ctx context.Context, r *request[T]) error {
	for len(r.unreadable) > 0 {
		_, reason := stored[T]{signal: e.signal}.read(r.unreadable[0])
		if err := e.unreadable.retry(ctx, r.unreadable[0], reason); err != nil {
			return err
		}
		r.unreadable = r.unreadable[1:]
	}
	return nil
}

// interrupted returns why the remaining parts of a request must not be sent now, or
// nil. With a queue in memory, a shutdown does not interrupt, since the parts would be
// lost.
func (e *baseExporter[T]) interrupted(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if e.config.durable() || !e.config.QueueConfig.HasValue() {
		select {
		case <-e.stopping:
			return errStopping
		default:
		}
	}
	if wait := e.pace.wait(); wait > 0 {
		return exporterhelper.NewThrottleRetry(errThrottled, wait)
	}
	return nil
}

// uploadOnce makes one upload of a request. It returns how many items APM rejected of an
// upload that it accepted. After an error that is not a refusal, the upload is retried.
// If the request was refused for its data, the caller decides what to do and reports it.
func (e *baseExporter[T]) uploadOnce(ctx context.Context, r *request[T]) (rejected int, err error) {
	e.report.encoded(ctx, r.size)
	body, err := e.encode(r)
	if err != nil {
		return 0, err
	}
	got, url, err := e.post(ctx, body)
	switch {
	case err == nil && got.accepted():
		e.pace.succeeded(r.size)
		e.pace.resume()
		count, message := e.signal.rejected(got)
		e.report.accepted(ctx, got.status, count, message)
		return int(min(max(count, 0), int64(r.items))), nil
	case ctx.Err() != nil:
		return 0, ctx.Err() // a shutdown is not APM's failure
	case err != nil:
		return 0, e.unanswered(ctx, r.size, err)
	}
	problem := e.secrets.cleaned(got.problem(e.signal.name, url))
	if isRefusal(problem) {
		return 0, problem
	}
	if got.status == http.StatusRequestTimeout || got.status == http.StatusGatewayTimeout {
		e.pace.timedOut(r.size)
	}
	e.report.willRetry(ctx, got.status, problem)
	return 0, e.throttled(problem, got)
}

// throttled returns the error of an upload that is retried. It has the pause that the
// answer asks for.
func (e *baseExporter[T]) throttled(problem error, got response) error {
	if got.retryAfter <= 0 {
		return problem
	}
	e.pace.pause(got.retryAfter)
	return exporterhelper.NewThrottleRetry(problem, got.retryAfter)
}

// control makes an empty upload after one that was refused for its data. If it is
// refused too, the data is not the cause. It returns why the data is retained for
// retry, or nil if the data is the cause.
func (e *baseExporter[T]) control(ctx context.Context, refused error) error {
	body, err := e.encode(&request[T]{signal: e.signal})
	if err != nil {
		return err
	}
	got, url, err := e.post(ctx, body)
	switch {
	case err == nil && got.accepted():
		e.report.control(ctx, got.status)
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return e.unanswered(ctx, 0, err)
	}
	e.report.control(ctx, got.status)
	says := "it is not known yet whether the data is the cause"
	if !isRetryableStatusCode(got.status) {
		says = "the data is not the cause: check the endpoint, and any proxy or firewall in between"
	}
	problem := e.secrets.cleaned(fmt.Errorf("%s; an empty upload to %s is answered with %d %s, so %s; uploads are queued and retried",
		refused.Error(), url, got.status, http.StatusText(got.status), says))
	e.report.controlFailed(got.status, problem)
	return e.throttled(problem, got)
}

// uploadEmpty uploads a request without items, such as that of the check on startup. A
// request of zero bytes needs no control: it is one.
func (e *baseExporter[T]) uploadEmpty(ctx context.Context, r *request[T]) error {
	_, err := e.uploadOnce(ctx, r)
	if !isRefusal(err) {
		return err
	}
	if r.size > 0 && e.control(ctx, err) == nil {
		e.report.dropped(ctx, 0, err)
		return consumererror.NewPermanent(err)
	}
	e.report.refusedEmpty(ctx, err)
	return errors.New(err.Error())
}

// payload is the body of an upload and its Content-Encoding, if it has one.
type payload struct {
	content  []byte
	encoding string
}

func (e *baseExporter[T]) encode(r *request[T]) (payload, error) {
	if e.gzipper == nil {
		return payload{content: r.body()}, nil
	}
	content, err := e.gzipper.zip(r.pieces, r.size)
	return payload{content: content, encoding: "gzip"}, err
}

// unanswered returns the error of an upload that got no answer. It says what to do.
func (e *baseExporter[T]) unanswered(ctx context.Context, size int, err error) error {
	kind, advice := diagnose(err)
	if kind == "timeout" {
		e.pace.timedOut(size)
	}
	if !errors.Is(err, discovery.ErrUndiscovered) {
		err = e.secrets.cleaned(fmt.Errorf("%w; %s", err, advice))
	}
	e.report.unanswered(ctx, kind, err)
	return err
}

// post sends a body with the newest key to the URL that worked last, and returns the
// answer and the URL that gave it. A rejected key is refreshed once, and a 404 makes
// it try the other path.
func (e *baseExporter[T]) post(ctx context.Context, body payload) (got response, url string, err error) {
	urls, key, err := e.resolver.Resolve(ctx)
	if err != nil {
		return response{}, "", err
	}
	e.secrets.use(key)
	where := e.destination.of(e.signal.urls(urls))
	url = where.current()
	got, err = e.send(ctx, url, key, body)
	if err == nil && got.rejectsKey() {
		// The key may have been rotated since it was resolved.
		if newKey, keyErr := e.resolver.OnRejectedKey(ctx, key); keyErr == nil && newKey != key {
			key = newKey
			e.secrets.use(key)
			got, err = e.send(ctx, url, key, body)
		}
	}
	if err == nil && got.status == http.StatusNotFound {
		return where.notFound(url, got, func(url string) (response, error) { return e.send(ctx, url, key, body) })
	}
	return got, url, err
}

// send makes one HTTP request.
func (e *baseExporter[T]) send(ctx context.Context, url, key string, body payload) (response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body.content))
	if err != nil {
		return response{}, err
	}
	req.Header.Set("Authorization", "dataKey "+key)
	req.Header.Set("Content-Type", protobufContentType)
	req.Header.Set("User-Agent", e.userAgent)
	if body.encoding != "" {
		req.Header.Set("Content-Encoding", body.encoding)
	}

	resp, err := e.client.Do(req)
	if err != nil {
		return response{}, fmt.Errorf("upload to OCI APM failed: %w", err)
	}
	defer func() {
		// The connection can be reused only after the body was read to its end.
		_, _ = io.CopyN(io.Discard, resp.Body, maxResponseBytes)
		resp.Body.Close()
	}()
	got, err := readResponse(resp, e.secrets)
	if err != nil {
		return response{}, fmt.Errorf("the connection broke while the answer of OCI APM was read: %w", err)
	}
	return got, nil
}
