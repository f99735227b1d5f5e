// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter // import "github.com/ociapm/otelcol-ociapm/ociapmexporter"

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"syscall"

	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/discovery"
	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/endpoint"
)

// diagnose returns why an upload got no answer, as one word for the telemetry, and what
// to do about it.
func diagnose(err error) (kind, advice string) {
	var (
		dnsErr     *net.DNSError
		opErr      *net.OpError
		netErr     net.Error
		certErr    *tls.CertificateVerificationError
		unknownCA  x509.UnknownAuthorityError
		wrongName  x509.HostnameError
		badRecord  tls.RecordHeaderError
		alertError tls.AlertError
		proxyErr   *proxyError
	)
	switch {
	case errors.Is(err, discovery.ErrUndiscovered):
		return "discovery", "uploads are queued and retried until it is"
	case errors.Is(err, errDataKeyFile):
		return "data_key_file", "uploads are queued and retried until the file has a key"
	case errors.As(err, &dnsErr) && dnsErr.IsNotFound:
		return "dns", "no such host is known: correct the endpoint, " + endpoint.Form + ", or the DNS of this machine"
	case errors.As(err, &dnsErr):
		return "dns", "the DNS of this machine does not answer"
	case errors.As(err, &proxyErr):
		return "proxy", adviceForProxy(proxyErr)
	case errors.As(err, &opErr) && opErr.Op == "proxyconnect":
		return "proxy", "the proxy does not answer: correct proxy_url, or HTTPS_PROXY in the environment"
	case errors.As(err, &wrongName):
		return "tls", "the certificate is another host's: correct the endpoint"
	case errors.As(err, &unknownCA):
		return "tls", "the certificate is not of a known authority: if a proxy inspects TLS, set tls::ca_file to its authority"
	case errors.As(err, &certErr), errors.As(err, &badRecord), errors.As(err, &alertError), errors.Is(err, http.ErrSchemeMismatch):
		return "tls", "no TLS session: check the endpoint, a proxy in between and the clock of this machine"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection_refused", "nothing listens there: check host and port of the endpoint"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return "unreachable", "there is no route to the host: check the network of this machine"
	case errors.As(err, &netErr) && netErr.Timeout():
		return "timeout", "no answer in time: allow outbound HTTPS (port 443) to the host, or set proxy_url; timeout is the time for one upload"
	}
	return "connection_broken", "the connection broke off; uploads are queued and retried"
}

// adviceForProxy returns what to do about a proxy that refuses to connect.
func adviceForProxy(refusal *proxyError) string {
	const queued = "; uploads are queued and retried"
	switch refusal.status {
	case http.StatusProxyAuthRequired:
		return "it requires a user name and a password: write both in front of its host in proxy_url, or in HTTPS_PROXY in the environment" + queued
	case http.StatusForbidden:
		return "it does not allow this host: allow " + refusal.target + " in the proxy, or set NO_PROXY if no proxy is needed" + queued
	}
	return "check that it reaches " + refusal.target + ", or name another proxy in proxy_url or HTTPS_PROXY" + queued
}
