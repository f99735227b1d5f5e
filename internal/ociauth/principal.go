// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociauth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/oracle/oci-go-sdk/v65/common"
	"github.com/oracle/oci-go-sdk/v65/common/auth"
)

// credentialsOf takes what the SDK has now. It asks the network where a token is
// about to expire. The SDK hands out token and key one by one, and may renew both
// in between: they belong together if the key is the same before and after.
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

// instancePrincipal exchanges the certificate of a Compute instance, which the
// metadata service hands out, for a security token.
type instancePrincipal struct {
	exchange *tokenExchange
	provider common.ConfigurationProvider // nil is not made yet
}

func newInstancePrincipal(client *http.Client) *instancePrincipal {
	return &instancePrincipal{exchange: &tokenExchange{
		client:   client,
		metadata: &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, Proxy: localProxy(http.ProxyFromEnvironment)}},
	}}
}

// localProxy finds the environment's proxy if it is on this machine. Any other
// would ask the metadata service of another machine, if any.
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
		// The SDK counts failures and stops asking after three.
		p.forget()
		return credentials{}, p.exchange.explain()
	}
	return got, nil
}

// tokenExchange sends the requests of the SDK for the token of an instance. It
// gives them the caller's context, keeps the SDK from repeating them (it sleeps
// between its attempts, for minutes), and keeps what went wrong, which the SDK
// makes a text of that can hold a token.
type tokenExchange struct {
	client, metadata *http.Client

	mu      sync.Mutex
	ctx     context.Context // of the call that goes on
	region  []byte          // the metadata service's answer about the region
	failure *Error
}

