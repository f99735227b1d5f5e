// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter

import (
	"cmp"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"
)

// From the second time-out in a row on, the limit halves. Successes let it grow until it
// is removed.
func TestPaceAfterTimeouts(t *testing.T) {
	p := &pace{}
	p.timedOut(1 << 20)
	assert.Zero(t, p.size(), "one time-out")
	p.succeeded(1 << 20)
	p.timedOut(1 << 20)
	assert.Zero(t, p.size(), "not in a row")
	p.timedOut(1 << 20)
	assert.Equal(t, 512<<10, p.size())
	p.timedOut(4 << 20)
	assert.Equal(t, 512<<10, p.size(), "a concurrent upload that was larger")
	p.timedOut(512 << 10)
	assert.Equal(t, 256<<10, p.size())
	p.timedOut(100)
	assert.Equal(t, minPace, p.size())

	p.succeeded(minPace / 4)
	assert.Equal(t, minPace, p.size(), "a small upload does not show that larger ones succeed")
	p.succeeded(minPace)
	assert.Equal(t, 2*minPace, p.size())
	for range 20 {
		p.succeeded(p.size())
	}
	assert.Zero(t, p.size())
}

// If only small uploads are answered in time, a large request is sent in parts. A
// gateway's time-out counts like APM's.
func TestTimeoutsHalve(t *testing.T) {
	for _, status := range []int{0, http.StatusRequestTimeout, http.StatusGatewayTimeout} {
		t.Run(cmp.Or(http.StatusText(status), "no answer"), func(t *testing.T) {
			var stored, largest atomic.Int64
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				body, err := io.ReadAll(req.Body)
				switch {
				case err != nil || len(body) > 40<<10:
					if status == 0 {
						<-req.Context().Done()
						return
					}
					w.WriteHeader(status)
				default:
					count, _ := tracesSignal().layout.Count(body)
					stored.Add(int64(count))
					largest.Store(max(largest.Load(), int64(len(body))))
				}
			}))
			defer server.Close()
			cfg := plainConfig(server.URL)
			cfg.ClientConfig.Timeout = 200 * time.Millisecond
			base := startBaseExporter(t, cfg, zap.NewNop())
			r := newTestRequest(t, traces(6000))
			require.Greater(t, r.size, 128<<10)

			attempts := 1
			for err := base.push(t.Context(), r); err != nil; err = base.push(t.Context(), r) {
				r = r.OnError(err).(*request[ptrace.Traces])
				attempts++
				require.Less(t, attempts, 20)
			}
			assert.EqualValues(t, 6000, stored.Load())
			assert.Greater(t, largest.Load(), int64(minPace/2))
		})
	}
}
