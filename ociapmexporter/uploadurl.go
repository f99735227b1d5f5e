// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter // import "github.com/ociapm/otelcol-ociapm/ociapmexporter"

import (
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"
)

// uploadURL is where a signal goes. Oracle's manual has no traces path without
// the type of the data key, although most domains take it: where one answers 404,
// the path for private keys is tried, and used while it works. A later 404 makes
// the exporter try the other one again: an ingress answers 404 whenever a route is
// gone for a moment.
type uploadURL struct {
	primary  string
	fallback string // "" is none
	logger   *zap.Logger

	mu           sync.Mutex
	usesFallback bool
	said         time.Time // when the log told of a change
}

func (u *uploadURL) current() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.usesFallback {
		return u.fallback
	}
	return u.primary
}

// notFound decides about a request that url answered with 404. It sends it to the
// other path where there is one, and returns the answer to act upon and the URL
// that gave it.
func (u *uploadURL) notFound(url string, got answer, send func(url string) (answer, error)) (answer, string, error) {
	if u.fallback == "" {
		return got, url, nil
	}
	other := u.fallback
	if url == u.fallback {
		other = u.primary
	}
	second, err := send(other)
	switch {
	case err != nil:
		return answer{}, other, err
	case second.status == http.StatusNotFound:
		return got, url, nil
	case second.accepted():
		u.use(other)
	}
	return second, other, nil
}

// use makes an URL the one for the next uploads.
func (u *uploadURL) use(url string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.usesFallback == (url == u.fallback) {
		return // another upload was faster
	}
	u.usesFallback = !u.usesFallback
	if now := time.Now(); now.Sub(u.said) >= reminderInterval {
		u.said = now
		message := "OCI APM answered 404 on the path for private data keys and takes traces on the other path again: uploads use that one"
		if u.usesFallback {
			message = "OCI APM answered 404 on the path for traces and takes them on the path for private data keys: write data_key_type: private to use it from the start"
		}
		u.logger.Warn(message, zap.String("url", url))
	}
}
