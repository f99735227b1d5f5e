// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"

	"go.uber.org/zap"
)

// Service is one of OCI's services.
type Service string

// The services of the sandbox.
const (
	// ServiceAPM is the APM control plane.
	ServiceAPM Service = "apm-cp"
	// ServiceSecrets is the retrieval of secrets from Vault.
	ServiceSecrets Service = "secrets"
	// ServiceAuth exchanges certificates for tokens.
	ServiceAuth Service = "auth"
	// ServiceMetadata is the instance metadata service.
	ServiceMetadata Service = "metadata"
	// ServiceProxymux issues tokens to the pods of a Kubernetes cluster (OKE).
	ServiceProxymux Service = "proxymux"
	// ServiceAPMConfig is the configuration of APM domains.
	ServiceAPMConfig Service = "apm-config"
	// ServiceAPMTraces reads traces, and manages the attributes of spans.
	ServiceAPMTraces Service = "apm-trace"
	// ServiceLogging is Logging's management of logs.
	ServiceLogging Service = "logging"
	// ServiceMonitoring is Monitoring.
	ServiceMonitoring Service = "telemetry"
	// ServiceUpload is the data upload endpoint of the APM domain.
	ServiceUpload Service = "upload"
)

// metadataHost is the address of the instance metadata service.
const metadataHost = "169.254.169.254"

// serviceOf returns the service and region of an OCI host name. ok is false if
// the host is unknown.
func (s *Server) serviceOf(host string) (service Service, region string, ok bool) {
	if host == s.uploadHost() {
		return ServiceUpload, s.config.DomainRegion, true
	}
	for _, known := range []struct {
		service        Service
		prefix, suffix string
	}{
		{ServiceAPM, "apm-cp.", ".oci.oraclecloud.com"},
		{ServiceAPMConfig, "apm-config.", ".oci.oraclecloud.com"},
		{ServiceAPMTraces, "apm-trace.", ".oci.oraclecloud.com"},
		{ServiceLogging, "logging.", ".oci.oraclecloud.com"},
		{ServiceMonitoring, "telemetry.", ".oraclecloud.com"},
		{ServiceSecrets, "secrets.vaults.", ".oci.oraclecloud.com"},
		{ServiceAuth, "auth.", ".oraclecloud.com"},
	} {
		rest, hasPrefix := strings.CutPrefix(host, known.prefix)
		region, hasSuffix := strings.CutSuffix(rest, known.suffix)
		if hasPrefix && hasSuffix && regionName.MatchString(region) {
			return known.service, region, true
		}
	}
	return "", "", false
}

func (s *Server) uploadHost() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.domain.host
}

// proxyHandler answers the requests that clients send to the proxy itself.
func (s *Server) proxyHandler() http.Handler {
	admin := s.adminHandler()
	metadata := s.metadataHandler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodConnect:
			s.tunnel(w, r)
		case !r.URL.IsAbs():
			admin.ServeHTTP(w, r)
		case r.URL.Scheme == "http" && r.URL.Host == metadataHost:
			metadata.ServeHTTP(w, r)
		default:
			s.refuse(w, r.URL.Scheme+"://"+r.URL.Host)
		}
	})
}

// refuse answers a request that would have no answer on the real network.
func (s *Server) refuse(w http.ResponseWriter, target string) {
	s.logger.Warn("the OCI sandbox refused a connection", zap.String("target", target))
	s.requests.refused(target)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	http.Error(w, fmt.Sprintf("the OCI sandbox does not connect to %q", target), http.StatusBadGateway)
}

// tunnel answers CONNECT: afterwards the client speaks TLS with the service.
func (s *Server) tunnel(w http.ResponseWriter, r *http.Request) {
	host, port, err := net.SplitHostPort(r.Host)
	service, _, ok := s.serviceOf(host)
	if err != nil || port != "443" || !ok {
		s.refuse(w, r.Host)
		return
	}
	if s.takeDown(service) {
		s.requests.add(Request{Time: s.now(), Service: service, Reason: ReasonFault})
		http.Error(w, "a fault of the sandbox makes the service unreachable", http.StatusBadGateway)
		return
	}
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		s.refuse(w, r.Host)
		return
	}
	// A client that sends before the answer does not speak TLS that could be
	// served.
	if buffered.Reader.Buffered() > 0 {
		_ = conn.Close()
		return
	}
	if _, err := conn.Write([]byte("HTTP/1.1 200 Connection established\r\n\r\n")); err != nil {
		_ = conn.Close()
		return
	}
	s.tunnels.add(tls.Server(conn, s.tlsCA.serverConfig(host)))
}

// serverConfig returns the TLS configuration for serving a host. It offers only
// HTTP/1.1, so that a fault can close the connection of one request without
// affecting another.
func (a *authority) serverConfig(host string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if hello.ServerName != "" && hello.ServerName != host {
				return nil, fmt.Errorf("the client connected to %s, but requested the certificate of %s", host, hello.ServerName)
			}
			return a.serve(host)
		},
	}
}

// clientConfig returns a TLS configuration that trusts certificates of the
// authority.
func (a *authority) clientConfig() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: a.pool()}
}

// tunnelListener passes the connections inside tunnels to an HTTP server.
type tunnelListener struct {
	address net.Addr
	conns   chan net.Conn
	closed  chan struct{}
	close   sync.Once
}

func newTunnelListener(address net.Addr) *tunnelListener {
	return &tunnelListener{address: address, conns: make(chan net.Conn), closed: make(chan struct{})}
}

// add passes a connection on, or closes it if nobody listens any more.
func (l *tunnelListener) add(conn net.Conn) {
	select {
	case l.conns <- conn:
	case <-l.closed:
		_ = conn.Close() // the client sees a closed connection
	}
}

// Accept implements net.Listener.
func (l *tunnelListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *tunnelListener) Close() error {
	l.close.Do(func() { close(l.closed) })
	return nil
}

// Addr implements net.Listener.
func (l *tunnelListener) Addr() net.Addr {
	return l.address
}

// serviceHandler answers requests inside the tunnels.
func (s *Server) serviceHandler() http.Handler {
	handlers := map[Service]http.Handler{ServiceUpload: http.HandlerFunc(s.serveUpload)}
	for service, routes := range s.routes() {
		handlers[service] = s.handlerOf(routes)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The certificate was for the host of CONNECT; a request for another
		// host does not belong in this tunnel.
		service, _, ok := s.serviceOf(r.Host)
		if !ok || r.TLS.ServerName != r.Host {
			w.WriteHeader(http.StatusMisdirectedRequest)
			return
		}
		if s.takeDown(service) {
			s.requests.add(Request{Time: s.now(), Service: service, Reason: ReasonFault})
			breakConnection(w)
			return
		}
		handlers[service].ServeHTTP(w, r)
	})
}
