// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociauth

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/oracle/oci-go-sdk/v65/common"
	"github.com/oracle/oci-go-sdk/v65/common/auth"
)

// credentialsOf returns the SDK's current credentials. It uses the network if a
// token is about to expire. The SDK returns token and key separately, and may
// renew both in between: they belong together if the key is the same before and
// after.
func credentialsOf(provider common.ConfigurationProvider) (credentials, error) {
	var got credentials
	before, err := provider.PrivateRSAKey()
	for range 2 {
		if err != nil {
			return credentials{}, err
		}
		if got.keyID, err = provider.KeyID(); err != nil {
			return credentials{}, err
		}
		if got.key, err = provider.PrivateRSAKey(); err == nil && got.key.Equal(before) {
			break
		}
		before = got.key
	}
	return got, err
}

// instancePrincipal exchanges the certificate of a Compute instance, which it
// reads from the metadata service, for a security token.
type instancePrincipal struct {
	exchange *tokenExchange
	provider common.ConfigurationProvider // nil until it is created
}

func newInstancePrincipal(client *http.Client) *instancePrincipal {
	return &instancePrincipal{exchange: &tokenExchange{
		client:   client,
		metadata: &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, Proxy: localProxy(http.ProxyFromEnvironment)}},
	}}
}

// localProxy returns the environment's proxy if it runs on this machine. A
// proxy elsewhere would reach the metadata service of another machine, if any.
func localProxy(find func(*http.Request) (*url.URL, error)) func(*http.Request) (*url.URL, error) {
	return func(req *http.Request) (*url.URL, error) {
		proxy, err := find(req)
		if proxy == nil || err != nil {
			return nil, err
		}
		if addr, err := netip.ParseAddr(proxy.Hostname()); err != nil || !addr.IsLoopback() {
			return nil, nil
		}
		return proxy, nil
	}
}

func (p *instancePrincipal) forget() { p.provider = nil }

func (p *instancePrincipal) credentials(ctx context.Context) (credentials, error) {
	if err := p.exchange.begin(ctx); err != nil {
		return credentials{}, err
	}
	if p.provider == nil {
		provider, err := auth.InstancePrincipalConfigurationProviderWithCustomClient(
			func(common.HTTPRequestDispatcher) (common.HTTPRequestDispatcher, error) { return p.exchange, nil })
		if err != nil {
			return credentials{}, p.exchange.explain()
		}
		p.provider = provider
	}
	got, err := credentialsOf(p.provider)
	if err != nil {
		// The SDK counts failures and stops trying after three.
		p.forget()
		return credentials{}, p.exchange.explain()
	}
	return got, nil
}

// resourcePrincipal uses the credentials that OCI provides to a function or a
// container instance, in the environment or at the place that it names.
type resourcePrincipal struct{ provider common.ConfigurationProvider }

func (p *resourcePrincipal) forget() { p.provider = nil }

func (p *resourcePrincipal) credentials(context.Context) (credentials, error) {
	if !hasEnv(auth.ResourcePrincipalVersionEnvVar) {
		return credentials{}, &Error{Kind: KindEnvironment, message: "the environment has no OCI_RESOURCE_PRINCIPAL_VERSION: auth type resource_principal works where OCI sets it, as in Functions and Container Instances; elsewhere set another auth::type"}
	}
	if p.provider == nil {
		provider, err := auth.ResourcePrincipalConfigurationProvider()
		if err != nil {
			return credentials{}, resourcePrincipalError()
		}
		p.provider = provider
	}
	got, err := credentialsOf(p.provider)
	if err != nil {
		p.forget()
		return credentials{}, resourcePrincipalError()
	}
	if end, ok := expiry(strings.TrimPrefix(got.keyID, "ST$")); ok && !time.Now().Before(end) {
		return credentials{}, &Error{Kind: KindTokenExpired, message: fmt.Sprintf(
			"the token in OCI_RESOURCE_PRINCIPAL_RPST expired at %s: OCI renews it where it is the path of a file; check that the path is mounted, and the clock of this machine", end.UTC().Format(time.RFC3339))}
	}
	return got, nil
}

// resourcePrincipalError names the variable that the environment lacks for the
// most common version of resource principals. The SDK's own text can contain
// the token.
func resourcePrincipalError() error {
	var missing []string
	for _, name := range []string{auth.ResourcePrincipalRPSTEnvVar, auth.ResourcePrincipalPrivatePEMEnvVar, auth.ResourcePrincipalRegionEnvVar} {
		if !hasEnv(name) {
			missing = append(missing, name)
		}
	}
	if os.Getenv(auth.ResourcePrincipalVersionEnvVar) == auth.ResourcePrincipalVersion2_2 && len(missing) > 0 {
		return &Error{Kind: KindEnvironment, message: "the environment has no " + strings.Join(missing, " and no ") + ": OCI sets them for a resource principal; check that they reach the collector"}
	}
	return &Error{Kind: KindEnvironment, message: "the credentials that OCI_RESOURCE_PRINCIPAL_RPST and OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM name cannot be used: check that both are paths of files that the collector's user can read, or both their contents"}
}

// network returns a short reason why there was no answer. The error of an HTTP
// client contains the URL, and a proxy's URL can contain a password.
func network(err error) string {
	var (
		dns    *net.DNSError
		op     *net.OpError
		netErr net.Error
	)
	switch {
	case errors.Is(err, context.Canceled):
		return "stopped"
	case errors.As(err, &op) && op.Op == "proxyconnect":
		return "the proxy does not answer"
	case errors.As(err, &dns) && dns.IsNotFound:
		return "no such host"
	case errors.As(err, &dns):
		return "the DNS does not answer"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return "no route to it"
	case errors.As(err, &netErr) && netErr.Timeout():
		return "timeout"
	case strings.Contains(err.Error(), "x509:"):
		return "its certificate is not of a known authority"
	}
	if status := proxyStatus(err); status != "" {
		return "the proxy answers " + status
	}
	return "the connection broke off"
}

// proxyStatus returns the status with which a proxy rejected a connection.
// net/http reports nothing else about it.
func proxyStatus(err error) string {
	var urlErr *url.Error
	if !errors.As(err, &urlErr) {
		return ""
	}
	for code := http.StatusBadRequest; code <= http.StatusNetworkAuthenticationRequired; code++ {
		if text := http.StatusText(code); text != "" && urlErr.Err.Error() == text {
			return strconv.Itoa(code) + " " + text
		}
	}
	return ""
}
