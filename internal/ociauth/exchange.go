// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociauth

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
)

// tokenExchange sends the SDK's requests for the token of an instance. It
// applies the caller's context to them, keeps the SDK from retrying them (the
// SDK sleeps for minutes between its attempts), and records the error, which
// the SDK turns into a text that can contain a token.
type tokenExchange struct {
	client, metadata *http.Client

	mu      sync.Mutex
	ctx     context.Context // the context of the current call
	region  []byte          // the answer of the metadata service about the region
	failure *Error
}

// begin is called before the SDK. It sends the request to the metadata service
// that the SDK would retry.
func (e *tokenExchange) begin(ctx context.Context) error {
	e.mu.Lock()
	e.ctx, e.failure = ctx, nil
	known := e.region != nil
	e.mu.Unlock()
	if known {
		return nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, metadataURL()+"/instance/region", http.NoBody)
	if err != nil {
		return &Error{Kind: KindMetadata, message: "OCI_METADATA_BASE_URL is not a URL: correct or remove it"}
	}
	req.Header.Set("Authorization", "Bearer Oracle") // required by version 2 of the service
	body, failure := e.askMetadata(req)
	if failure != nil {
		return failure
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.region = body
	return nil
}

func (e *tokenExchange) askMetadata(req *http.Request) ([]byte, *Error) {
	const advice = "; auth type instance_principal works on Compute instances of OCI only: elsewhere set auth::type to config_file, or endpoint and data_key instead of apm_domain_id"
	resp, err := e.metadata.Do(req) //nolint:gosec // the address is fixed, or the operator's
	if err != nil {
		return nil, &Error{Kind: KindMetadata, message: "no instance metadata service answers at " + req.URL.Host + " (" + network(err) + ")" + advice}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	switch {
	case err != nil:
		return nil, &Error{Kind: KindMetadata, message: "the answer of the instance metadata service at " + req.URL.Host + " broke off"}
	case resp.StatusCode != http.StatusOK:
		return nil, &Error{Kind: KindMetadata, Status: resp.StatusCode, message: fmt.Sprintf(
			"the instance metadata service at %s answered %s with %d%s", req.URL.Host, req.URL.Path, resp.StatusCode, advice)}
	}
	return body, nil
}

// Do implements common.HTTPRequestDispatcher. It answers a failed request with
// a status that makes the SDK give up at once.
func (e *tokenExchange) Do(req *http.Request) (*http.Response, error) {
	e.mu.Lock()
	ctx, region := e.ctx, e.region
	e.mu.Unlock()
	req = req.WithContext(ctx)

	if strings.HasPrefix(req.URL.String(), metadataURL()) {
		if strings.HasSuffix(req.URL.Path, "/instance/region") {
			return answer(req, http.StatusOK, region), nil
		}
		body, failure := e.askMetadata(req)
		if failure != nil {
			return e.fail(req, failure), nil
		}
		return answer(req, http.StatusOK, body), nil
	}

	resp, err := e.client.Do(req) //nolint:gosec // the address is the SDK's, for the region of this machine
	if err != nil {
		return e.fail(req, &Error{Kind: KindUnreachable, message: "the token service " + req.URL.Host + " does not answer (" + network(err) + "); " + networkAdvice}), nil
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	return e.fail(req, refusedExchange(req.URL.Host, resp)), nil
}

// refusedExchange returns the reason why the token service returned no token.
func refusedExchange(host string, resp *http.Response) *Error {
	failure := &Error{Kind: KindFederation, Status: resp.StatusCode, RequestID: resp.Header.Get("opc-request-id")}
	date, err := http.ParseTime(resp.Header.Get("Date"))
	switch {
	case resp.StatusCode == http.StatusTooManyRequests:
		failure.Kind = KindThrottled
		failure.message = "the token service " + host + " throttles this machine (429); it is asked again later"
	case resp.StatusCode >= 500:
		failure.Kind = KindUnreachable
		failure.message = fmt.Sprintf("the token service %s answered with %d; it is asked again later", host, resp.StatusCode)
	case resp.StatusCode == http.StatusUnauthorized && err == nil && skewed(date):
		failure.Kind = KindClockSkew
		failure.message = clockAdvice(date)
	default:
		failure.message = fmt.Sprintf("the token service %s refused the certificate of this instance with %d: check that its dynamic group matches this instance, and the clock of this machine", host, resp.StatusCode)
	}
	return failure
}

func (e *tokenExchange) fail(req *http.Request, failure *Error) *http.Response {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.failure = failure
	return answer(req, http.StatusTeapot, nil)
}

// explain returns the error that made the SDK fail.
func (e *tokenExchange) explain() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.failure != nil {
		return e.failure
	}
	return &Error{Kind: KindFederation, message: "the certificate of this instance, or the token for it, is not in the form that the OCI SDK expects"}
}

func answer(req *http.Request, status int, body []byte) *http.Response {
	return &http.Response{
		StatusCode: status, Status: strconv.Itoa(status), Request: req,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}
}

// metadataURL returns the base URL of the metadata service, determined in the
// same way as by the SDK.
func metadataURL() string {
	if url := os.Getenv("OCI_METADATA_BASE_URL"); url != "" {
		return url
	}
	return "http://169.254.169.254/opc/v2"
}
