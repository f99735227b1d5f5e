// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	"github.com/ociapm/otelcol-ociapm/internal/sandbox/faults"
)

const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = time.Minute
	writeTimeout      = time.Minute
	idleTimeout       = 2 * time.Minute
	// A token in a header is longer than the limit of other servers.
	maxHeaderBytes  = 256 << 10
	shutdownTimeout = 5 * time.Second
)

// Server is an emulated OCI. Its methods are safe for concurrent use.
type Server struct {
	config  Config
	logger  *zap.Logger
	uploads *apm.Server

	tenancy string // OCID
	user    string // OCID of the user with the API keys

	dir      string     // temporary, contains the CA's file
	tlsCA    *authority // authority of the endpoints
	tokens   *issuer
	instance *instance
	vault    *vault
	faults   *faults.List[Fault]
	requests *requestLog

	proxy    *http.Server // the server that clients connect to
	services *http.Server // the server inside their tunnels
	tunnels  *tunnelListener
	address  string
	closing  chan struct{}
	running  sync.WaitGroup
	failed   chan error // receives the error if serving stops without Close

	mu       sync.Mutex
	domain   domain
	apiKeys  map[string]apiKey // by key id
	offset   time.Duration     // of the server's clock
	clusters []*cluster
	closed   bool
	denied   []Permission // that no caller has

	configs    *configStore
	attributes *attributeStore
	logs       *logStore
	alarms     *alarmStore

	instanceMetadata map[string]any
}

// Start creates the keys and certificates of an emulated OCI and serves until
// Close. uploads is the APM domain: it receives the requests to the domain's
// data upload endpoint, and the control plane lists its data keys. The caller
// starts and stops it.
func Start(ctx context.Context, config Config, uploads *apm.Server, logger *zap.Logger) (*Server, error) {
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("invalid configuration: %w", err)
	}
	config = config.withDefaults()
	s := &Server{
		config: config, logger: logger, uploads: uploads,
		faults:   &faults.List[Fault]{},
		requests: newRequestLog(),
		vault:    newVault(config.Region),

		configs:    newConfigStore(config.DomainRegion),
		attributes: newAttributeStore(),
		logs:       newLogStore(config.DomainRegion),
		alarms:     newAlarmStore(config.DomainRegion),

		instanceMetadata: defaultInstanceMetadata(config.Region),
		closing:          make(chan struct{}),
		failed:           make(chan error, 1),
		apiKeys:          map[string]apiKey{},
		tenancy:          newOCID("tenancy", ""),
		user:             newOCID("user", ""),
		domain: domain{
			id:          newOCID("apmdomain", config.DomainRegion),
			compartment: newOCID("compartment", ""),
			region:      config.DomainRegion,
			created:     time.Now().UTC().Truncate(time.Millisecond),
			state:       DomainActive,
			withoutKeys: config.EmptyDomain,
		},
	}
	if !config.EmptyDomain {
		s.configs.items = append(s.configs.items, defaultRule(config.DomainRegion))
	}
	uploads.SetNaming(s.convertsNames)
	s.domain.host = uploadHost(s.domain.id, s.domain.region)
	if err := s.makeKeys(); err != nil {
		return nil, err
	}
	if err := s.writeCA(); err != nil {
		return nil, err
	}
	if err := s.listen(ctx); err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.dir))
	}
	logger.Debug("OCI sandbox ready", zap.String("proxy", s.ProxyURL()), zap.String("apm_domain_id", s.DomainID()))
	return s, nil
}

// uploadHost returns a host name in the format that the control plane assigns
// to a domain.
func uploadHost(id, region string) string {
	prefix := id[strings.LastIndexByte(id, '.')+1:]
	return prefix[len(prefix)-26:] + ".apm-agt." + region + ".oci.oraclecloud.com"
}

func (s *Server) makeKeys() error {
	var err error
	if s.tlsCA, err = newAuthority("ocisandbox CA", nil); err != nil {
		return err
	}
	if s.tokens, err = newIssuer(); err != nil {
		return err
	}
	s.instance, err = newInstance(s.config.Region, s.tenancy)
	return err
}

