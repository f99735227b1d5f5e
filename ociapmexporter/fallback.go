// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter // import "github.com/ociapm/otelcol-ociapm/ociapmexporter"

import (
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"
)

// destination is where the uploads of one signal go. It remembers which path of an
// endpoint works for as long as the endpoint stays the same.
type destination struct {
	logger *zap.Logger

	mu      sync.Mutex
	current *endpointWithFallback // nil before the first upload
}

// of returns the endpoint of these URLs.
func (d *destination) of(primary, fallback string) *endpointWithFallback {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.current == nil || d.current.primary != primary || d.current.fallback != fallback {
		d.current = &endpointWithFallback{primary: primary, fallback: fallback, logger: d.logger}
	}
	return d.current
}

// endpointWithFallback is the upload URL of a signal, and another one to try on 404.
// Oracle's manual has no traces path without the type of the data key, although most
// domains accept it. If a domain answers it with 404, the exporter tries the path for
// private keys, and uses it until that answers 404. Then it tries the other path again,
// since an ingress answers 404 whenever a route is missing for a moment.
type endpointWithFallback struct {
	primary  string
	fallback string // "" if there is none
	logger   *zap.Logger

	mu           sync.Mutex
	usesFallback bool
	reported     time.Time // when a change was logged last
}

func (e *endpointWithFallback) current() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.usesFallback {
		return e.fallback
	}
	return e.primary
}

// notFound handles a request that was answered with 404. It sends the request to the
// other path, if there is one, and returns the answer to act upon and its URL.
func (e *endpointWithFallback) notFound(url string, got response, send func(url string) (response, error)) (response, string, error) {
	if e.fallback == "" {
		return got, url, nil
	}
	other := e.fallback
	if url == e.fallback {
		other = e.primary
	}
	second, err := send(other)
	switch {
	case err != nil:
		return response{}, other, err
	case second.status == http.StatusNotFound:
		return got, url, nil
	case second.accepted():
		e.use(other)
	}
	return second, other, nil
}

// use switches the next uploads to a URL.
func (e *endpointWithFallback) use(url string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.usesFallback == (url == e.fallback) {
		return // another upload has switched already
	}
	e.usesFallback = !e.usesFallback
	if now := time.Now(); now.Sub(e.reported) >= reminderInterval {
		e.reported = now
		message := "OCI APM answered 404 on the path for private data keys and accepts traces on the other path again: uploads use that one"
		if e.usesFallback {
			message = "OCI APM answered 404 on the path for traces and accepts them on the path for private data keys: write data_key_type: private to use it from startup"
		}
		e.logger.Warn(message, zap.String("url", url))
	}
}
