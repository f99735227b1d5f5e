// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/ociapm/otelcol-ociapm/ociapmexporter"
)

// connectionTrace records how far the connection for an upload gets.
type connectionTrace struct {
	mu        sync.Mutex
	host      string // that is connected to: the proxy's or the endpoint's
	addresses []string
	dnsErr    error
	resolved  bool
	remote    string // connected to
	dialErr   error
	secure    bool
	state     tls.ConnectionState
	tlsErr    error
}

func (t *connectionTrace) hooks() *httptrace.ClientTrace {
	locked := func(change func()) {
		t.mu.Lock()
		defer t.mu.Unlock()
		change()
	}
	return &httptrace.ClientTrace{
		DNSStart: func(info httptrace.DNSStartInfo) { locked(func() { t.host = info.Host }) },
		DNSDone: func(info httptrace.DNSDoneInfo) {
			locked(func() {
				t.resolved, t.dnsErr = true, info.Err
				for _, address := range info.Addrs {
					t.addresses = append(t.addresses, address.String())
				}
			})
		},
		ConnectDone: func(_, address string, err error) {
			locked(func() {
				if err == nil {
					t.remote, t.dialErr = address, nil
				} else if t.remote == "" {
					t.remote, t.dialErr = "", fmt.Errorf("%s: %w", address, rootOf(err))
				}
			})
		},
		TLSHandshakeDone: func(state tls.ConnectionState, err error) {
			locked(func() { t.secure, t.state, t.tlsErr = true, state, err })
		},
	}
}

// rootOf returns the innermost error.
func rootOf(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// findings describes each step of the connection. The step that failed has the words of
// the exporter.
func (t *connectionTrace) findings(probe ociapmexporter.Probe, proxyURL string) []Finding {
	t.mu.Lock()
	defer t.mu.Unlock()
	if probe.Kind == "discovery" {
		const reason = "the endpoint is not known"
		return []Finding{skipped(DNS, reason), skipped(TCP, reason), skipped(Proxy, reason), skipped(TLS, reason)}
	}
	return []Finding{t.dns(probe), t.tcp(probe), proxyFinding(probe, proxyURL, t.remote != ""), t.tls(probe)}
}

func (t *connectionTrace) dns(probe ociapmexporter.Probe) Finding {
	switch {
	case t.dnsErr != nil || probe.Kind == "dns":
		return failed(DNS, t.host+" has no address", probe.Advice)
	case !t.resolved:
		return skipped(DNS, "the address needs none")
	}
	return ok(DNS, t.host+" is "+strings.Join(t.addresses, ", "))
}

func (t *connectionTrace) tcp(probe ociapmexporter.Probe) Finding {
	switch {
	case t.remote != "":
		return ok(TCP, "connected to "+t.remote)
	case t.dialErr != nil:
		return failed(TCP, t.dialErr.Error(), probe.Advice)
	case probe.Status == 0 && probe.Kind != "dns" && probe.Kind != "configuration":
		return failed(TCP, short(probe.Problem), probe.Advice)
	}
	return skipped(TCP, "not tried")
}

func proxyFinding(probe ociapmexporter.Probe, proxyURL string, connected bool) Finding {
	via := proxyOf(probe.URL, proxyURL)
	switch {
	case probe.Kind == "proxy" && connected:
		return failed(Proxy, short(probe.Problem), probe.Advice)
	case via == "" && proxyVariable() != "" && strings.HasPrefix(probe.URL, "https://"):
		return skipped(Proxy, "none is used: NO_PROXY has this host, or "+proxyVariable()+" is not the URL of a proxy")
	case via == "":
		return skipped(Proxy, "none is set")
	case !connected:
		return skipped(Proxy, via+" is not reached: see "+TCP)
	}
	return ok(Proxy, via+" lets the connection through")
}

// proxyVariable returns the name of the variable with a proxy for https, or "".
func proxyVariable() string {
	for _, name := range []string{"HTTPS_PROXY", "https_proxy"} {
		if os.Getenv(name) != "" {
			return name
		}
	}
	return ""
}

// proxyOf returns the host of the proxy for an upload: that of the setting proxy_url, or
// that of the environment; "" is none.
func proxyOf(target, proxyURL string) string {
	if parsed, err := url.Parse(proxyURL); proxyURL != "" && err == nil {
		return parsed.Host
	}
	parsed, err := url.Parse(target)
	if err != nil {
		return ""
	}
	via, err := http.ProxyFromEnvironment(&http.Request{URL: parsed})
	if via == nil || err != nil {
		return ""
	}
	return via.Host
}

func (t *connectionTrace) tls(probe ociapmexporter.Probe) Finding {
	switch {
	case probe.Kind == "tls" || t.tlsErr != nil:
		text := short(probe.Problem)
		if t.tlsErr != nil {
			text = t.tlsErr.Error()
		}
		return failed(TLS, text, probe.Advice)
	case strings.HasPrefix(probe.URL, "http://"):
		return skipped(TLS, "the endpoint is on this machine, with http")
	case !t.secure:
		return skipped(TLS, "not tried")
	}
	text := tls.VersionName(t.state.Version)
	if len(t.state.PeerCertificates) > 0 {
		certificate := t.state.PeerCertificates[0]
		text += ", certificate of " + certificate.Issuer.CommonName + ", valid until " + certificate.NotAfter.UTC().Format(time.DateOnly)
	}
	return ok(TLS, text)
}
