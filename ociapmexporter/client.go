// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter // import "github.com/ociapm/otelcol-ociapm/ociapmexporter"

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configmiddleware"
	"go.opentelemetry.io/collector/extension/extensionmiddleware"
)

// byteMeterID is the name of the exporter's own middleware in the client's
// configuration. No user can give a component this name.
var byteMeterID = component.MustNewIDWithName("oci_apm_byte_meter", "internal")

// newClient returns the HTTP client of the configuration. It calls sent with the size
// of each request's body after compression.
func newClient(ctx context.Context, cfg confighttp.ClientConfig, host component.Host, settings component.TelemetrySettings, sent func(context.Context, int64)) (*http.Client, error) {
	// confighttp compresses inside its chain of transports. Only a middleware sees the
	// compressed body.
	cfg.Middlewares = append(slices.Clone(cfg.Middlewares), configmiddleware.Config{ID: byteMeterID})
	extensions := map[component.ID]component.Component{byteMeterID: byteMeter{sent: sent}}
	maps.Copy(extensions, host.GetExtensions())

	if gzips(cfg) {
		cfg.Compression = "" // the exporter compresses itself, see gzipper
	}
	client, err := cfg.ToClient(ctx, extensions, settings)
	if err != nil {
		return nil, err
	}
	// A redirect would carry the data key to another host.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return client, nil
}

// proxyError is returned if a proxy refuses to connect to APM.
type proxyError struct {
	proxy  string // its host and port: the rest of its URL can hold a password
	target string
	status int
}

// Error implements error.
func (e *proxyError) Error() string {
	return fmt.Sprintf("the proxy %s refuses to connect to %s: %d %s", e.proxy, e.target, e.status, http.StatusText(e.status))
}

// checkProxyResponse returns an error that names the proxy if it refuses to connect. The
// error of net/http is only the status text, which could just as well come from APM.
func checkProxyResponse(_ context.Context, proxy *url.URL, connect *http.Request, resp *http.Response) error {
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	return &proxyError{proxy: proxy.Host, target: connect.Host, status: resp.StatusCode}
}

// byteMeter is a client middleware that reports the size of request bodies. It is the
// innermost one, so it can also set options of the transport that confighttp does not
// expose.
type byteMeter struct {
	component.StartFunc
	component.ShutdownFunc
	sent func(context.Context, int64)
}

var _ extensionmiddleware.HTTPClient = byteMeter{}

// GetHTTPRoundTripper implements extensionmiddleware.HTTPClient.
func (m byteMeter) GetHTTPRoundTripper(context.Context) (extensionmiddleware.WrapHTTPRoundTripperFunc, error) {
	return func(_ context.Context, next http.RoundTripper) (http.RoundTripper, error) {
		if transport, ok := next.(*http.Transport); ok {
			transport.OnProxyConnectResponse = checkProxyResponse
		}
		return roundTripper(func(req *http.Request) (*http.Response, error) {
			m.sent(req.Context(), max(req.ContentLength, 0))
			return next.RoundTrip(req)
		}), nil
	}, nil
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
