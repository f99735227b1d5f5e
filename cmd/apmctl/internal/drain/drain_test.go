// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package drain

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// page returns the metrics of a collector that holds some requests and traces.
func page(requests, traces int) string {
	return fmt.Sprintf(`otelcol_exporter_queue_size{data_type="logs",exporter="oci_apm"} 0
otelcol_exporter_queue_size{data_type="traces",exporter="oci_apm"} %d
otelcol_extension_queue_storage_stored_items{queue="exporter_oci_apm__traces.queue"} %d
otelcol_extension_queue_storage_stored_items{queue="processor_durable_tail_sampling.queue"} 7
otelcol_processor_durable_tail_sampling_waiting_traces %d
`, requests*1000, requests, traces)
}

// collector returns the options to drain a collector that answers with these pages of
// metrics, one after another and the last one again and again, and with a status.
func collector(t *testing.T, status int, pages ...string) Options {
	t.Helper()
	var looks atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("/metrics", func(w http.ResponseWriter, _ *http.Request) {
		n := int(looks.Add(1))
		_, _ = w.Write([]byte(pages[min(n, len(pages))-1]))
	})
	mux.HandleFunc("/status", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return Options{Metrics: server.URL + "/metrics", Status: server.URL + "/status", Poll: time.Millisecond}
}

func TestRun(t *testing.T) {
	for _, tt := range []struct {
		name    string
		status  int
		pages   []string
		timeout time.Duration
		err     string
	}{
		{name: "empty", status: http.StatusOK, pages: []string{page(0, 0)}},
		{name: "uploads go on", status: http.StatusOK, pages: []string{page(5, 0), page(2, 0), page(0, 0)}},
		{name: "a sampler decides first", status: http.StatusOK, pages: []string{page(0, 3), page(1, 0), page(0, 0)}},
		{name: "empty for a moment", status: http.StatusOK, pages: []string{page(0, 0), page(1, 0), page(0, 0)}},
		{name: "uploads fail, nothing is left", status: http.StatusInternalServerError, pages: []string{page(0, 0)}},
		{
			name: "uploads fail", status: http.StatusInternalServerError, pages: []string{page(5, 0)},
			err: "uploads fail, so waiting does not help: requests in the queue on disk: 5",
		},
		{
			name: "too much", status: http.StatusOK, pages: []string{page(5, 2)}, timeout: time.Second,
			err: "time is up: requests in the queue on disk: 5, traces that wait for a decision: 2",
		},
		{
			name: "queue in memory", status: http.StatusOK, pages: []string{"otelcol_exporter_queue_size 3\n"}, timeout: time.Second,
			err: "time is up: size of the queues: 3",
		},
		{name: "another program", status: http.StatusOK, pages: []string{"up 1\n"}, timeout: time.Second, err: "has no otelcol_exporter_queue_size"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx := t.Context()
			if tt.timeout > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, tt.timeout)
				defer cancel()
			}
			err := Run(ctx, collector(t, tt.status, tt.pages...))
			if tt.err == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.err)
		})
	}
}

func TestAtLeast(t *testing.T) {
	options := collector(t, http.StatusInternalServerError, page(0, 0), page(0, 0), page(1, 0))
	options.AtLeast = time.Second
	start := time.Now()
	require.ErrorContains(t, Run(t.Context(), options), "on disk: 1", "senders had time to send")
	assert.GreaterOrEqual(t, time.Since(start), options.AtLeast)
}

// A sender that stays connected does not keep the collector from exiting.
func TestBacklog(t *testing.T) {
	uploaded := func(requests int) string {
		return fmt.Sprintf("otelcol_exporter_oci_apm_uncompressed_bytes{exporter=\"oci_apm\"} %d\n", requests*1000)
	}
	for _, tt := range []struct {
		name  string
		pages []string
		err   string
	}{
		{name: "uploaded, and as much has arrived", pages: []string{page(5, 0) + uploaded(100), page(5, 0) + uploaded(104), page(5, 0) + uploaded(105)}},
		{name: "not yet", pages: []string{page(5, 0) + uploaded(100), page(5, 0) + uploaded(104)}, err: "time is up: requests in the queue on disk: 5"},
		{name: "a sampler has to decide", pages: []string{page(5, 1) + uploaded(100), page(5, 1) + uploaded(105)}, err: "traces that wait for a decision: 1"},
		{name: "nothing was queued, something arrives", pages: []string{page(0, 0) + uploaded(100), page(1, 0) + uploaded(100)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			options := collector(t, http.StatusOK, tt.pages...)
			options.Backlog = true
			timeout := 10 * time.Second
			if tt.err != "" {
				timeout = time.Second
			}
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			err := Run(ctx, options)
			if tt.err == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.err)
		})
	}
}

func TestNoCollector(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	require.ErrorContains(t, Run(ctx, Options{Metrics: server.URL + "/metrics", Poll: time.Millisecond}), "refused")
}