func (s *Server) writeCA() error {
	dir, err := os.MkdirTemp("", "ocisandbox-")
	if err != nil {
		return fmt.Errorf("directory of the CA: %w", err)
	}
	s.dir = dir
	if err := os.WriteFile(s.CAFile(), s.tlsCA.pem(), 0o600); err != nil {
		return errors.Join(fmt.Errorf("file of the CA: %w", err), os.RemoveAll(dir))
	}
	return nil
}

func (s *Server) listen(ctx context.Context) error {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", s.config.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	s.address = listener.Addr().String()
	s.tunnels = newTunnelListener(listener.Addr())
	s.services = s.newHTTPServer(s.serviceHandler())
	s.proxy = s.newHTTPServer(s.proxyHandler())
	s.serve(s.services, s.tunnels)
	s.serve(s.proxy, listener)
	return nil
}

func (s *Server) newHTTPServer(handler http.Handler) *http.Server {
	// The error log of net/http quotes what clients do, such as failed
	// handshakes. NewStdLogAt fails only for an unknown level.
	errorLog, _ := zap.NewStdLogAt(s.logger, zap.DebugLevel)
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          errorLog,
	}
}

func (s *Server) serve(server *http.Server, listener net.Listener) {
	s.running.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			select {
			case s.failed <- fmt.Errorf("serve: %w", err):
			default: // one error is enough
			}
		}
	})
}

// Failed returns a channel that receives the error if serving stops by itself.
func (s *Server) Failed() <-chan error {
	return s.failed
}

// Close stops serving, cuts delays short, and deletes the file of the CA.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	servers := []*http.Server{s.proxy, s.services}
	for _, cluster := range s.clusters {
		servers = append(servers, cluster.http)
	}
	s.mu.Unlock()
	close(s.closing)
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	var errs []error
	for _, server := range servers {
		if err := server.Shutdown(ctx); err != nil {
			errs = append(errs, fmt.Errorf("shutdown: %w", err), server.Close())
		}
	}
	s.running.Wait()
	return errors.Join(append(errs, os.RemoveAll(s.dir))...)
}

// ProxyURL returns the URL of the forward proxy.
func (s *Server) ProxyURL() string {
	return "http://" + s.address
}

// CAFile returns the path of the certificate that clients must trust. Close
// deletes it.
func (s *Server) CAFile() string {
	return filepath.Join(s.dir, "ca.pem")
}

// Environment returns the environment variables with which a process finds the
// emulated OCI in place of the real one. Credentials are not included: see
// [Server.WriteConfigFile], [Server.WriteResourcePrincipal] and
// [Server.StartCluster]; an instance principal needs none.
//
// SSL_CERT_FILE replaces the certificates of the system: the process will trust
// no other server.
func (s *Server) Environment() []string {
	return []string{
		"HTTP_PROXY=" + s.ProxyURL(),
		"HTTPS_PROXY=" + s.ProxyURL(),
		// Set explicitly, so that a value of the parent process has no effect.
		"NO_PROXY=localhost,127.0.0.0/8",
		"SSL_CERT_FILE=" + s.CAFile(),
	}
}

// NewTransport returns a transport that reaches the emulated OCI from inside
// the process of the sandbox. The caller must close its idle connections.
func (s *Server) NewTransport() *http.Transport {
	transport := http.DefaultTransport.(*http.Transport).Clone() // the default type, unless somebody replaced it
	transport.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: s.address})
	transport.TLSClientConfig = s.tlsCA.clientConfig()
	return transport
}

// SetClockOffset moves the clock of the server forward or back, relative to
// this machine's. A client whose clock is wrong by ten minutes sees the same.
func (s *Server) SetClockOffset(offset time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.offset = offset
}

// ExpireTokens expires all tokens that were issued so far, whatever their
// claims say.
func (s *Server) ExpireTokens() {
	s.tokens.revoke()
}

// now returns the server's time.
func (s *Server) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Add(s.offset)
}
