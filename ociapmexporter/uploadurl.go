// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter // import "github.com/ociapm/otelcol-ociapm/ociapmexporter"

import (
	"net/http"
	"sync"

	"go.uber.org/zap"
)

// uploadURL is where a signal goes. Oracle's manual has no traces path without
// the type of the data key, although most domains take it: where one answers
// 404, the path for private keys is tried, and kept if it works.
type uploadURL struct {
	primary  string
	fallback string // "" is none
	logger   *zap.Logger

	mu    sync.Mutex
	state fallbackState
}

type fallbackState int

const (
	fallbackUntried fallbackState = iota
	fallbackWorks
	fallbackFails // with 404 too: the mistake is elsewhere
)

func (u *uploadURL) current() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.state == fallbackWorks {
		return u.fallback
	}
	return u.primary
}

// notFound decides about a request that url answered with 404. It sends it to
// the fallback where that may help, and returns the answer to act upon and the
// URL that gave it.
func (u *uploadURL) notFound(url string, got answer, send func(url string) (answer, error)) (answer, string, error) {
	// While one request tries the fallback, those that were sent beside it
	// wait: without the fallback they would be dropped.
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.fallback == "" || u.state == fallbackFails || url == u.fallback {
		return got, url, nil
	}
	second, err := send(u.fallback)
	switch {
	case err != nil:
		return answer{}, u.fallback, err
	case second.status == http.StatusNotFound:
		u.state = fallbackFails
		return got, url, nil
	case second.accepted() && u.state == fallbackUntried:
		u.state = fallbackWorks
		u.logger.Warn("OCI APM answered 404 on the path for traces and takes them on the path for private data keys: write data_key_type: private to use it from the start",
			zap.String("url", u.fallback))
	}
	return second, u.fallback, nil
}
