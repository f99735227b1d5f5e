// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm/console"
	"github.com/ociapm/otelcol-ociapm/internal/sandbox/faults"
	"github.com/ociapm/otelcol-ociapm/internal/sandbox/localapi"
)

const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = time.Minute
	writeTimeout      = time.Minute
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
)

var errStarted = errors.New("the sandbox has been started already")

// Server is a local replacement for an OCI APM domain. Its methods are safe for
// concurrent use; call Start only once.
type Server struct {
	config Config
	logger *zap.Logger
	keys   *keyring
	faults *faults.List[Fault]
	store  *store
	files  *fileList
	log    *uploadLog
	meter  *meter

	http     *http.Server
	listener net.Listener
	closing  chan struct{} // closed when Shutdown begins
	close    sync.Once
	failed   chan error // receives the error if serving stops without Shutdown
}

// New returns a sandbox that is not serving yet. It returns an error if config
// is invalid.
func New(config Config, logger *zap.Logger) (*Server, error) {
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("invalid configuration: %w", err)
	}
	s := &Server{
		config:  config,
		logger:  logger,
		keys:    &keyring{private: config.PrivateKey, public: config.PublicKey},
		faults:  &faults.List[Fault]{},
		store:   newStore(config.MaxSpans, config.MaxBytes),
		files:   &fileList{maxBytes: config.MaxBytes / 8},
		log:     newUploadLog(logger),
		meter:   &meter{now: time.Now, limit: config.SpansPerHour},
		closing: make(chan struct{}),
		failed:  make(chan error, 1),
	}
	errorLog, err := zap.NewStdLogAt(logger, zapcore.DebugLevel)
	if err != nil {
		return nil, fmt.Errorf("logger: %w", err)
	}
	s.http = &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          errorLog,
	}
	s.http.RegisterOnShutdown(func() { s.close.Do(func() { close(s.closing) }) })
	return s, nil
}

// Handler returns the handler for the upload endpoint, the API and the console.
func (s *Server) Handler() http.Handler {
	api := localapi.Protect(s.config.Listen, s.apiHandler())
	page := localapi.Protect(s.config.Listen, console.Handler())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path := r.URL.Path; {
		case path == "/" || strings.HasPrefix(path, console.AssetsPath):
			page.ServeHTTP(w, r)
		case path == "/healthz" || path == "/api" || strings.HasPrefix(path, "/api/"):
			api.ServeHTTP(w, r)
		default:
			s.serveUpload(w, r)
		}
	})
}

// Start listens, and serves until Shutdown. It returns as soon as the sandbox
// can be reached at URL.
func (s *Server) Start(ctx context.Context) error {
	if s.listener != nil {
		return errStarted
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", s.config.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	s.listener = listener
	go func() {
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- fmt.Errorf("serve: %w", err)
		}
	}()
	return nil
}

// Failed returns a channel that receives the error if serving stops by itself.
func (s *Server) Failed() <-chan error {
	return s.failed
}

// URL returns the sandbox's base URL, without a slash at the end. It replaces
// the Data Upload Endpoint. It is empty before Start.
func (s *Server) URL() string {
	if s.listener == nil {
		return ""
	}
	host, port, err := net.SplitHostPort(s.listener.Addr().String())
	if err != nil {
		return ""
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// Shutdown stops listening, cuts delays short, and waits for the uploads in
// progress. If ctx is done first, it closes their connections.
func (s *Server) Shutdown(ctx context.Context) error {
	if err := s.http.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("shutdown: %w", err), s.http.Close())
	}
	return nil
}

// SetKeys replaces the accepted data keys; an empty one means no change.
func (s *Server) SetKeys(private, public string) error {
	return s.keys.replace(private, public, 0)
}

// AddKeys adds data keys to the accepted ones; an empty one is not added.
func (s *Server) AddKeys(private, public string) error {
	const forever = 100 * 365 * 24 * time.Hour
	return s.keys.replace(private, public, forever)
}

// RotateKeys replaces both data keys; an empty one is generated. The old ones
// are accepted until grace has passed.
func (s *Server) RotateKeys(private, public string, grace time.Duration) error {
	return s.keys.rotate(private, public, grace)
}

// Keys returns the accepted data keys, starting with those that expire soon.
func (s *Server) Keys() []DataKey {
	return s.keys.list()
}

// AddFault adds a fault for future uploads. At most one applies to an upload:
// the oldest for its signal.
func (s *Server) AddFault(f Fault) (FaultState, error) {
	if err := f.Validate(); err != nil {
		return FaultState{}, err
	}
	return s.faults.Add(f, f.Times)
}

// Faults returns the active faults, the oldest first.
func (s *Server) Faults() []FaultState {
	return s.faults.All()
}

// ClearFaults deletes all faults and returns their number.
func (s *Server) ClearFaults() int {
	return s.faults.Remove("")
}

// Reset empties the store, sets its counters to zero, and closes opened files.
func (s *Server) Reset() {
	s.store.reset()
	s.files.clear()
}

// Counts returns the totals.
func (s *Server) Counts() Counts {
	return s.store.snapshotCounts()
}

// Changes returns the change counters.
func (s *Server) Changes() Changes {
	changes := s.store.snapshotChanges()
	changes.Faults = s.faults.Changes()
	return changes
}

// Uploads returns the latest uploads, up to 1000, the newest first.
func (s *Server) Uploads() []Upload {
	return s.store.latestUploads(maxRecent)
}

// Topology returns the services in the store and their callees.
func (s *Server) Topology() Topology {
	return topologyOf(s.store.snapshot(), timeRange{})
}

// StoredTraces returns a copy of the stored spans, with one ResourceSpans for
// each span, in order of the last arrival in their trace.
func (s *Server) StoredTraces() ptrace.Traces {
	traces := ptrace.NewTraces()
	for _, trace := range s.store.snapshot() {
		for _, stored := range trace.spans {
			resource := traces.ResourceSpans().AppendEmpty()
			stored.resource.CopyTo(resource.Resource())
			scope := resource.ScopeSpans().AppendEmpty()
			stored.scope.CopyTo(scope.Scope())
			stored.span.CopyTo(scope.Spans().AppendEmpty())
		}
	}
	return traces
}

// StoredMetrics returns a copy of the latest metrics, up to 1000, the newest
// first, with one ResourceMetrics for each.
func (s *Server) StoredMetrics() pmetric.Metrics {
	metrics := pmetric.NewMetrics()
	for _, stored := range s.store.latestMetrics(maxRecent) {
		resource := metrics.ResourceMetrics().AppendEmpty()
		stored.resource.CopyTo(resource.Resource())
		stored.metric.CopyTo(resource.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty())
	}
	return metrics
}

// StoredLogs returns a copy of the latest log records, up to 1000, the newest
// first, with one ResourceLogs for each.
func (s *Server) StoredLogs() plog.Logs {
	logs := plog.NewLogs()
	for _, stored := range s.store.latestLogs(maxRecent) {
		resource := logs.ResourceLogs().AppendEmpty()
		stored.resource.CopyTo(resource.Resource())
		stored.record.CopyTo(resource.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty())
	}
	return logs
}
