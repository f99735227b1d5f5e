// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter

import (
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.uber.org/zap"
)

// relay forwards connections. Once dead is set, it neither forwards nor closes the
// existing ones, like a load balancer that has lost them from its table. New ones work.
type relay struct {
	listener net.Listener
	target   string
	dead     atomic.Bool
	accepted atomic.Int64

	mu    sync.Mutex
	conns []net.Conn
	done  sync.WaitGroup
}

func startRelay(t *testing.T, target string) *relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r := &relay{listener: listener, target: target}
	r.done.Go(r.serve)
	t.Cleanup(func() {
		_ = listener.Close()
		r.mu.Lock()
		for _, conn := range r.conns {
			_ = conn.Close()
		}
		r.mu.Unlock()
		r.done.Wait()
	})
	return r
}

func (r *relay) serve() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", r.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		r.mu.Lock()
		r.conns = append(r.conns, client, server)
		r.mu.Unlock()
		first := r.accepted.Add(1) == 1
		r.done.Go(func() { r.forward(client, server, first) })
		r.done.Go(func() { r.forward(server, client, first) })
	}
}

func (r *relay) forward(from, to net.Conn, canDie bool) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		if canDie && r.dead.Load() {
			continue
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// A ping detects an HTTP/2 connection that is dead but not closed, and a new connection
// is opened.
func TestDeadConnectionIsFound(t *testing.T) {
	defaults := createDefaultConfig().(*Config).ClientConfig
	require.LessOrEqual(t, defaults.HTTP2ReadIdleTimeout+defaults.HTTP2PingTimeout, 30*time.Second)
	require.Positive(t, defaults.HTTP2ReadIdleTimeout)

	var protocol atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) { protocol.Store(int64(req.ProtoMajor)) }))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	relay := startRelay(t, server.Listener.Addr().String())

	cfg := directConfig("https://" + relay.listener.Addr().String())
	cfg.ClientConfig.TLS.CAPem = configopaque.String(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	cfg.ClientConfig.TLS.ServerName = "example.com"
	cfg.ClientConfig.HTTP2ReadIdleTimeout = 300 * time.Millisecond
	cfg.ClientConfig.HTTP2PingTimeout = 300 * time.Millisecond
	cfg.RetryConfig.Enabled = true
	cfg.RetryConfig.InitialInterval = time.Millisecond
	exp := newTraces(t, cfg, zap.NewNop())
	require.NoError(t, exp.ConsumeTraces(t.Context(), traces(1)))
	require.EqualValues(t, 2, protocol.Load(), "HTTP/2")

	relay.dead.Store(true)
	begin := time.Now()
	require.NoError(t, exp.ConsumeTraces(t.Context(), traces(1)))
	assert.Less(t, time.Since(begin), cfg.ClientConfig.Timeout/2)
	assert.EqualValues(t, 2, relay.accepted.Load(), "connections")
}