// begin is called before the SDK is. It asks the metadata service what the SDK
// would repeat its question for.
func (e *tokenExchange) begin(ctx context.Context) error {
	e.mu.Lock()
	e.ctx, e.failure = ctx, nil
	known := e.region != nil
	e.mu.Unlock()
	if known {
		return nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, metadataURL()+"/instance/region", http.NoBody)
	if err != nil {
		return &Error{Kind: KindMetadata, message: "OCI_METADATA_BASE_URL is not a URL: correct or remove it"}
	}
	req.Header.Set("Authorization", "Bearer Oracle") // what version 2 of the service asks for
	body, failure := e.askMetadata(req)
	if failure != nil {
		return failure
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.region = body
	return nil
}

func (e *tokenExchange) askMetadata(req *http.Request) ([]byte, *Error) {
	const advice = "; auth type instance_principal works on Compute instances of OCI only: elsewhere set auth::type to config_file, or endpoint and data_key instead of apm_domain_id"
	resp, err := e.metadata.Do(req) //nolint:gosec // the address is fixed, or the operator's
	if err != nil {
		return nil, &Error{Kind: KindMetadata, message: "no instance metadata service answers at " + req.URL.Host + " (" + network(err) + ")" + advice}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	switch {
	case err != nil:
		return nil, &Error{Kind: KindMetadata, message: "the answer of the instance metadata service at " + req.URL.Host + " broke off"}
	case resp.StatusCode != http.StatusOK:
		return nil, &Error{Kind: KindMetadata, Status: resp.StatusCode, message: fmt.Sprintf(
			"the instance metadata service at %s answered %s with %d%s", req.URL.Host, req.URL.Path, resp.StatusCode, advice)}
	}
	return body, nil
}

// Do implements common.HTTPRequestDispatcher. A failure is answered with a status
// for which the SDK gives up at once.
func (e *tokenExchange) Do(req *http.Request) (*http.Response, error) {
	e.mu.Lock()
	ctx, region := e.ctx, e.region
	e.mu.Unlock()
	req = req.WithContext(ctx)

	if strings.HasPrefix(req.URL.String(), metadataURL()) {
		if strings.HasSuffix(req.URL.Path, "/instance/region") {
			return answer(req, http.StatusOK, region), nil
		}
		body, failure := e.askMetadata(req)
		if failure != nil {
			return e.fail(req, failure), nil
		}
		return answer(req, http.StatusOK, body), nil
	}

	resp, err := e.client.Do(req) //nolint:gosec // the address is the SDK's, for the region of this machine
	if err != nil {
		return e.fail(req, &Error{Kind: KindUnreachable, message: "the token service " + req.URL.Host + " does not answer (" + network(err) + "); " + networkAdvice}), nil
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	return e.fail(req, refusedExchange(req.URL.Host, resp)), nil
}

// refusedExchange says why the token service gave no token.
func refusedExchange(host string, resp *http.Response) *Error {
	failure := &Error{Kind: KindFederation, Status: resp.StatusCode, RequestID: resp.Header.Get("opc-request-id")}
	date, err := http.ParseTime(resp.Header.Get("Date"))
	switch {
	case resp.StatusCode == http.StatusTooManyRequests:
		failure.Kind = KindThrottled
		failure.message = "the token service " + host + " throttles this machine (429); it is asked again later"
	case resp.StatusCode >= 500:
		failure.Kind = KindUnreachable
		failure.message = fmt.Sprintf("the token service %s answered with %d; it is asked again later", host, resp.StatusCode)
	case resp.StatusCode == http.StatusUnauthorized && err == nil && skewed(date):
		failure.Kind = KindClockSkew
		failure.message = clockAdvice(date)
	default:
		failure.message = fmt.Sprintf("the token service %s refused the certificate of this instance with %d: check that its dynamic group matches this instance, and the clock of this machine", host, resp.StatusCode)
	}
	return failure
}

func (e *tokenExchange) fail(req *http.Request, failure *Error) *http.Response {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.failure = failure
	return answer(req, http.StatusTeapot, nil)
}

// explain returns what made the SDK fail.
func (e *tokenExchange) explain() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.failure != nil {
		return e.failure
	}
	return &Error{Kind: KindFederation, message: "the certificate of this instance, or the token for it, is not in the form that the OCI SDK expects"}
}

func answer(req *http.Request, status int, body []byte) *http.Response {
	return &http.Response{
		StatusCode: status, Status: strconv.Itoa(status), Request: req,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}
}

// metadataURL is the base of the metadata service, as the SDK finds it.
func metadataURL() string {
	if url := os.Getenv("OCI_METADATA_BASE_URL"); url != "" {
		return url
	}
	return "http://169.254.169.254/opc/v2"
}

// resourcePrincipal takes the credentials that OCI puts into the environment of
// a function or a container instance, or where the environment says.
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

// resourcePrincipalError names what the environment lacks for the version that
// OCI uses most. The SDK's own text can hold the token.
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

// workloadIdentity exchanges the token of a pod's service account for one of OCI,
// through the proxymux of an enhanced OKE cluster.
type workloadIdentity struct{ provider common.ConfigurationProvider }

// forget does nothing: a token is new when half an hour of it is over, and what
// OCI allows a workload is not decided when it is made.
func (*workloadIdentity) forget() {}

func (p *workloadIdentity) credentials(context.Context) (credentials, error) {
	if err := checkWorkload(); err != nil {
		return credentials{}, err
	}
	if p.provider == nil {
		provider, err := auth.OkeWorkloadIdentityConfigurationProvider()
		if err != nil {
			return credentials{}, &Error{Kind: KindEnvironment, message: "OKE workload identity is not set up in this pod: check OCI_RESOURCE_PRINCIPAL_VERSION, OCI_RESOURCE_PRINCIPAL_REGION and the service account's ca.crt"}
		}
		p.provider = provider
	}
	got, err := credentialsOf(p.provider)
	if err != nil {
		failure := workloadError(err)
		if failure.Status == 0 {
			// The certificate of the cluster may be another by now. There is no
			// connection to lose.
			p.provider = nil
		}
		return credentials{}, failure
	}
	return got, nil
}

// checkWorkload says what a pod lacks for workload identity.
func checkWorkload() error {
	if !isFile(auth.KubernetesServiceAccountTokenPath) || !hasEnv(auth.KubernetesServiceHostEnvVar) {
		return &Error{Kind: KindEnvironment, message: "there is no service account token at " + auth.KubernetesServiceAccountTokenPath +
			", or no KUBERNETES_SERVICE_HOST: auth type workload_identity works in pods of an enhanced OKE cluster, with automountServiceAccountToken: true; elsewhere set another auth::type"}
	}
	version := os.Getenv(auth.ResourcePrincipalVersionEnvVar)
	if (version != auth.ResourcePrincipalVersion1_1 && version != auth.ResourcePrincipalVersion2_2) || !hasEnv(auth.ResourcePrincipalRegionEnvVar) {
		return &Error{Kind: KindEnvironment, message: `workload identity needs two variables in the environment of the pod: set OCI_RESOURCE_PRINCIPAL_VERSION to "2.2" and OCI_RESOURCE_PRINCIPAL_REGION to the region of the cluster`}
	}
	return nil
}

var statusPattern = regexp.MustCompile(`Status: (\d{3})`)

// workloadError says what the SDK's error is about. Its text can hold the token
// of the service account.
func workloadError(err error) *Error {
	text := err.Error()
	failure := &Error{Kind: KindFederation}
	if match := statusPattern.FindStringSubmatch(text); match != nil {
		failure.Status, _ = strconv.Atoi(match[1]) // three digits
	}
	switch {
	case failure.Status == http.StatusForbidden:
		failure.message = "OKE refuses workload identity to this pod (403): it needs an enhanced cluster; upgrade the cluster, or set another auth::type"
	case failure.Status == http.StatusUnauthorized:
		failure.message = "OKE refuses the service account token of this pod (401): check the clock of the node and that the token is the cluster's own"
	case failure.Status == http.StatusTooManyRequests:
		failure.Kind, failure.message = KindThrottled, "OKE throttles requests for workload identity (429); it is asked again later"
	case failure.Status != 0:
		failure.Kind = KindUnreachable
		failure.message = fmt.Sprintf("OKE gave no token for this pod (%d); it is asked again later", failure.Status)
	case strings.Contains(text, "service account token"):
		failure.Kind = KindEnvironment
		failure.message = "the service account token at " + auth.KubernetesServiceAccountTokenPath + " cannot be used, or has expired: Kubernetes renews it; check that it is mounted, and the clock of the node"
	case strings.Contains(text, "x509:"):
		failure.Kind = KindUnreachable
		failure.message = "port 12250 of the cluster's API server shows a certificate that the service account's ca.crt does not know: check that the pod runs in an enhanced OKE cluster"
	default:
		failure.Kind = KindUnreachable
		failure.message = "port 12250 of the cluster's API server does not answer: allow egress from this pod to it, in an enhanced OKE cluster; it is asked again later"
	}
	return failure
}

// network says in a few words why there was no answer. The error of an HTTP
// client repeats the URL, and of a proxy's URL the password.
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

// proxyStatus returns the status with which a proxy refused a connection. It is
// all that net/http says of it.
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
